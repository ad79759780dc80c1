"""The dashboards as Grafana reads them, and what is wrong with them, in sentences; an empty list is good."""

import importlib.util
import json
import re
import sys

from rulebook import OPS, queries, selectors

GRAFANA = OPS / "grafana"
COLUMNS = 24
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
LINK = re.compile(r"/?d/([\w-]+)(?:\?(.*))?")


def read_boards(folder=GRAFANA / "dashboards"):
    return {file.name: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def written():
    """The files that the definitions make."""
    path = GRAFANA / "build/__main__.py"
    spec = importlib.util.spec_from_file_location("grafana_build", path)
    module = importlib.util.module_from_spec(spec)
    # It puts its folder on the path, for the definitions.
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
        return module.written()
    finally:
        sys.path[:] = before


def panels(board):
    """All but headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def named(board, panel):
    return f"{board['uid']}: {panel['title']}"


def complaints(boards):
    said = []
    uids = [board["uid"] for board in boards.values()]
    said += [f"uid {uid} is used twice" for uid in sorted(set(uids)) if uids.count(uid) > 1]
    for file, board in boards.items():
        if file != f"{board['uid']}.json":
            said.append(f"{file} has the uid {board['uid']}")
        if board.get("editable") is not False:
            said.append(f"{board['uid']} can be edited")
        known = {each["name"] for each in board["templating"]["list"]}
        said += [f"{board['uid']} has no variable {name}" for name in ("datasource", "job", "instance") if name not in known]
        used = {match[1] or match[2] for match in VARIABLE.finditer(json.dumps([board["panels"], board["annotations"], board["links"]]))}
        said += [f"{board['uid']} uses the unknown variable {name}" for name in sorted(used - known) if not name.startswith("__")]
        said += places(board)
        for panel in panels(board):
            said += texts(board, panel)
        said += dead_links(board, uids)
    return said


def texts(board, panel):
    said = []
    if not panel.get("title"):
        said.append(f"{board['uid']}: panel {panel['id']} has no title")
    if len(panel.get("description", "")) < 10:
        said.append(f"{named(board, panel)} has no description")
    if not panel["fieldConfig"]["defaults"].get("unit"):
        said.append(f"{named(board, panel)} has no unit")
    if not panel.get("targets"):
        said.append(f"{named(board, panel)} asks nothing")
    for each in [panel, *panel.get("targets", [])]:
        if each["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            said.append(f"{named(board, panel)} does not use the chosen data source")
    return said


def places(board):
    said, taken = [], {}
    ids = [panel["id"] for panel in board["panels"]]
    said += [f"{board['uid']}: id {number} is used twice" for number in sorted(set(ids)) if ids.count(number) > 1]
    for panel in board["panels"]:
        at = panel["gridPos"]
        if at["x"] < 0 or at["x"] + at["w"] > COLUMNS:
            said.append(f"{named(board, panel)} leaves the {COLUMNS} columns")
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cell in taken:
                said.append(f"{named(board, panel)} lies over {taken[cell]}")
                break
            taken[cell] = panel["title"]
    return said


def dead_links(board, uids):
    links = [(board["uid"], link["url"]) for link in board["links"]]
    links += [(named(board, panel), link["url"]) for panel in panels(board) for link in panel.get("links", [])]
    said = [f"{where} links to {url}, which is no dashboard" for where, url in links if not (LINK.fullmatch(url) and LINK.fullmatch(url)[1] in uids)]
    others = {LINK.fullmatch(link["url"])[1] for link in board["links"] if LINK.fullmatch(link["url"])}
    return said + [f"{board['uid']} has no link to {uid}" for uid in uids if uid != board["uid"] and uid not in others]


def dead_links_of_alerts(rules, boards):
    """An alert names its dashboard, and may name a panel of it: d/store-api?viewPanel=7."""
    known = {board["uid"]: {str(panel["id"]) for panel in board["panels"]} for board in boards.values()}
    said = []
    for rule in rules:
        if not rule.alert:
            continue
        match = LINK.fullmatch(rule.annotations["dashboard"])
        if not match or match[1] not in known:
            said.append(f"{rule} links to {rule.annotations['dashboard']}, which is no dashboard")
        elif (
            match[2]
            and re.fullmatch(r"viewPanel=(?:panel-)?(\d+)", match[2])
            and match[2].split("=")[1].removeprefix("panel-") not in known[match[1]]
        ):
            said.append(f"{rule} links to {rule.annotations['dashboard']}, which has no such panel")
    return said


class Live:
    """The questions of dashboards and rules, put to a Prometheus that watches a store."""

    def __init__(self, stack, start, now):
        self.stack = stack
        self.start = start
        self.now = now
        self.names = set(stack.ask("label/__name__/values", start=start, end=now))

    def filled_in(self, board, expr):
        """expr with the variables as they are when one opens the board."""
        step = max(self.stack.scrape, (self.now - self.start) / 500)
        values = {
            "job": next(each["current"]["value"] for each in board["templating"]["list"] if each["name"] == "job"),
            "instance": ".*",
            "__rate_interval": f"{round(max(step + self.stack.scrape, 4 * self.stack.scrape))}s",
            "__range": f"{round(self.now - self.start)}s",
        }
        return VARIABLE.sub(lambda match: values[match[1] or match[2]], expr)

    def unknown(self, expressions):
        """Metrics that an expression names and that nobody has; expressions: (where it stands, the expression)."""
        said = []
        for where, expr in expressions:
            for selector in selectors(expr):
                name = selector.split("{")[0]
                if name not in self.names:
                    said.append(f"{where} asks for {name}, which is not there")
        return list(dict.fromkeys(said))

    def of_boards(self, boards):
        for board in boards.values():
            for panel in panels(board):
                for target in panel["targets"]:
                    yield named(board, panel), self.filled_in(board, target["expr"])
            for each in board["annotations"]["list"]:
                yield f"{board['uid']}: annotation {each['name']}", self.filled_in(board, each["expr"])
            for each in board["templating"]["list"]:
                if each["type"] == "query":
                    yield f"{board['uid']}: variable {each['name']}", re.fullmatch(
                        r"label_values\((.*), \w+\)", self.filled_in(board, each["query"]["query"])
                    )[1]

    @staticmethod
    def of_rules(rules):
        for rule in rules:
            for text in [rule.expr, *queries(rule)]:
                yield str(rule), text

    def empty(self, boards, reasons):
        """Panels of which a query gives nothing, or lacks a label that its legend names. reasons: of what may be empty, why."""
        said, left = [], dict(reasons)
        for board in boards.values():
            for panel in panels(board):
                for target in panel["targets"]:
                    key = (board["uid"], panel["title"], target["refId"])
                    series = self.series(board, target)
                    if not series and not left.pop(key, None):
                        said.append(f"{named(board, panel)}, {target['refId']} gives nothing: {target['expr']}")
                    left.pop(key, None)
                    labels = {label for each in series for label in each["metric"]}
                    said += [
                        f"{named(board, panel)}, {target['refId']} has no label {label}"
                        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                        if series and label not in labels
                    ]
        return said + [f"{' '.join(key)} may be empty, but is not there" for key in left]

    def series(self, board, target):
        """Those with a number."""
        expr = self.filled_in(board, target["expr"])
        if target["instant"]:
            result = self.stack.ask("query", query=expr, time=self.now)["result"]
            return [each for each in result if each["value"][1] != "NaN"]
        result = self.stack.ask("query_range", query=expr, start=self.start, end=self.now, step=self.stack.scrape)["result"]
        return [each for each in result if any(value != "NaN" for _, value in each["values"])]

    def choices(self, board):
        """What each variable offers, by its name."""
        offered = {}
        for each in board["templating"]["list"]:
            if each["type"] == "query":
                match = re.fullmatch(r"label_values\((.*), (\w+)\)", self.filled_in(board, each["query"]["query"]))
                offered[each["name"]] = self.stack.ask(f"label/{match[2]}/values", **{"match[]": match[1]}, start=self.start, end=self.now)
        return offered
