"""The whole of it against a live store: ./store load and ./store capacity as people call them."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

from bench.store import free_port
from loadtest import run

ROOT = run.ROOT
SIGN_IN = {"POST /api/auth/register", "POST /api/auth/login", "POST /api/auth/refresh"}
CALLS = {
    "heavy": SIGN_IN | {
        "GET /api/products/?q=", "GET /api/products/?q=&sort=", "GET /api/products/?offset=", "GET /api/products/?cursor=",
        "POST /api/orders/ (30 to 100 lines)", "GET /api/orders/", "GET /api/orders/ (all customers)"},
    "database": SIGN_IN | {
        "GET /api/products/?min_price=&max_price=", "GET /api/products/?category=&min_price=&max_price=", "POST /api/orders/ (burst)",
        "POST /api/orders/ (one hot product)", "POST /api/products/{id}/stock", "PUT /api/orders/{id}", "DELETE /api/orders/{id}"},
    "mixed": SIGN_IN | {
        "GET /api/categories/", "GET /api/products/?category=", "GET /api/products/{id}", "GET /api/products/?q=", "POST /api/orders/",
        "GET /api/orders/", "GET /api/orders/{id}", "GET /api/orders/?status=", "PUT /api/orders/{id}", "POST /api/products/{id}/stock",
        "DELETE /api/orders/{id}"},
}
# Of the heavy scenario only when something runs out, which depends on what people chose.
PERHAPS = {"POST /api/products/{id}/stock"}


def until(what, ready, seconds, process=None):
    for _ in range(seconds * 5):
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = ready()
            if answer:
                return answer
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{what}: it has ended with {process.returncode}")
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


def text(url, data=None):
    with urllib.request.urlopen(url, data, timeout=30) as answer:
        return answer.read().decode()


class LiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.store = cls.enterClassContext(run.own_store(cls.scratch / "own", 2000, 300))
        bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_")}
        cls.environment = {
            **bare,
            "STORE_PORT": cls.store.host.rpartition(":")[2],
            "STORE_MANAGEMENT_PORT": cls.store.management.rpartition(":")[2],
            "STORE_DATA_DIR": str(cls.store.data),
        }

    def start(self, *words, **settings):
        process = subprocess.Popen([str(ROOT / "store"), *map(str, words)], env={**self.environment, **settings}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)

    def run_load(self, *words, limit=120, **settings):
        """(exit code, verdict, what was said)"""
        out = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        process = self.start("load", "--out", out, "--metrics-port", "0", *words, **settings)
        said = process.communicate(timeout=limit)[0]
        kept = out / "verdict.json"
        self.assertTrue(kept.is_file(), said)
        verdict = json.loads(kept.read_text())
        self.assertEqual(0 if verdict["verdict"] == "met" else 1, process.returncode, said)
        for name in ("report.html", "verdict.txt", "requests.csv", "failures.csv"):
            self.assertGreater((out / name).stat().st_size, 0, name)
        return process.returncode, verdict, said

    def scenario(self, word):
        _, verdict, said = self.run_load("--headless", word, "--users", 12, "--spawn-rate", 6, "--for", "18s", "--think", "0.05", "--token-age", 8)
        calls = {call["name"]: call for call in verdict["calls"]}
        self.assertEqual(CALLS[word], set(calls) - (PERHAPS - CALLS[word]), said)
        self.assertEqual({}, {name: call["failures"] for name, call in calls.items() if call["failures"]}, said)
        self.assertEqual([], verdict["audit"])
        self.assertNotIn("Traceback", said)
        self.assertGreater(verdict["requests"], 400)

    def test_heavy_api_calls(self):
        self.scenario("heavy")

    def test_database_intensive(self):
        self.scenario("database")

    def test_mixed_workload(self):
        self.scenario("mixed")

    def test_a_store_that_is_held_up_misses_its_targets(self):
        over = threading.Event()
        port = next((self.store.data / "postgres").glob("[0-9]*/postmaster.pid")).read_text().splitlines()[3]
        password = (self.store.data / "postgres/password").read_text().strip()
        hold = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", "store", "-d", "store",
                "-c", "BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT"]
        codes = []

        def hold_up():
            while not over.is_set():
                codes.append(subprocess.run(hold, env={**os.environ, "PGPASSWORD": password}, stdout=subprocess.DEVNULL).returncode)

        holder = threading.Thread(target=hold_up)
        holder.start()
        try:
            code, verdict, said = self.run_load("--headless", "database", "--users", 20, "--spawn-rate", 20, "--for", "15s", "--think", "0.05")
        finally:
            over.set()
            holder.join()
        self.assertEqual({0}, set(codes), "the lock was not held")
        self.assertEqual(1, code, said)
        self.assertTrue([reason for reason in verdict["reasons"] if re.match(r"POST /api/orders/.* p99 is \d+ ms", reason)], said)
        self.assertIn("MISSED:", said)

    def test_an_empty_run_fails(self):
        code, verdict, said = self.run_load("--headless", "mixed", "--users", 2, "--for", "5s", "--host", f"http://localhost:{free_port()}")
        self.assertEqual((1, 0), (code, verdict["requests"]), said)
        self.assertIn("only 0 requests were made; fewer than 200 say nothing", verdict["reasons"])
        self.assertEqual(1, said.count("/api/categories/ gave no answer"), said)
        self.assertNotIn("Traceback", said)

    def test_a_short_run_says_nothing(self):
        code, verdict, said = self.run_load("--headless", "mixed", "--users", 2, "--for", "5s", "--think", "100")
        self.assertEqual(1, code, said)
        self.assertTrue(any("say nothing" in reason for reason in verdict["reasons"]), said)

    def test_the_page_starts_a_swarm_and_prometheus_sees_it(self):
        port, metrics, out = free_port(), free_port(), self.scratch / "page"
        # As ./store watch leaves it, whose Prometheus reads each file there.
        targets = self.store.data / "watch/config/targets"
        targets.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, self.store.data / "watch")
        page = f"http://localhost:{port}"
        process = self.start("load", "--port", port, "--metrics-port", metrics, "--out", out)
        first = until("Locust's page", lambda: text(f"{page}/"), 60, process)
        for shown in ("Heavy API Calls", "Database Intensive", "Mixed Workload", "Steps", "Spike", "Soak", "think", "admin_email"):
            self.assertIn(shown, first)
        self.assertNotIn(self.store.admin_password, first, "the page tells the password")
        self.assertEqual([{"targets": [f"localhost:{metrics}"]}], json.loads((targets / "locust.yml").read_text()))

        def swarm(**more):
            form = {"user_classes": "Mixed Workload", "user_count": 6, "spawn_rate": 6, "host": self.store.host, "think": "0.05", **more}
            answer = json.loads(text(f"{page}/swarm", urllib.parse.urlencode(form).encode()))
            self.assertTrue(answer["success"], answer)

        def requests():
            return json.loads(text(f"{page}/stats/requests"))

        swarm()
        until("requests", lambda: requests()["stats"][-1]["num_requests"] > 300, 60, process)
        seen = text(f"http://localhost:{metrics}/metrics")
        self.assertIn('locust_users{user_class="Mixed Workload"} 6\n', seen)
        self.assertRegex(seen, r'locust_request_duration_seconds_bucket\{method="GET",name="GET /api/products/\?q=",le="0.5"\} [1-9]')
        self.assertIn('locust_request_failures_total{method="GET",name="GET /api/products/?q="} 0\n', seen)
        text(f"{page}/stop", b"")
        kept = until("the verdict", lambda: list(out.glob("*/verdict.json")), 30, process)
        self.assertIn('locust_run_timestamp_seconds{event="end",scenario="Mixed Workload"', text(f"http://localhost:{metrics}/metrics"))
        first = json.loads(kept[0].read_text())
        self.assertEqual((["Mixed Workload"], "steady"), (first["scenarios"], first["shape"]))
        self.assertEqual(0, first["failures"])

        time.sleep(1.1)  # A run's folder is named by the second.
        swarm(user_classes="Database Intensive", shape_class="Spike", run_time="9s")
        kept = until("the verdict of the spike", lambda: (found := list(out.glob("*/verdict.json")))[1:] and sorted(found), 60, process)
        second = json.loads(kept[-1].read_text())
        self.assertEqual((["Database Intensive"], "spike"), (second["scenarios"], second["shape"]))
        # Nobody has read anything of the second one, so nobody is waited for.
        process.terminate()
        self.assertEqual(0, process.wait(20))
        self.assertFalse((targets / "locust.yml").exists(), "Prometheus still looks for a load test that is over")

    def test_a_master_and_two_workers(self):
        port, metrics, out = free_port(), free_port(), self.scratch / "many"
        master = self.start("load", "--master", "--master-port", port, "--expect-workers", 2, "--headless", "mixed", "--users", 8, "--spawn-rate", 8,
                            "--for", "12s", "--think", "0.05", "--metrics-port", metrics, "--out", out)
        # They don't know the back office's password: the master tells it.
        workers = [self.start("load", "--worker", "--master-port", port, "--host", self.store.host, STORE_DATA_DIR="") for _ in range(2)]
        seen = {}

        def look():
            found = text(f"http://localhost:{metrics}/metrics")
            if 'locust_users{user_class="Mixed Workload"} 8\n' in found and "locust_request_duration_seconds_count" in found:
                seen["text"] = found
            return seen

        until("the workers' figures at the master", look, 60, master)
        self.assertIn('locust_run_timestamp_seconds{event="start",scenario="Mixed Workload",shape="steady",users="8"}', seen["text"])
        self.assertNotIn('event="end"', seen["text"])
        # Whoever has read it once is waited for at the end, but not longer than until they have come.
        until("the verdict", (out / "verdict.json").is_file, 60, master)
        time.sleep(3)
        self.assertIsNone(master.poll(), "gone before its end was read")
        began = time.monotonic()
        self.assertIn('event="end"', text(f"http://localhost:{metrics}/metrics"))
        said = master.communicate(timeout=60)[0]
        self.assertLess(time.monotonic() - began, 15, said)
        self.assertIn("Waiting until Prometheus has read the end of the run", said)
        verdict = json.loads((out / "verdict.json").read_text())
        self.assertEqual(0, verdict["failures"], said)
        self.assertGreater(verdict["requests"], 300, said)
        self.assertEqual([], verdict["audit"])
        for worker in workers:
            self.assertEqual(0, worker.wait(30))

    def test_two_processes(self):
        _, verdict, said = self.run_load("--headless", "mixed", "--users", 8, "--spawn-rate", 8, "--for", "8s", "--think", "0.05", "--processes", 2)
        self.assertEqual(0, verdict["failures"], said)
        self.assertGreater(verdict["requests"], 200, said)

    def test_a_lost_answer_and_a_busy_store_are_tried_again_with_the_same_key(self):
        with Breaking(self.store.host) as proxy:
            _, verdict, said = self.run_load("--headless", "mixed", "--users", 6, "--spawn-rate", 6, "--for", "20s", "--think", "0.05", "--host", proxy.host)
        orders = {call["name"]: call for call in verdict["calls"]}["POST /api/orders/"]
        twice = [tries for tries in proxy.orders.values() if len(tries) > 1]
        self.assertGreater(len(twice), 2, said)
        for tries in twice:
            self.assertEqual(1, len({one["body"] for one in tries}), "another body under the same key")
            if tries[0]["fate"] == "busy":
                self.assertGreaterEqual(tries[1]["at"] - tries[0]["at"], 1.0, "did not wait as long as Retry-After says")
        replayed = [tries for tries in twice if tries[0]["fate"] == "lost" and tries[0]["status"] == 201]
        self.assertTrue(replayed, said)
        self.assertEqual({"true"}, {tries[1]["replayed"] for tries in replayed}, "an order was placed twice")
        self.assertEqual(sum(tries[0]["fate"] != "whole" for tries in proxy.orders.values()), orders["failures"], said)
        self.assertEqual([], verdict["audit"])

    def test_capacity_finds_a_knee(self):
        out = self.scratch / "capacity"
        process = self.start("capacity", "--scenario", "database", "--think", "0.01", "--step-seconds", 4, "--settling-seconds", 4, "--out", out)
        said = process.communicate(timeout=200)[0]
        found = json.loads((out / "capacity.json").read_text())
        self.assertRegex(found["sentence"], r"^This machine sustains [\d.]+ orders/s and [\d.]+ page views/s at p99 \d+ ms|^Not even \d+ users", said)
        self.assertIsNotNone(found["first_bad"], said)
        self.assertGreater(found["steps"][0]["used"]["cpu"]["database"], 0)
        self.assertGreater(found["steps"][0]["orders_a_second"], 0)
        self.assertIn(found["sentence"], (out / "capacity.txt").read_text())
        self.assertIn("<svg", (out / "capacity.svg").read_text())
        self.assertEqual(0 if found["knee"] else 1, process.returncode)


class Breaking:
    """In front of a store: of the orders' first attempts every fifth loses its answer on the way, and every fifth is told to come again."""

    def __init__(self, host):
        self.target = urllib.parse.urlsplit(host)
        self.lock = threading.Lock()
        self.orders = {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                attempt = proxy.attempt(self, body)
                if attempt and attempt["fate"] == "busy":
                    self.reply(503, [("Retry-After", "1"), ("Content-Type", "application/problem+json")], b'{"code": "busy"}')
                    return
                there = http.client.HTTPConnection(proxy.target.hostname, proxy.target.port, timeout=30)
                with contextlib.closing(there):
                    there.request(self.command, self.path, body, dict(self.headers))
                    answer = there.getresponse()
                    content = answer.read()
                if attempt:
                    attempt |= {"status": answer.status, "replayed": answer.headers.get("Idempotent-Replayed")}
                if attempt and attempt["fate"] == "lost":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.reply(answer.status, [item for item in answer.getheaders() if item[0].lower() not in ("content-length", "transfer-encoding", "connection")], content)

            def reply(self, status, headers, content):
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_):
                """What came is in orders."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"

    def attempt(self, request, body):
        if request.command != "POST" or request.path != "/api/orders/":
            return None
        with self.lock:
            tries = self.orders.setdefault(request.headers["Idempotency-Key"], [])
            fate = {0: "lost", 2: "busy"}.get(len(self.orders) % 5, "whole") if not tries else "whole"
            tries.append({"fate": fate, "body": body, "at": time.monotonic(), "status": None, "replayed": None})
            return tries[-1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
