"""A store with a Redis, watched by ./store watch with this kit's own files: all of it real, on free ports, in a folder of its own."""

import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

from processes import end, free_port, request, wait_until
from rulebook import OPS, ROOT
from shorten import kit as shortened_kit

INTERVALS = re.compile(r"(scrape_interval|scrape_timeout|evaluation_interval): \S+")


class Stack:
    """
    scrape: how many seconds pass between two looks. seed: products and orders to add before all else. settings: variables of the
    store and its watch. factor: how many times as fast time passes for alerts (shorten.py, which looks every two seconds).
    """

    def __init__(self, scratch, scrape, seed=None, settings=None, factor=None):
        self.scratch = pathlib.Path(scratch)
        self.scrape = scrape
        self.data = self.scratch / "data"
        self.port, self.management, self.redis_port = free_port(), free_port(), free_port()
        bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_") or name == "STORE_JAVA_OPTS"}
        self.environment = {
            **bare,
            "STORE_PORT": str(self.port),
            "STORE_MANAGEMENT_PORT": str(self.management),
            "STORE_DATA_DIR": str(self.data),
            "STORE_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            # All of the traffic comes from one address.
            "STORE_LIMITS_REQUESTS_PER_MINUTE": "1000000",
            "STORE_NAME": "pictures",
            **(settings or {}),
        }
        self.seed = seed
        self.factor = factor
        self.cleanup = contextlib.ExitStack()
        # unittest leaves its cleanups undone when it is interrupted.
        atexit.register(self.cleanup.close)

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.callback(self.cleanup.close)
            self._redis()
            self._store()
            self._watch()
            undo.pop_all()
        return self

    def __exit__(self, *_):
        self.cleanup.close()

    def _launch(self, command, log):
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.scratch,
                start_new_session=True,
            )
        self.cleanup.callback(end, process)
        return process

    def _redis(self):
        log = self.scratch / "redis.log"
        redis = self._launch(["redis-server", "--port", self.redis_port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], log)
        wait_until("Redis is ready", lambda: "eady to accept" in log.read_text(), 60, redis, log)

    def _store(self):
        log = self.scratch / "store.log"
        store = self._launch([ROOT / "store", "run"], log)
        # The first start on this machine builds.
        wait_until("the store is up", lambda: "Ctrl-C" in log.read_text(), 900, store, log)
        self.password = (self.data / "admin-password.txt").read_text().strip()
        if self.seed:
            products, orders = self.seed
            command = [ROOT / "store", "seed", "--products", str(products), "--orders", str(orders)]
            subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL, timeout=600)

    def _watch(self):
        kit = self.scratch / "ops"
        if self.factor:
            shortened_kit(kit, self.factor)
        else:
            shutil.copytree(OPS, kit, ignore=shutil.ignore_patterns("tests", "grafana", "__pycache__"))
            config = kit / "prometheus/prometheus.yml"
            # Nothing else of it is changed.
            config.write_text(INTERVALS.sub(rf"\g<1>: {self.scrape}s", config.read_text()))
        log = self.scratch / "watch.log"
        watch = self._launch([sys.executable, kit / "watch", "--yes"], log)
        wait_until("the watch is up", lambda: "Ctrl-C" in log.read_text(), 300, watch, log)
        self.addresses = dict(re.findall(r"(?m)^  (\w+) +(http\S+)$", log.read_text()))
        self.prometheus = self.addresses["prometheus"]
        self.started = time.time()

    def scrape_too(self, job, port):
        """One more target, as a file beside those that the watch has written."""
        (self.data / f"watch/config/targets/{job}.yml").write_text(json.dumps([{"targets": [f"localhost:{port}"]}]))

    def psql(self, statements):
        """What is said to the store's database, as its user; awaited."""
        port = next((self.data / "postgres").glob("[0-9]*/postmaster.pid")).read_text().splitlines()[3]
        environment = {**os.environ, "PGPASSWORD": (self.data / "postgres/password").read_text().strip()}
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", "store", "-d", "store", "-c", statements]
        subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)

    def ask(self, path, **parameters):
        """Prometheus' answer; an AssertionError with what it says where there is none."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        status, answer = request(f"{self.prometheus}/api/v1/{path}?{query}", timeout=60)
        if status != 200:
            raise AssertionError(f"{path} {parameters}: {answer}")
        return answer["data"]
