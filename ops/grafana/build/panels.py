"""
The words in which dashboards are written down here, and what Grafana wants to read instead of them.

A board is a list of rows: a string is a heading, a list holds panels that share 24 columns. In an expression `{@name}` stands for
the matchers of that name, `$__rate_interval`, `$job` and `$instance` are Grafana's.
"""

import json
import re
import zlib

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "product-store"
# Every board, in the order in which links name them.
BOARDS = {
    "store-system": "System",
    "store-api": "API",
    "store-database": "Database",
    "store-shop": "Shop",
    "store-jvm": "JVM",
    "store-loadtest": "Load test",
}
GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"
A_SECOND, A_MINUTE = "suffix:/s", "suffix:/min"
# Up to where an axis goes at least, by unit.
SMALL = {"percentunit": 0.01, "s": 0.01, "Bps": 1000, "bytes": 1000}


def query(expr, legend="", exemplars=False):
    """One question of a panel; legend names each line, with labels in {{ }}."""
    return {"expr": expr, "legendFormat": legend or "__auto", "exemplar": exemplars}


def top(number, by, shown, ranked=None):
    """
    Of the series of `shown` the largest ones, the same ones over the whole graph: a plain topk() takes others at each step, and
    draws dozens of lines. [~] stands for the window, which is the whole range of the picture where they are ranked.
    """
    ranked = (ranked or shown).replace("[~]", "[$__range] @ end()")
    return f"{shown.replace('[~]', '[$__rate_interval]')} and on ({by}) topk({number}, {ranked})"


def quantile(q, bucket, window="$__rate_interval", by="le"):
    """That of a histogram; bucket with its matchers. An empty one is NaN: compare, so that nothing is drawn then."""
    return f"histogram_quantile({q}, sum by ({by}) (rate({bucket}[{window}])))"


def above(amber, red):
    """Colours of a number that should be small."""
    return [(None, GREEN), (amber, AMBER), (red, RED)] if amber is not None else [(None, GREEN), (red, RED)]


def below(red, amber):
    """Colours of a number that should be large."""
    return [(None, RED), (red, AMBER), (amber, GREEN)]


NEUTRAL = [(None, BLUE)]
UP = {"0": ("DOWN", RED), "1": ("UP", GREEN)}


def tile(title, description, unit, expr, steps=NEUTRAL, *, link=None, decimals=None, names=None, empty="no data", spark=True, instant=False):
    """
    One number, large, on its colour. link: the board to go on to. names: texts for certain values. empty: what to say where there
    is none.
    """
    options = {
        "colorMode": "background_solid",
        "graphMode": "area" if spark and not names and not instant else "none",
        "justifyMode": "center",
        "textMode": "value",
        "wideLayout": True,
        "percentChangeColorMode": "standard",
        "showPercentChange": False,
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    defaults = _field(unit, steps, decimals, names)
    defaults["noValue"] = empty
    panel = _panel("stat", title, description, [query(expr, title)], defaults, options, height=4)
    if instant:
        panel["targets"][0] |= {"instant": True, "range": False}
    if link:
        panel["links"] = [{"title": BOARDS[link], "url": f"/d/{link}?${{__url_time_range}}", "targetBlank": False}]
    return panel


def store_tile():
    """The first of every board about the store."""
    return tile("Store", "Whether it answers Prometheus. DOWN, if any of several doesn't.", "short", "min(up{@one})", names=UP)


def processor(description, which):
    """which: the name of the matchers."""
    return graph(
        "Processor",
        description,
        "percentunit",
        query(f"max(process_cpu_usage{{@{which}}})", "store"),
        query(f"max(system_cpu_usage{{@{which}}})", "machine"),
        maximum=1,
        colors={"store": GREEN, "machine": BLUE},
    )


def graph(
    title, description, unit, *queries, stack=False, limit=None, colors=None, dashed=(), maximum=None, decimals=None, width=None, height=8, log=False
):
    """
    Lines over time from zero. limit: where it becomes bad, drawn as a line. colors and dashed: by legend.
    """
    custom = {
        "drawStyle": "line",
        "lineWidth": 0 if stack else 2,
        "fillOpacity": 70 if stack else 8,
        "gradientMode": "none" if stack else "opacity",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "axisPlacement": "auto",
        # Nothing but noughts is a line on the ground, not one below 10,000 %.
        "axisSoftMax": SMALL.get(unit, 1),
        "thresholdsStyle": {"mode": "dashed" if limit is not None else "off"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
    }
    defaults = _field(unit, [(None, GREEN), (limit, RED)] if limit is not None else [(None, GREEN)], decimals)
    # One colour a series; the threshold is only a line.
    defaults["color"] = {"mode": "palette-classic"}
    defaults["custom"] = custom
    defaults["noValue"] = "no data"
    if not log:
        defaults["min"] = 0
    if maximum is not None:
        defaults["max"] = maximum
    overrides = [_override(name, [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]) for name, color in (colors or {}).items()]
    overrides += [
        _override(name, [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}}, {"id": "custom.fillOpacity", "value": 0}])
        for name in dashed
    ]
    options = {
        "legend": {
            "showLegend": True,
            "displayMode": "list",
            "placement": "bottom",
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, description, queries, defaults, options, overrides, width=width, height=height)


def timeline(title, description, *queries, names, width=None, height=8):
    """What was up, and when."""
    defaults = _field("short", [(None, GREEN)], 0, names)
    defaults["color"] = {"mode": "thresholds"}
    defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "center",
        "rowHeight": 0.8,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, description, queries, defaults, options, width=width, height=height)


def heatmap(title, description, expr, width=None, height=8):
    """How many took how long: a row a bucket."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {"mode": "scheme", "scheme": "Turbo", "fill": "dark-orange", "exponent": 0.5, "steps": 64, "reverse": False, "scale": "exponential"},
        "exemplars": {"color": "rgba(255,255,255,0.8)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"},
    }
    asked = query(expr, "{{le}}", exemplars=True) | {"format": "heatmap"}
    return _panel(
        "heatmap",
        title,
        description,
        [asked],
        {"unit": "short", "custom": {"scaleDistribution": {"type": "linear"}}},
        options,
        width=width,
        height=height,
    )


def column(label, title, width=None, unit=None, steps=None, decimals=None, names=None, gauge=False):
    """A column of a table: of a label, or of the query whose name is `label`."""
    return {"label": label, "title": title, "width": width, "unit": unit, "steps": steps, "decimals": decimals, "names": names, "gauge": gauge}


def table(title, description, queries, columns, sort, *, width=None, height=8, descending=True, empty="nothing"):
    """
    One row for each set of labels. queries: expressions by name, of the moment at the right end of the graphs; columns say in which
    order names and labels are shown, all others are not.
    """
    targets = []
    for name, expr in queries.items():
        targets.append(query(expr) | {"format": "table", "instant": True, "range": False, "refId": name})
    overrides = []
    for each in columns:
        properties = []
        if each["width"]:
            properties.append({"id": "custom.width", "value": each["width"]})
        if each["unit"]:
            properties.append({"id": "unit", "value": each["unit"]})
        if each["decimals"] is not None:
            properties.append({"id": "decimals", "value": each["decimals"]})
        if each["names"]:
            properties.append({"id": "mappings", "value": _mappings(each["names"])})
        if each["steps"] or each["names"]:
            properties.append({"id": "thresholds", "value": _steps(each["steps"] or NEUTRAL)})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}})
        if each["gauge"]:
            properties.append({"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}})
            properties.append({"id": "color", "value": {"mode": "fixed", "fixedColor": BLUE}})
        if properties:
            overrides.append(_override(each["title"], properties))
    # Grafana calls a table's number "Value", and "Value #A" where there are several.
    raw = {name: f"Value #{name}" if len(queries) > 1 else "Value" for name in queries}
    renamed = {raw.get(each["label"], each["label"]): each["title"] for each in columns}
    transformations = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    transformations.append(
        {
            "id": "filterFieldsByName",
            "options": {"include": {"names": list(renamed)}},
        }
    )
    transformations.append(
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(renamed)},
                "renameByName": renamed,
            },
        }
    )
    defaults = {"unit": "short", "noValue": empty, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}}
    options = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [{"displayName": sort, "desc": descending}],
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
    }
    panel = _panel("table", title, description, targets, defaults, options, overrides, width=width, height=height)
    panel["transformations"] = transformations
    return panel


def board(uid, *, description, watched, rows, matchers=None):
    """
    A whole dashboard. watched: (job, metric): whose instances one can choose among. matchers: what {@name} stands for, beside
    {@one} for the job and instances chosen.
    """
    job, metric = watched
    known = {"one": 'job="$job",instance=~"$instance"', **(matchers or {})}
    return _expanded(
        {
            "uid": uid,
            "title": BOARDS[uid],
            "description": description,
            "tags": [TAG],
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "schemaVersion": 41,
            "version": 1,
            "links": [
                {
                    "type": "link",
                    "title": title,
                    "url": f"/d/{other}",
                    "keepTime": True,
                    "includeVars": False,
                    "targetBlank": False,
                    "icon": "dashboard",
                    "tags": [],
                    "asDropdown": False,
                    "tooltip": "",
                }
                for other, title in BOARDS.items()
                if other != uid
            ],
            "templating": {"list": _variables(job, metric)},
            "annotations": {"list": _annotations()},
            "panels": _laid_out(rows),
        },
        known,
    )


def text(dashboard):
    return json.dumps(dashboard, ensure_ascii=False, indent=2) + "\n"


def _variables(job, metric):
    chosen = {"type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1, "hide": 0}
    return [
        {
            "name": "datasource",
            "label": "Data",
            "type": "datasource",
            "query": "prometheus",
            "current": {"text": "Prometheus", "value": "prometheus"},
            "hide": 0,
            "multi": False,
            "includeAll": False,
        },
        {
            **chosen,
            "name": "job",
            "label": "Job",
            "query": {"query": f"label_values({metric}, job)", "refId": "job"},
            "current": {"text": job, "value": job},
            "multi": False,
            "includeAll": False,
        },
        {
            **chosen,
            "name": "instance",
            "label": "Instance",
            "query": {"query": f'label_values({metric}{{job="$job"}}, instance)', "refId": "instance"},
            "current": {"text": ["All"], "value": ["$__all"]},
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
        },
    ]


def _annotations():
    def marked(name, color, expr, title, details="", **more):
        return {
            "name": name,
            "enable": True,
            "hide": False,
            "iconColor": color,
            "datasource": SOURCE,
            "expr": expr,
            # Each holds for a minute from its beginning, so that there is one mark, and not a band over all of an alert.
            "step": "1m",
            "titleFormat": title,
            "textFormat": details,
            "tagKeys": "",
            **more,
        }

    firing = 'max by (alertname, severity, instance) (ALERTS{alertstate="firing",severity=~"critical|warning"}%s)'
    return [
        marked("Alerts", RED, f"{firing % ''} unless {firing % ' offset 1m'}", "{{alertname}}", "{{severity}} {{instance}}"),
        marked("Starts", BLUE, 'time() - process_start_time_seconds{job="store"} < 60', "Started", "{{instance}}"),
        marked(
            "Versions",
            "purple",
            'count by (version) (store_build_info{job="store"}) unless count by (version) (last_over_time(store_build_info{job="store"}[6h] offset 1m))',
            "Version {{version}}",
        ),
        # The value is the moment itself, in milliseconds, so that the mark stands right there at any zoom. Half an hour, since whoever
        # tells the end of a run is gone soon after it, and a step is that long where a day or two are looked at.
        marked(
            "Load tests",
            "yellow",
            "1000 * max by (event, scenario, shape, users) (last_over_time(locust_run_timestamp_seconds[30m]))",
            "Load test: {{event}}",
            "{{scenario}}, {{users}} users, {{shape}}",
            useValueForTime="on",
        ),
    ]


def _laid_out(rows):
    panels, y = [], 0
    for row in rows:
        if isinstance(row, str):
            panels.append(
                {
                    "id": _number(f"row {row}"),
                    "type": "row",
                    "title": row,
                    "collapsed": False,
                    "panels": [],
                    "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
                }
            )
            y += 1
            continue
        free = COLUMNS - sum(panel["gridPos"]["w"] or 0 for panel in row)
        sharing = sum(1 for panel in row if not panel["gridPos"]["w"])
        x, height = 0, max(panel["gridPos"]["h"] for panel in row)
        for panel in row:
            width = panel["gridPos"]["w"] or free // sharing
            panels.append(panel | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
            x += width
        if x != COLUMNS:
            raise ValueError(f"{[panel['title'] for panel in row]} take {x} columns, not {COLUMNS}")
        y += height
    return panels


def _number(title):
    """The same however panels are moved, so that a link to one stays right; the test of the kit sees to it that no two are equal."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def _panel(kind, title, description, queries, defaults, options, overrides=(), *, width=None, height=8):
    targets = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "editorMode": "code", "range": True, "instant": False, **each}
        for place, each in enumerate(queries)
    ]
    return {
        "id": _number(f"{kind} {title}"),
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
    }


def _field(unit, steps, decimals=None, names=None):
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": _steps(steps), "mappings": _mappings(names or {})}
    return field if decimals is None else {**field, "decimals": decimals}


def _steps(steps):
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _mappings(names):
    return (
        [
            {
                "type": "value",
                "options": {value: {"text": said, "color": color, "index": place} for place, (value, (said, color)) in enumerate(names.items())},
            }
        ]
        if names
        else []
    )


def _override(name, properties):
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _expanded(value, matchers):
    """value with each {@name} in its expressions replaced; an unknown name is a KeyError."""
    if isinstance(value, dict):
        return {key: _expanded(inner, matchers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expanded(inner, matchers) for inner in value]
    if isinstance(value, str):
        return re.sub(r"@(\w+)(?=[,}])", lambda match: matchers[match[1]], value)
    return value
