"""
Whether a run was good enough: times and failures of each call beside targets.toml, the stock after it, and whether there was enough
of it to say anything. The standard library is enough.
"""

from __future__ import annotations

import pathlib
import tomllib
from dataclasses import dataclass

TARGETS = pathlib.Path(__file__).with_name("targets.toml")
TIMES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Call:
    """What came of all requests of one name. Times are milliseconds, None where there was no request."""

    name: str
    requests: int
    failures: int
    p50: float | None
    p95: float | None
    p99: float | None


def read_targets(path: pathlib.Path = TARGETS) -> dict:
    with open(path, "rb") as file:
        return tomllib.load(file)


def judge(calls: list[Call], seconds: float, audit: list | str, targets: dict) -> dict:
    """The verdict as it is kept in verdict.json. The audit is its items, or the sentence that says why there are none."""
    rows, reasons = [], []
    for call in sorted(calls, key=lambda call: call.name):
        wanted = {**targets["every_call"], **targets["calls"].get(call.name, {})}
        missed = []
        failed = 100 * call.failures / call.requests if call.requests else 0.0
        if failed > wanted["failures"]:
            missed.append("failures")
            reasons.append(f"{call.name}: {call.failures} of {call.requests} requests failed, which is {failed:.2f} %; at most {wanted['failures']} % may")
        judged = call.requests >= targets["run"]["judged_from"]
        for time in TIMES if judged else ():
            if getattr(call, time) > wanted[time]:
                missed.append(time)
                reasons.append(f"{call.name}: {time} is {getattr(call, time):.0f} ms; at most {wanted[time]} ms were wanted")
        rows.append({
            "name": call.name, "requests": call.requests, "failures": call.failures, "failed_percent": round(failed, 3),
            **{time: getattr(call, time) for time in TIMES}, "targets": wanted, "times_judged": judged, "missed": missed,
        })
    requests = sum(call.requests for call in calls)
    if requests < targets["run"]["requests_at_least"]:
        reasons.append(f"only {requests} requests were made; fewer than {targets['run']['requests_at_least']} say nothing")
    elif not any(row["times_judged"] for row in rows):
        reasons.append(f"no call was made {targets['run']['judged_from']} times, so no time could be judged")
    if isinstance(audit, str):
        reasons.append(f"the stock could not be audited: {audit}")
    elif audit:
        reasons.append(f"the audit names {len(audit)} products whose stock is not what it should be")
    return {
        "verdict": "missed" if reasons else "met",
        "reasons": reasons,
        "seconds": round(seconds, 1),
        "requests": requests,
        "failures": sum(call.failures for call in calls),
        "requests_per_second": round(requests / seconds, 1) if seconds else 0.0,
        "audit": audit,
        "calls": rows,
    }


def table(verdict: dict) -> str:
    """For people. A time is followed by its target; an exclamation mark says that it was missed, brackets that it was not judged."""
    width = max([len(row["name"]) for row in verdict["calls"]] + [4])
    lines = [f"{'call':<{width}} {'requests':>9} {'failed':>9} {'p50 ms':>12} {'p95 ms':>12} {'p99 ms':>12}"]
    for row in verdict["calls"]:
        cells = [f"{row['failed_percent']:.2f} %" + ("!" if "failures" in row["missed"] else " ")]
        for time in TIMES:
            value = "–" if row[time] is None else f"{row[time]:.0f}"
            cell = f"{value} ≤ {row['targets'][time]}" if row["times_judged"] else f"({value})"
            cells.append(cell + ("!" if time in row["missed"] else " "))
        lines.append(f"{row['name']:<{width}} {row['requests']:>9} {cells[0]:>10}{cells[1]:>13}{cells[2]:>13}{cells[3]:>13}")
    audit = verdict["audit"]
    lines.append("")
    lines.append(f"{verdict['requests']} requests in {verdict['seconds']:.0f} s, {verdict['requests_per_second']:.1f} a second, {verdict['failures']} failed.")
    lines.append("Stock: " + (audit if isinstance(audit, str) else f"{len(audit)} products are wrong." if audit else "every piece is accounted for."))
    if verdict["reasons"]:
        lines += ["", "MISSED:", *(f"  - {reason}" for reason in verdict["reasons"])]
    else:
        lines += ["", "All targets are met."]
    return "\n".join(lines) + "\n"
