"""What the store is held to, and the verdict on a run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

AT_LEAST, AT_MOST = "at least", "at most"
MET, MISSED, NOT_JUDGED = "met", "missed", "not judged"


@dataclass
class Judgement:
    """One target with what was measured, a value a round; without values it is not judged, and ``reason`` says why."""

    title: str
    kind: str
    bound: float
    unit: str = ""
    values: list = field(default_factory=list)
    store: list = field(default_factory=list)
    limit: list = field(default_factory=list)
    reason: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        if not self.values:
            return NOT_JUDGED
        met = self.median >= self.bound if self.kind == AT_LEAST else self.median <= self.bound
        return MET if met else MISSED

    def as_json(self) -> dict:
        return {
            "title": self.title, "kind": self.kind, "bound": self.bound, "unit": self.unit, "values": self.values,
            "median": self.median, "store": self.store, "limit": self.limit, "verdict": self.verdict, "reason": self.reason,
        }


def series(data: dict, step: str, products: int | None, field_name: str = "per_second") -> dict:
    """A figure of a step by round."""
    return {m["round"]: m[field_name] for m in data["measurements"] if m["step"] == step and m["products"] == products}


def _ratio(title, kind, bound, above: dict, below: dict, reason: str) -> Judgement:
    # Both sides of a ratio are of one round, so that a machine that is slower for a while is so for both.
    rounds = sorted(above.keys() & below.keys())
    return Judgement(
        title, kind, bound, "", [above[n] / below[n] for n in rounds],
        [above[n] for n in rounds], [below[n] for n in rounds], "" if rounds else reason)


def judge(data: dict) -> list[Judgement]:
    """All targets, in the order in which they are shown."""
    counts = sorted(data["products"])
    small, large = counts[0], counts[-1]
    skipped = data.get("skipped", {})

    def ratio(title, kind, bound, above, below, field_name="per_second", below_field=None):
        reason = next((skipped[step] for step, _ in (above, below) if step in skipped), "it was not measured")
        return _ratio(title, kind, bound, series(data, *above, field_name),
                      series(data, *below, below_field or field_name), reason)

    result = []
    for n in counts:
        result.append(ratio(f"list from the database, {n:,} products / pgbench, the same statements",
                            AT_LEAST, 0.65, ("list uncached", n), ("list pgbench", n)))
    for n in counts:
        result.append(ratio(f"list from the cache, {n:,} products / HTTP floor",
                            AT_LEAST, 0.80, ("list cached", n), ("list floor", None)))
    for n in counts:
        result.append(ratio(f"product from the cache, {n:,} products / HTTP floor",
                            AT_LEAST, 0.80, ("product cached", n), ("product floor", None)))
    result += [
        ratio("HTTP floor / the plainest answer of the server", AT_LEAST, 0.75, ("list floor", None), ("list plain", None)),
        ratio(f"orders of two lines, 64 buyers, {small:,} products / pgbench, one call an order",
              AT_LEAST, 1.5, ("order", small), ("order one call", small)),
        ratio("orders of one hot product, 64 buyers / pgbench, one call an order, on one row",
              AT_LEAST, 4.0, ("hot order", small), ("hot order one call", small)),
        ratio("orders of two lines / pgbench, the store's statement, 16 orders a call",
              AT_LEAST, 0.4, ("order", small), ("order 16 a call", small)),
        ratio("orders of one hot product / pgbench, the store's statement, 16 orders a call",
              AT_LEAST, 0.4, ("hot order", small), ("hot order 16 a call", small)),
        ratio("order p99 / its p50, 64 buyers, while lists run beside",
              AT_MOST, 3, ("order beside lists", small), ("order beside lists", small), "p99_ms", "p50_ms"),
    ]
    if large > small:
        result.append(ratio(f"list p99, {large:,} products / {small:,}",
                            AT_MOST, 2, ("list as shipped", large), ("list as shipped", small), "p99_ms"))
    else:
        result.append(Judgement("list p99, a million products / ten thousand", AT_MOST, 2,
                                reason="there was only one number of products"))
    result += [
        ratio(f"page at offset {data['deepest_offset']:,}, {large:,} products / the first page",
              AT_MOST, 20, ("offset page", large), ("first page", large), "p50_ms"),
        ratio(f"page by a cursor at the far end, {large:,} products / the first page",
              AT_MOST, 1.5, ("cursor page", large), ("first page", large), "p50_ms"),
    ]
    result.append(ratio("product from the cache, a tenth of all requests traced and sent / none",
                        AT_LEAST, 0.9, ("product traced", small), ("product untraced", small)))
    resident = list(data["resident_mb"].values())
    result.append(Judgement("resident memory of the JVM after the bench", AT_MOST, 400, "MB",
                            [max(resident)] if resident else [],
                            reason="" if resident else "this system has no /proc to read it from"))
    result.append(Judgement(f"second start, {small:,} products, to the first answered list", AT_MOST, 3, "s",
                            data["second_start_s"], reason="" if data["second_start_s"] else "it was not measured"))
    return result


def exit_code(judgements: list[Judgement]) -> int:
    """0 if every target that was judged is met, and one was."""
    verdicts = [judgement.verdict for judgement in judgements]
    return 0 if MISSED not in verdicts and MET in verdicts else 1
