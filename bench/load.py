"""Runs wrk and pgbench and reads what they say."""

from __future__ import annotations

import json
import pathlib
import random
import re
import subprocess

from bench.machine import cores
from bench.statements import Script

LUA = pathlib.Path(__file__).parent / "lua"


class LoadFailed(Exception):
    """A run of which some answers were not what they should be: its figures count for nothing."""


class NothingDone(LoadFailed):
    """Not one transaction came to its end in the time there was."""


def read_wrk(output: str) -> dict:
    """The line that lua/common.lua prints, as requests, per_second, p50_ms, p99_ms and longest_ms."""
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise LoadFailed(f"wrk printed no result: {output.strip()[-500:]}")
    result = json.loads(line[len("RESULT "):])
    wrong = {kind: count for kind, count in result["errors"].items() if count}
    if wrong:
        raise LoadFailed("wrk met answers that were not the expected ones: "
                         + ", ".join(f"{count} × {kind}" for kind, count in wrong.items()))
    if not result["requests"]:
        raise LoadFailed("wrk got no answer at all")
    return {
        "requests": result["requests"],
        "seconds": result["microseconds"] / 1e6,
        "per_second": result["requests"] / (result["microseconds"] / 1e6),
        "p50_ms": result["p50"] / 1000,
        "p99_ms": result["p99"] / 1000,
        "longest_ms": result["longest"] / 1000,
    }


def wrk_command(url: str, script: str, arguments, connections: int, seconds: float, threads: int | None = None) -> list[str]:
    threads = threads or min(2, cores(), connections)
    return ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s",
            "-s", str(LUA / script), url, "--", str(random.randrange(10**9)), *map(str, arguments)]


def wrk(*commands: list[str]) -> list[dict]:
    """Runs commands side by side and returns the result of each."""
    running = []
    try:
        for command in commands:
            running.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        outputs = [process.communicate()[0] for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    return [read_wrk(output) for output in outputs]


def read_pgbench(output: str, calls: int) -> dict:
    """What pgbench reports, counted in the store's calls, of which one transaction may stand for several."""
    def figure(pattern: str) -> str:
        match = re.search(pattern, output)
        if not match:
            raise LoadFailed(f"pgbench printed no result: {output.strip()[-500:]}")
        return match[1]

    processed = int(figure(r"number of transactions actually processed: (\d+)"))
    failed = int(figure(r"number of failed transactions: (\d+)"))
    if failed:
        raise LoadFailed(f"pgbench: {processed} transactions went well, {failed} did not")
    if not processed:
        raise NothingDone("pgbench did not end one transaction in its time")
    tps = float(figure(r"tps = ([\d.]+) \(without initial connection time\)"))
    return {"requests": processed * calls, "seconds": processed / tps, "per_second": tps * calls}


def pgbench(environment: dict, script: Script, file: pathlib.Path, clients: int, seconds: float) -> dict:
    """Runs a script over prepared statements."""
    file.write_text(script.text, encoding="utf-8")
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, cores())),
               "-T", str(max(1, round(seconds))), "-f", str(file)]
    for name, value in script.constants.items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise LoadFailed(f"pgbench ended with {done.returncode}: {done.stdout.strip()[-1000:]}")
    return read_pgbench(done.stdout, script.calls)
