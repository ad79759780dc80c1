"""From an order to its log lines in Elasticsearch: a real store, rsyslog and Elasticsearch."""

import collections
import json
import os
import pathlib
import shutil
import tempfile
import time
import urllib.request

import programs
from elastic import Elastic
from processes import ProcessesTest, free_port, request, wait_until
from rulebook import ROOT
from shipper import Shipper

AWAY_SECONDS = 15


def setUpModule():
    if not shutil.which("rsyslogd"):
        programs.install_packages(["rsyslog"])


class StoreLogsTest(ProcessesTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.elastic = Elastic(cls.scratch)
        cls.elastic.start()
        cls.addClassCleanup(cls.elastic.stop)
        cls.elastic.setup()
        cls.shipper = Shipper(cls.scratch, cls.elastic.url).start()
        cls.addClassCleanup(cls.shipper.stop)
        data = cls.scratch / "data"
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_") or name == "STORE_JAVA_OPTS"}
        log = cls.scratch / "store.out"
        environment = {
            **bare,
            "STORE_PORT": str(port),
            "STORE_MANAGEMENT_PORT": str(free_port()),
            "STORE_DATA_DIR": str(data),
            "STORE_LOG_FILE": str(cls.shipper.store_log),
            "STORE_LIMITS_REQUESTS_PER_MINUTE": "1000000",
        }
        store = cls.launch([ROOT / "store", "run"], log, environment, cls.scratch)
        wait_until("the store is up", lambda: "Ctrl-C" in log.read_text(), 900, store, log)
        signed_in = request(
            f"{cls.url}/api/auth/login",
            {"email": "admin@store.local", "password": (data / "admin-password.txt").read_text().strip()},
        )
        cls.token = {"Authorization": f"Bearer {signed_in[1]['access_token']}"}
        cls.product = request(f"{cls.url}/api/products/?limit=1&sort=newest")[1]["items"][0]["id"]
        request(f"{cls.url}/api/products/{cls.product}/stock", {"delta": 1_000_000, "reason": "delivery"}, headers=cls.token)

    def place(self):
        """The id of an order that was placed, and that of its trace."""
        body = json.dumps({"items": [{"product_id": self.product, "quantity": 1}]}).encode()
        asked = urllib.request.Request(f"{self.url}/api/orders/", body, {"Content-Type": "application/json", **self.token})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.loads(answer.read())["id"], answer.headers["X-Trace-Id"]

    def lines(self, number, **fields):
        query = {"bool": {"filter": [{"term": {name.replace("_", "."): value}} for name, value in fields.items()]}}

        def all_there():
            return self.elastic.count("logs-store-*", query) >= number

        wait_until(f"{number} lines with {fields}", all_there, 60)
        return self.elastic.search("logs-store-*", query, size=1000)

    def test_an_order_is_found_by_the_id_of_its_trace(self):
        order, trace = self.place()
        lines = self.lines(2, trace_id=trace)
        found = {line["event.dataset"]: line for line in lines}
        self.assertEqual({"store.access", "store.events"}, set(found), lines)
        self.assertEqual(2, len(lines), lines)
        self.assertEqual((order, "order-placed"), (found["store.events"]["order.id"], found["store.events"]["event.action"]))
        self.assertEqual((order, 201), (found["store.access"]["order.id"], found["store.access"]["http.response.status_code"]))

    def test_one_orders_life_is_found_by_its_id(self):
        order, _ = self.place()
        for status in ("confirmed", "shipped", "delivered"):
            request(f"{self.url}/api/orders/{order}", {"status": status}, "PUT", self.token)
        life = [line for line in self.lines(8, order_id=order) if line["event.dataset"] == "store.events"]
        life.sort(key=lambda line: line["@timestamp"])
        self.assertEqual(["pending", "confirmed", "shipped"], [line["change.from"] for line in life[1:]], life)
        self.assertEqual(["confirmed", "shipped", "delivered"], [line["change.to"] for line in life[1:]], life)

    def test_every_field_that_the_store_writes_is_one_that_can_be_searched(self):
        self.place()
        template = json.loads((ROOT / "ops/elasticsearch/template.json").read_text())
        known = json.dumps(template)
        written = set()
        for line in self.shipper.store_log.read_text().splitlines():
            written |= json.loads(line).keys()
        self.assertGreater(len(written), 15)
        self.assertEqual([], sorted(name for name in written if f'"{name}"' not in known))

    def test_while_elasticsearch_is_away_the_store_sells_and_no_line_is_lost_or_doubled(self):
        self.elastic.kill()
        placed = []
        end = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            placed.append(self.place())
            self.assertLess(time.monotonic() - began, 5)
        self.elastic.start()
        wait_until("the last order's line is there", lambda: self.elastic.count("logs-store-*", {"term": {"trace.id": placed[-1][1]}}) == 2, 120)
        found = collections.Counter()
        for _, trace in placed:
            found[self.elastic.count("logs-store-*", {"term": {"trace.id": trace}})] += 1
        self.assertEqual({2: len(placed)}, dict(found))
