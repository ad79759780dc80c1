"""
A shop on several machines, all of them this one: a PostgreSQL with a streaming replica, a Redis, three stores, and HAProxy with this
kit's own file before them.

    shop = Shop(scratch, launch)    # a folder of the test's own; ProcessesTest.launch
    shop.start()                    # builds the store if need be
    shop.proxy, shop.stores[0]      # ports; a store has .port, .management and .process
    shop.primary, shop.replica      # see Postgres
"""

import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import time
import uuid

from elastic import as_user
from processes import free_port, request, wait_until
from rulebook import OPS, ROOT
from shop import Crowd

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
# PostgreSQL refuses to run as root.
OWNER = "nobody"
ADMIN = "root@store.test"
PASSWORD = "correct horse battery"
REQUESTS_PER_MINUTE = 1200
DRAIN_SECONDS = 3


def as_owner():
    return as_user(OWNER)


class Postgres:
    def __init__(self, scratch, name, launch):
        self.name, self.launch, self.port = name, launch, free_port()
        self.folder = scratch / name
        self.folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.folder, OWNER)
        self.data = self.folder / "data"
        self.log = scratch / f"{name}.log"
        self.password = secrets.token_hex(16)
        self.process = None

    def run(self, program, *words):
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": self.password}
        command = [BINARIES / program, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=self.folder, timeout=120, **as_owner())
        if done.returncode != 0:
            raise AssertionError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def make(self):
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self.run("initdb", "-D", self.data, "-U", "store", f"--pwfile={secret}", "-A", "scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")

    def copy(self, primary):
        self.password = primary.password
        self.run("pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", primary.port, "-U", "store", "-R", "-X", "stream", "-c", "fast")

    def start(self):
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # The name by which a primary knows its replica.
            "cluster_name": self.name,
            "wal_keep_size": "512MB",
            # Programs are killed here, not the machine: what was written is there.
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = self.launch([BINARIES / "postgres", "-D", self.data, *options], self.log, cwd=self.folder, **as_owner())
        wait_until(f"{self.name} answers", self.answers, 60, self.process, self.log)

    def answers(self):
        try:
            return self.sql("SELECT 1", database="postgres") == "1"
        except AssertionError:
            return False

    def sql(self, statement, database="store"):
        words = ["-qtAX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port, "-U", "store", "-d", database, "-c", statement]
        return self.run("psql", *words).strip()

    def signal(self, number):
        """To the server and all of its processes, as to a machine."""
        children = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[1]) == self.process.pid:
                children.append(int(stat.parent.name))
        for pid in [self.process.pid, *children]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        if number == signal.SIGKILL:
            self.process.wait()

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def wait_for(self, names):
        """Has each commit wait until it is written at one of these replicas, too; none waits for nobody."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.sql("SELECT pg_reload_conf()")

    def is_followed(self, state):
        return self.sql("SELECT string_agg(state || ' ' || sync_state, ',') FROM pg_stat_replication") == state


class Store:
    def __init__(self, number):
        self.number, self.port, self.management = number, free_port(), free_port()
        self.process = None

    def get(self, path, **more):
        return request(f"http://127.0.0.1:{self.port}{path}", **more)

    def is_ready(self):
        return request(f"http://127.0.0.1:{self.management}/health/ready", timeout=5)[0] == 200

    def metric(self, series):
        """The sum of all samples whose name and labels begin so."""
        text = request(f"http://127.0.0.1:{self.management}/metrics", headers={"Accept": "text/plain"})[1]
        return sum(float(value) for value in re.findall(rf"(?m)^{re.escape(series)}\S* (\S+)$", text))


def bare():
    return {name: value for name, value in os.environ.items() if not name.startswith("STORE_") or name == "STORE_JAVA_OPTS"}


class Shop:
    def __init__(self, scratch, launch):
        self.scratch, self.launch = scratch, launch
        self.primary, self.replica = Postgres(scratch, "primary", launch), Postgres(scratch, "replica", launch)
        self.redis_port, self.proxy, self.statistics = free_port(), free_port(), free_port()
        self.stores = [Store(number) for number in (1, 2, 3)]
        self.proxy_log = scratch / "proxy.log"

    def start(self):
        # The stores' owner is root, PostgreSQL's isn't.
        self.scratch.chmod(0o755)
        self.primary.make()
        self.primary.start()
        self.primary.sql("CREATE DATABASE store", database="postgres")
        self.replica.copy(self.primary)
        self.replica.start()
        self.primary.wait_for("replica")
        wait_until("the replica follows", lambda: self.primary.is_followed("streaming sync"), 30)
        log = self.scratch / "redis.log"
        command = ["redis-server", "--port", self.redis_port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        redis = self.launch(command, log, cwd=self.scratch)
        wait_until("Redis is ready", lambda: "eady to accept" in log.read_text(), 20, redis, log)
        # Builds, if need be, without the narrow limits below, which a training run would break.
        subprocess.run([ROOT / "store", "seed", "--help"], env=bare(), capture_output=True, timeout=900)
        # One by one: the first fills the catalogue.
        for store in self.stores:
            self.start_store(store)
        self.start_proxy()

    def start_store(self, store):
        servers = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        environment = {
            **bare(),
            "STORE_PORT": str(store.port),
            "STORE_MANAGEMENT_PORT": str(store.management),
            "STORE_DATA_DIR": str(self.scratch / f"data{store.number}"),
            "STORE_DB_URL": f"jdbc:postgresql://{servers}/store",
            "STORE_DB_REPLICA_URL": f"jdbc:postgresql://127.0.0.1:{self.replica.port}/store",
            "STORE_DB_USER": "store",
            "STORE_DB_PASSWORD": self.primary.password,
            "STORE_ADMIN_EMAIL": ADMIN,
            "STORE_ADMIN_PASSWORD": PASSWORD,
            "STORE_DEMO": "true",
            "STORE_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            "STORE_TRUSTED_PROXIES": "127.0.0.1",
            "STORE_LIMITS_DRAIN_TIME": f"{DRAIN_SECONDS}s",
            "STORE_LIMITS_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        }
        log = self.scratch / f"store{store.number}.log"
        store.process = self.launch([ROOT / "store", "run"], log, environment)
        wait_until(f"store {store.number} is ready", store.is_ready, 900, store.process, log)

    def start_proxy(self):
        environment = {"PATH": os.environ["PATH"], "PROXY_BIND": f"127.0.0.1:{self.proxy}", "PROXY_STATISTICS_BIND": f"127.0.0.1:{self.statistics}"}
        for store in self.stores:
            environment[f"STORE_{store.number}_HOST"] = "127.0.0.1"
            environment[f"STORE_{store.number}_PORT"] = str(store.port)
            environment[f"STORE_{store.number}_MANAGEMENT_PORT"] = str(store.management)
        proxy = self.launch(["haproxy", "-f", OPS / "proxy/haproxy.cfg"], self.proxy_log, environment)
        wait_until("the proxy knows three stores", lambda: self.known() == ["UP"] * 3, 30, proxy, self.proxy_log)

    def known(self):
        """How the proxy sees each store."""
        text = request(f"http://127.0.0.1:{self.statistics}/;csv")[1]
        rows = [line.split(",") for line in text.splitlines() if line.startswith("stores,store")]
        return [row[17].split()[0] for row in rows]

    def sign_in(self, email=ADMIN, port=None):
        status, answer = request(f"http://127.0.0.1:{port or self.proxy}/api/auth/login", {"email": email, "password": PASSWORD})
        if status != 200:
            raise AssertionError(f"{email} can't sign in: {status} {answer}")
        return answer

    def new_customer(self):
        email = f"{uuid.uuid4()}@example.com"
        request(f"http://127.0.0.1:{self.proxy}/api/auth/register", {"email": email, "password": PASSWORD, "name": "Анна"})
        return self.sign_in(email)["access_token"]


class Caller:
    """A client with a connection that stays open, from an address of this machine."""

    def __init__(self, port, token=None, address="127.0.0.1"):
        self.port, self.address = port, address
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = None

    def ask(self, method, path, body=None, **headers):
        """(status, headers, decoded body); status 0 if there was no whole answer."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(self.address, 0))
        data = None if body is None else json.dumps(body).encode()
        sent = {**self.headers, **({"Content-Type": "application/json"} if data else {}), **headers}
        try:
            self.connection.request(method, path, data, sent)
            answer = self.connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            return 0, {}, repr(error)


class Buyers(Crowd):
    """Customers who order one piece of a product each time; every second one without an Idempotency-Key."""

    def __init__(self, port, tokens, product):
        self.product = product
        self.callers = [Caller(port, token) for token in tokens]
        # (when, order's id, key or None) and (when, who, status, key or None, what was said)
        self.placed, self.failed = [], []
        self.slowest = 0
        super().__init__(len(tokens), self._buy)

    def _buy(self, number):
        key = str(uuid.uuid4()) if number % 2 == 0 else None
        began = time.monotonic()
        status, _, answer = self._order(number, key)
        now = time.monotonic()
        self.slowest = max(self.slowest, now - began)
        if status == 201:
            self.placed.append((now, answer["id"], key))
        else:
            self.failed.append((now, number, status, key, answer))

    def _order(self, number, key):
        items = {"items": [{"product_id": self.product, "quantity": 1}]}
        return self.callers[number].ask("POST", "/api/orders/", items, **({"Idempotency-Key": key} if key else {}))

    def ask_again(self):
        """For every order that was not answered, with its key; each is placed once then."""
        for _, number, status, key, _ in [failure for failure in self.failed if failure[3]]:
            answered = wait_until("an order with its key is answered", lambda: self._settled(number, key), 30)
            self.placed.append((time.monotonic(), answered, key))

    def _settled(self, number, key):
        status, _, answer = self._order(number, key)
        if status != 201:
            time.sleep(1)
        return answer["id"] if status == 201 else None
