"""
What the store, its database and the load generator use up: counters, read at two moments, and what lies between them. Of a process
that was started here /proc tells it, of a store that somebody else has started, or on another machine, its own metrics.
"""

from __future__ import annotations

import math
import os
import pathlib
import re
import time
import urllib.parse

from bench import machine
from loadtest import plain

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
OPERATION = re.compile(r'operation="([^"]*)"')
POOL = 'pool="store"'
HERE = ("localhost", "127.0.0.1", "::1")


def metrics(management: str) -> dict:
    """Of the store's own /metrics, what tells where the time goes; seconds and counts since its start."""
    found = {"statements": {}, "orders": 0.0, "wait_s": 0.0, "waits": 0.0, "pool_s": 0.0, "pool_max": 0.0, "refused": 0.0, "gc_s": 0.0,
             "cpu_s": 0.0, "machine_share": 0.0, "machine_cores": 0.0}
    names = {"store_database_wait_seconds_sum": "wait_s", "store_database_wait_seconds_count": "waits",
             "store_database_refused_total": "refused", "jvm_gc_pause_seconds_sum": "gc_s",
             "system_cpu_usage": "machine_share", "system_cpu_count": "machine_cores"}
    for line in plain.text(f"{management}/metrics").splitlines():
        sample = SAMPLE.match(line)
        if not sample:
            continue
        name, labels, value = sample[1], sample[2] or "", float(sample[3])
        if name == "process_cpu_time_ns_total":
            found["cpu_s"] += value / 1e9
        elif name in names:
            found[names[name]] += value
        elif name == "store_orders_total" and 'status="pending"' in labels:
            found["orders"] += value
        elif name == "hikaricp_connections_usage_seconds_sum" and POOL in labels:
            found["pool_s"] += value
        elif name == "hikaricp_connections_max" and POOL in labels:
            found["pool_max"] += value
        elif name in ("db_client_operation_duration_seconds_sum", "db_client_operation_duration_seconds_count"):
            statement = found["statements"].setdefault(OPERATION.search(labels)[1], {"s": 0.0, "times": 0.0})
            statement["s" if name.endswith("_sum") else "times"] += value
    return found


def machine_busy_s() -> float:
    """CPU seconds of all processors together that were not idle."""
    ticks = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def is_here(host: str) -> bool:
    return urllib.parse.urlsplit(host).hostname in HERE


def lock_waits(exporter: str) -> float:
    """How many sessions of the database wait for a lock at this moment."""
    for line in plain.text(f"{exporter}/metrics").splitlines():
        sample = SAMPLE.match(line)
        if sample and sample[1] == "pg_lock_waiting":
            return float(sample[3])
    raise plain.CannotAsk(f"{exporter}/metrics does not tell pg_lock_waiting: ops/exporters/postgres-queries.yml makes it.")


def look(host: str, management: str, store_pid: int, database_pid: int) -> dict:
    seen = {"at": time.monotonic(), "store": metrics(management) if management else None, "cpu_s": {}, "here": is_here(host)}
    if machine.HAS_PROC:
        seen["cpu_s"]["load"] = machine.family_cpu_us(os.getpid()) / 1e6
        if seen["here"]:
            seen["cpu_s"]["machine"] = machine_busy_s()
        if database_pid:
            seen["cpu_s"]["database"] = machine.family_cpu_us(database_pid) / 1e6
    if machine.HAS_PROC and store_pid:
        seen["cpu_s"]["store"] = machine.cpu_us(store_pid) / 1e6
    elif seen["store"] and seen["store"]["cpu_s"]:
        seen["cpu_s"]["store"] = seen["store"]["cpu_s"]
    return seen


def between(before: dict, after: dict) -> dict:
    """
    Per second of the time between two looks. cpu is processors in use; pool_share the part of all connections' time in which
    they were taken; statement_s how many statements were under way at a moment, on average.
    """
    seconds = after["at"] - before["at"]
    used = {"cpu": {name: round((value - before["cpu_s"][name]) / seconds, 2) for name, value in after["cpu_s"].items()}, "cores": machine.cores()}
    one, other = before["store"], after["store"]
    if one is None or other is None:
        return used
    if not after["here"] and other["machine_cores"] and math.isfinite(other["machine_share"]):
        # A gauge: the JVM's own average since somebody asked it last, which was the look before or a scrape after it.
        used["elsewhere"] = {"busy": round(other["machine_share"] * other["machine_cores"], 2), "cores": round(other["machine_cores"])}
    waits = other["waits"] - one["waits"]
    statements = {}
    for name, now in other["statements"].items():
        was = one["statements"].get(name, {"s": 0.0, "times": 0.0})
        times = now["times"] - was["times"]
        if times > 0:
            statements[name] = {"under_way": (now["s"] - was["s"]) / seconds, "mean_ms": 1000 * (now["s"] - was["s"]) / times, "a_second": times / seconds}
    used |= {
        "orders_a_second": round((other["orders"] - one["orders"]) / seconds, 2),
        "pool_wait_ms": round(1000 * (other["wait_s"] - one["wait_s"]) / waits, 2) if waits else 0.0,
        "pool_share": round((other["pool_s"] - one["pool_s"]) / seconds / other["pool_max"], 3) if other["pool_max"] else 0.0,
        "refused_a_second": round((other["refused"] - one["refused"]) / seconds, 2),
        "gc_share": round((other["gc_s"] - one["gc_s"]) / seconds, 3),
        "statements_under_way": round(sum(statement["under_way"] for statement in statements.values()), 2),
        "slowest_statements": [
            {"name": name, **{key: round(value, 3) for key, value in statement.items()}}
            for name, statement in sorted(statements.items(), key=lambda item: -item[1]["under_way"])[:3]
        ],
    }
    return used
