"""
./store watch: what watches a store, started beside it with the files in ops/, until Ctrl-C.

Prometheus reads the store's metrics and those of node_exporter and postgres_exporter, works out the alerts, and hands them to
Alertmanager, which writes to Telegram. Where there is a Jaeger, it takes the store's traces. All of it listens on this machine
only and keeps its data in STORE_DATA_DIR/watch; traces are kept in memory.
"""

import argparse
import ctypes
import fcntl
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import database
import programs

OPS = pathlib.Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
# In ops/jaeger/ui.json; STORE_KIBANA_URL says where it is instead.
KIBANA = "http://localhost:5601"
READY_SECONDS = 60
STOP_SECONDS = 10
LOOK_SECONDS = 1
PAUSE_SECONDS = 5
# By job.
PORTS = {"prometheus": 9090, "alertmanager": 9093, "node": 9100, "postgres": 9187, "redis": 9121}
# By the variable of ops/jaeger/common.yaml, which may name another one to begin with.
JAEGER_PORTS = {
    "JAEGER_QUERY_PORT": 16686,
    "JAEGER_QUERY_GRPC_PORT": 16685,
    "JAEGER_OTLP_GRPC_PORT": 4317,
    "JAEGER_OTLP_HTTP_PORT": 4318,
    "JAEGER_METRICS_PORT": 8888,
    "JAEGER_SPAN_METRICS_PORT": 8889,
    "JAEGER_HEALTH_PORT": 13133,
}


class CannotWatch(Exception):
    """Why it does not start, in a sentence."""


class Child:
    """One program: how it is started, where it answers, and the process while there is one."""

    def __init__(self, name, port, ready, command, environment=None):
        self.name = name
        self.port = port
        self.ready = f"http://{HOST}:{port}{ready}"
        self.command = command
        # Asked anew at every start; None says that it can't be started yet.
        self.environment = environment or dict
        self.started_with = None
        self.started_at = 0.0
        self.process = None

    def start(self, logs):
        settings = self.environment()
        if settings is None:
            return
        self.started_with = settings
        self.started_at = time.monotonic()
        with open(logs / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                # The store's settings hold secrets that are none of its business, and OTEL_… would have Jaeger trace itself.
                env={**{name: value for name, value in os.environ.items() if not name.startswith(("STORE_", "OTEL_"))}, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for this script, which stops them in order.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _end_with_parent():
    """Linux ends the child when this script is gone, kill -9 included."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Watch:
    def __init__(self, environment):
        self.environment = environment
        self.data = pathlib.Path(environment.get("STORE_DATA_DIR") or "data")
        self.store_port = self.port("STORE_MANAGEMENT_PORT", 9000)
        self.redis = redis(environment)
        self.jaeger = programs.jaeger(environment)
        self.database()
        if not self.environment.get("STORE_DB_URL") and not self.data.is_dir():
            raise CannotWatch(
                f"There is no store in {self.data} yet: start one with ./store run, or set STORE_DATA_DIR to its folder."
            )
        self.home = self.data / "watch"
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs = self.home / "logs"
        self.logs.mkdir(exist_ok=True)
        self.lock = open(self.home / "lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotWatch(f"The store in {self.data} is being watched already.") from None
        self.children = self.watched()

    def port(self, name, default):
        port = self.environment.get(name) or str(default)
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CannotWatch(f'{name} must be a number from 1 to 65535, not "{port}".')
        return int(port)

    def watched(self):
        """Every program, in the order of their start. One more is one more Child here, a target, and an entry in programs.py."""
        wanted = {job: port for job, port in PORTS.items() if job != "redis" or self.redis}
        if self.jaeger:
            wanted |= {name: self.port(name, default) for name, default in JAEGER_PORTS.items()}
        self.ports = ports = dict(zip(wanted, free_ports(*wanted.values())))
        targets = {"store": [self.store_port], **{job: [ports[job]] for job in PORTS if job in ports}}
        if self.jaeger:
            targets["jaeger"] = [ports["JAEGER_METRICS_PORT"], ports["JAEGER_SPAN_METRICS_PORT"]]
        config = self.home / "config"
        link(OPS / "prometheus/prometheus.yml", config / "prometheus.yml")
        link(OPS / "prometheus/rules", config / "rules")
        shutil.rmtree(config / "targets", ignore_errors=True)
        (config / "targets").mkdir()
        for job, listening in targets.items():
            # JSON is YAML too.
            (config / f"targets/{job}.yml").write_text(json.dumps([{"targets": [f"localhost:{port}" for port in listening]}]) + "\n")
        self.render(self.home / "alertmanager")
        children = [
            Child(
                "alertmanager",
                ports["alertmanager"],
                "/-/ready",
                [
                    programs.program("alertmanager"),
                    f"--config.file={self.home / 'alertmanager/alertmanager.yml'}",
                    f"--storage.path={self.home / 'alertmanager-data'}",
                    f"--web.listen-address={HOST}:{ports['alertmanager']}",
                    f"--web.external-url=http://localhost:{ports['alertmanager']}",
                    "--cluster.listen-address=",
                ],
            ),
            Child(
                "node_exporter",
                ports["node"],
                "/metrics",
                [programs.program("node_exporter"), f"--web.listen-address={HOST}:{ports['node']}"],
            ),
            Child(
                "postgres_exporter",
                ports["postgres"],
                "/metrics",
                [
                    programs.program("postgres_exporter"),
                    f"--web.listen-address={HOST}:{ports['postgres']}",
                    f"--extend.query-path={OPS / 'exporters/postgres-queries.yml'}",
                    *without_bgwriter(programs.program("postgres_exporter")),
                ],
                self.database,
            ),
            Child(
                "prometheus",
                ports["prometheus"],
                "/-/ready",
                [
                    programs.program("prometheus"),
                    f"--config.file={config / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.home / 'prometheus-data'}",
                    "--storage.tsdb.retention.time=15d",
                    "--storage.tsdb.retention.size=2GB",
                    f"--web.listen-address={HOST}:{ports['prometheus']}",
                    f"--web.external-url=http://localhost:{ports['prometheus']}",
                    "--enable-feature=exemplar-storage,expand-external-labels",
                ],
                lambda: {"STORE_NAME": self.environment.get("STORE_NAME") or socket.gethostname()},
            ),
        ]
        if self.redis:
            command = [programs.program("redis_exporter"), f"--web.listen-address={HOST}:{ports['redis']}"]
            children.insert(0, Child("redis_exporter", ports["redis"], "/metrics", command, lambda: {"REDIS_ADDR": self.redis}))
        if self.jaeger:
            children.insert(0, self.watched_jaeger(config))
        return children

    def watched_jaeger(self, config):
        page = config / "jaeger-ui.json"
        kibana = (self.environment.get("STORE_KIBANA_URL") or KIBANA).rstrip("/")
        page.write_text((OPS / "jaeger/ui.json").read_text().replace(KIBANA, json.dumps(kibana)[1:-1]))
        settings = {
            **{name: str(self.ports[name]) for name in JAEGER_PORTS},
            "JAEGER_LISTEN_HOST": HOST,
            "JAEGER_PROMETHEUS_URL": f"http://{HOST}:{self.ports['prometheus']}",
            "JAEGER_UI_CONFIG": str(page),
        }
        command = [self.jaeger, *(f"--config={OPS / 'jaeger' / name}.yaml" for name in ("common", "memory"))]
        return Child("jaeger", self.ports["JAEGER_QUERY_PORT"], "/", command, lambda: settings)

    def database(self):
        if self.environment.get("STORE_DB_URL"):
            return database.own(self.environment)
        return database.embedded(self.data)

    def render(self, folder):
        done = subprocess.run([OPS / "alertmanager/render", folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotWatch(done.stderr.strip())

    def start(self):
        store = f"http://localhost:{self.store_port}"
        if not answers(f"{store}/health/live"):
            raise CannotWatch(
                f"No store answers at {store}: start one with ./store run, and give ./store watch the same STORE_… variables."
            )
        for child in self.children:
            child.start(self.logs)
        limit = time.monotonic() + READY_SECONDS
        for child in self.children:
            while child.process and not answers(child.ready):
                if child.process.poll() is not None or time.monotonic() > limit:
                    raise CannotWatch(f"{child.name} did not start; {self.logs / child.name}.log says why.")
                time.sleep(0.1)

    def look_after(self):
        """Starts again what ended, and the exporter of a database that has come, or come back elsewhere."""
        for child in self.children:
            if child.process is None:
                child.start(self.logs)
            elif child.process.poll() is not None:
                if time.monotonic() - child.started_at > PAUSE_SECONDS:
                    say(f"{child.name} ended by itself (code {child.process.returncode}); starting it again.")
                    child.start(self.logs)
            else:
                now = child.environment()
                if now is not None and now != child.started_with:
                    say(f"The database is at another address now; starting {child.name} again.")
                    child.stop()
                    child.start(self.logs)

    def stop(self):
        for child in reversed(self.children):
            child.stop()

    def addresses(self):
        chat = self.environment.get("STORE_TELEGRAM_CHAT_ID") or self.environment.get("STORE_TELEGRAM_CHAT_ID_FILE")
        yield "store", f"http://localhost:{self.store_port}/metrics"
        for child in self.children:
            yield child.name, f"http://localhost:{child.port}" + ("/metrics" if child.ready.endswith("/metrics") else "")
        if self.jaeger:
            yield "traces", f"http://localhost:{self.ports['JAEGER_OTLP_HTTP_PORT']}"
        yield "alerts", f"http://localhost:{self.children[-1].port}/alerts"
        yield "messages", f"to Telegram chat {chat}" if chat else "to nobody: set STORE_TELEGRAM_TOKEN and STORE_TELEGRAM_CHAT_ID"
        yield "logs", self.logs

    def about_traces(self):
        if not self.jaeger:
            return "No Jaeger is on this machine, so no traces are kept; ops/jaeger/install builds one."
        there = f"http://localhost:{self.ports['JAEGER_OTLP_HTTP_PORT']}"
        return f"Traces come from a store that was started with OTEL_EXPORTER_OTLP_ENDPOINT={there} OTEL_TRACES_SAMPLER_ARG=1."


def redis(environment):
    """The address of the store's Redis, or None."""
    file = environment.get("STORE_REDIS_URL_FILE")
    try:
        return pathlib.Path(file).read_text().strip() if file else environment.get("STORE_REDIS_URL")
    except OSError as error:
        raise CannotWatch(f"STORE_REDIS_URL_FILE is {file}, which can't be read ({error.strerror}).") from None


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


def free_ports(*wanted):
    """Each port, or another one where somebody has it."""
    held = []
    try:
        for port in wanted:
            listener = socket.socket()
            held.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                listener.bind((HOST, 0))
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()


def without_bgwriter(exporter):
    """postgres_exporter 0.11 asks PostgreSQL 17 and newer for columns that they no longer have; later ones know better."""
    known = subprocess.run([exporter, "--help"], capture_output=True, text=True)
    return ["--no-collector.bgwriter"] if "--collector.bgwriter" in known.stdout + known.stderr else []


def link(target, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def say(text):
    print(text, flush=True)


def ask(question):
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes", "д", "да")


def provide(agreed):
    lacking = programs.missing(name for name in programs.PROGRAMS if name != "redis_exporter" or redis(os.environ))
    if not lacking:
        return
    say(f"Not on this machine: {', '.join(lacking)}.")
    packages = " ".join(programs.packages(lacking))
    if not agreed and not ask(f"Install them with apt-get ({packages})? They will run only while a store is watched."):
        raise CannotWatch("They are needed to watch a store; ./store watch --yes installs them without asking.")
    programs.install(lacking)


def main(arguments):
    options = argparse.ArgumentParser(prog="./store watch", description="Watches a running store until Ctrl-C.")
    options.add_argument("--yes", action="store_true", help="install programs that are missing without asking")
    agreed = options.parse_args(arguments).yes
    # SIGINT too, for a shell starts what it sends into the background with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    watch = None
    try:
        provide(agreed)
        watch = Watch(os.environ)
        watch.start()
        say("\nThe store is watched.\n")
        for name, address in watch.addresses():
            say(f"  {name:<18} {address}")
        if watch.database() is None:
            say(f"\nNo store that this user may read runs on {watch.data} at the moment; its database is watched as soon as one does.")
        say(f"\n{watch.about_traces()}")
        say("\nCtrl-C stops it.")
        while True:
            time.sleep(LOOK_SECONDS)
            watch.look_after()
    except (CannotWatch, programs.CannotGet, database.BadAddress) as reason:
        print(reason, file=sys.stderr)
        return 1
    finally:
        if watch:
            # A second Ctrl-C must not leave half of them running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            watch.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
