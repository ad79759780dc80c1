"""The table of a run, in Markdown."""

from __future__ import annotations

import statistics

from bench.targets import AT_LEAST, MISSED, NOT_JUDGED, Judgement, series


def figure(value: float | None, unit: str = "") -> str:
    """A number with as many digits as mean something."""
    if value is None:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}" + (f" {unit}" if unit else "")


def spread(values, unit: str = "") -> str:
    """The median, and from which to which value the rounds went."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    middle = figure(statistics.median(values), unit)
    return middle if len(values) == 1 else f"{middle} ({figure(min(values))} … {figure(max(values))})"


def bound(judgement: Judgement) -> str:
    return f"{'≥' if judgement.kind == AT_LEAST else '≤'} {judgement.bound:g}" + (f" {judgement.unit}" if judgement.unit else "")


def _row(*cells) -> str:
    return "| " + " | ".join(cells) + " |"


def markdown(data: dict, judgements: list[Judgement]) -> str:
    machine = data["machine"]
    memory = f", {machine['memory_mb'] / 1024:.0f} GB" if machine["memory_mb"] else ""
    changed = " with changes" if machine["changed_since_commit"] else ""
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores{memory}, {machine['kernel']}; {machine['java']}; PostgreSQL"
        f" {machine['postgresql']}; commit {machine['commit']}{changed}. Load generator, store and database share the machine"
        f" (load before the run {machine['load_before']:.1f}).",
        "",
        f"{data['rounds']} {'round' if data['rounds'] == 1 else 'rounds'} of {data['seconds']} s a measurement, interleaved."
        " Medians, and from which to which value the rounds went. A ratio is that of one round, both sides measured in turn.",
        "",
        _row("target", "store", "limit", "measured", "wanted", "verdict"),
        _row("---", "---:", "---:", "---:", "---:", "---"),
    ]
    for j in judgements:
        verdict = f"{j.verdict}: {j.reason}" if j.verdict == NOT_JUDGED else f"**{j.verdict}**" if j.verdict == MISSED else j.verdict
        store, limit = (spread([statistics.median(v)] if v else []) for v in (j.store, j.limit))
        lines.append(_row(j.title, store, limit, spread(j.values, j.unit), bound(j), verdict))
    lines += ["", "What was measured. CPU is that of one request, in microseconds: of the store's JVM, of all of PostgreSQL's"
              " processes, of the load generator. Statements are those that reached the database, BEGIN and COMMIT included.", ""]
    lines += [
        _row("what", "products", "a second", "p50 ms", "p99 ms", "CPU JVM", "CPU database", "CPU load", "statements"),
        _row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:"),
    ]
    for step, products in dict.fromkeys((m["step"], m["products"]) for m in data["measurements"]):
        rounds = [m for m in data["measurements"] if (m["step"], m["products"]) == (step, products)]

        def of(name):
            return [m[name] for m in rounds if name in m]

        clients = data["pgbench_clients"].get(f"{step}, {products}")
        lines.append(_row(
            step + (f" (pgbench, {clients} clients)" if clients else ""), f"{products:,}" if products else "–",
            spread(of("per_second")), spread(of("p50_ms")), spread(of("p99_ms")),
            *(spread(of(name)) for name in ("jvm_us", "database_us", "load_us", "statements"))))
    plain = series(data, "list plain", None)
    for products in data["products"]:
        cached = series(data, "list cached", products)
        lines += ["", f"List from the cache, {products:,} products / the plainest answer of the server: "
                  + spread([cached[n] / plain[n] for n in cached.keys() & plain.keys()]) + "."]
    for products, mb in data["resident_mb"].items():
        lines += ["", f"Resident memory of the JVM that served {int(products):,} products: {figure(mb, 'MB')}."]
    if not data["resident_mb"]:
        lines += ["", "This system has no /proc: CPU time and memory were left out."]
    return "\n".join(lines) + "\n"
