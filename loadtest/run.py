"""A run from outside: the store it goes against, Locust's process, and the folder with what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
from dataclasses import dataclass

from bench import store as bench_store
from bench.machine import Children
from loadtest import plain

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
DEFAULT_ADMIN = "admin@store.local"
EVERYWHERE = ("127.0.0.1", "0.0.0.0", "::")
"""Addresses to listen on that this machine calls localhost."""


class CannotRun(Exception):
    """Why there is no run, in a sentence."""


@dataclass
class Store:
    host: str
    management: str = ""
    admin_email: str = DEFAULT_ADMIN
    admin_password: str = ""
    pid: int = 0
    database_pid: int = 0
    data: pathlib.Path | None = None


def running(host: str | None, management: str | None, environment) -> Store | None:
    """The store that --host or STORE_PORT names; none means that one is to be started. A shop that just happens to run here is left alone."""
    port = environment.get("STORE_PORT")
    if not host and not port:
        return None
    if not management and not host:
        management = f"http://localhost:{environment.get('STORE_MANAGEMENT_PORT') or 9000}"
    found = Store((host or f"http://localhost:{port}").rstrip("/"), (management or "").rstrip("/"),
                  environment.get("STORE_ADMIN_EMAIL") or DEFAULT_ADMIN, plain.secret(environment, "STORE_ADMIN_PASSWORD"))
    if environment.get("STORE_DATA_DIR") or not host:
        found.data = pathlib.Path(environment.get("STORE_DATA_DIR") or "data")
    if found.data:
        kept = found.data / "admin-password.txt"
        if not found.admin_password and kept.is_file():
            found.admin_password = kept.read_text().strip()
        found.database_pid = database_pid(found.data)
    return found


def database_pid(data: pathlib.Path) -> int:
    """The embedded PostgreSQL's; 0 where there is none, or one that this user may not read."""
    for note in (data / "postgres").glob("[0-9]*/postmaster.pid"):
        with contextlib.suppress(OSError, ValueError):  # It may stop, or be just about to write it.
            return int(note.read_text().splitlines()[0])
    return 0


@contextlib.contextmanager
def own_store(folder: pathlib.Path, products: int, orders: int, settings: dict | None = None):
    """A store as it is shipped, with a shop of made-up products, on free ports; gone afterwards, with its data."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "store"
    children = Children()
    management = bench_store.free_port()
    started = {"STORE_DATA_DIR": str(data), "STORE_MANAGEMENT_PORT": str(management), **(settings or {})}
    server = bench_store.store(children, ROOT, folder / "store.log", started)
    try:
        print("Starting a store of the run's own ...", flush=True)
        server.start(bench_store.FIRST_PATH)
        print(f"Filling it with {products} products and {orders} orders ...", flush=True)
        command = [str(ROOT / "store"), "seed", "--products", str(products), "--orders", str(orders)]
        with open(folder / "seed.log", "wb") as log:
            if subprocess.run(command, env=server.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode != 0:
                raise CannotRun(f"The store could not be filled; {folder / 'seed.log'} says why.")
        password = (data / "admin-password.txt").read_text().strip()
        yield Store(f"http://localhost:{server.port}", f"http://localhost:{management}", admin_password=password, pid=server.pid,
                    database_pid=database_pid(data), data=data)
    finally:
        children.stop_all()
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def announced(data: pathlib.Path | None, host: str, port: int):
    """Where ./store watch looks after this store, its Prometheus is told of the load test as long as it runs."""
    targets = data / "watch/config/targets" if data else None
    if not port or targets is None or not targets.is_dir():
        yield
        return
    target = targets / "locust.yml"
    address = "localhost" if host in EVERYWHERE else host
    target.write_text(json.dumps([{"targets": [f"{address}:{port}"]}]) + "\n")
    try:
        yield
    finally:
        target.unlink(missing_ok=True)


def exporter(data: pathlib.Path | None) -> str:
    """The URL of the postgres_exporter that ./store watch runs beside this store; empty where there is none."""
    target = data / "watch/config/targets/postgres.yml" if data else None
    if target is None or not target.is_file():
        return ""
    # JSON is what ./store watch writes.
    return f"http://{json.loads(target.read_text())[0]['targets'][0]}"


def locust(python: str, store: Store, words: list[str]) -> int:
    """Runs Locust to its end and gives its exit code. Ctrl-C is Locust's, which ends the run and judges it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STORE_", "LOCUST_"))}
    environment |= {
        "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        # Not among the words, which every user of the machine can read.
        "STORE_LOAD_ADMIN_EMAIL": store.admin_email, "STORE_LOAD_ADMIN_PASSWORD": store.admin_password,
    }
    process = subprocess.Popen([python, "-m", "locust", "-f", str(LOCUSTFILE), *words], env=environment, stdin=subprocess.DEVNULL)
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT,)}
    kept |= {number: signal.signal(number, lambda *_: process.terminate()) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        return process.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()
