"""Processes of this machine: started and surely stopped, and what they used."""

from __future__ import annotations

import os
import pathlib
import platform
import resource
import signal
import socket
import subprocess

STOP_LIMIT_S = 90
"""A store drains its requests for up to 20 s, and its database may take 60 s for its last checkpoint."""

HAS_PROC = pathlib.Path("/proc/self/stat").exists()
"""Where there is no /proc (macOS), CPU time and memory are left out."""


class Children:
    """What was started, so that all of it is stopped, the last one first, however the run ends."""

    def __init__(self):
        self.running = []

    def start(self, command, log, **more) -> subprocess.Popen:
        """Starts a command in a session of its own, which keeps a terminal's Ctrl-C away until we stop it."""
        with open(log, "ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **more)
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.running:
            self.running.remove(process)

    def stop_all(self) -> None:
        # A second Ctrl-C must not leave anything behind.
        kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for process in reversed(list(self.running)):
                self.stop(process)
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


def free_port() -> int:
    with socket.socket() as anywhere:
        anywhere.bind(("127.0.0.1", 0))
        return anywhere.getsockname()[1]


def _stat(pid: int) -> list[str]:
    # The name in parentheses may hold anything, so that fields are counted from behind it.
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_us(pid: int) -> int:
    """CPU time that a process has used so far, its ended children's included."""
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) * 1_000_000 // os.sysconf("SC_CLK_TCK")


def family_cpu_us(pid: int) -> int:
    """As cpu_us, with the children that still run: PostgreSQL has a process for each connection."""
    total = cpu_us(pid)
    for other in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(_stat(int(other.name))[1]) == pid:
                total += cpu_us(int(other.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended meanwhile, and its time is its parent's now.
    return total


def ended_children_cpu_us() -> int:
    """CPU time of the commands that this process has run to their end."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1_000_000)


def resident_mb(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no memory")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first_line(*command: str) -> str:
    """What a command says of itself. wrk ends with 1 when it does."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip().partition("\n")[0]


def facts(root: pathlib.Path, java: str) -> dict:
    """What a reader must know of the machine to make sense of the figures."""
    cpu = platform.processor() or platform.machine()
    memory_mb = None
    if HAS_PROC:
        models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
        memory_mb = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) // 1024
    git = ["git", "-C", str(root)]
    return {
        "cpu": cpu,
        "cores": cores(),
        "memory_mb": memory_mb,
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": os.getloadavg()[0],
        "java": _first_line(java, "--version"),
        "wrk": _first_line("wrk", "-v").split(" [")[0],
        "pgbench": _first_line("pgbench", "--version"),
        "commit": _first_line(*git, "rev-parse", "--short", "HEAD") or "unknown",
        "changed_since_commit": bool(_first_line(*git, "status", "--porcelain", "--untracked-files=no")),
    }
