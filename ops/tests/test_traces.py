"""
Traces, by a real Jaeger: which it keeps, what it makes of them, and whether an order's trace is found from all the places that name
it. A store is run and watched by ./store watch, which starts Jaeger too; then Jaeger is held up and killed, and nobody who orders may
notice.
"""

import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import xml.etree.ElementTree

from elastic import Elastic
from jaeger import CLIENT, SERVER, Jaeger, Traced, span
from processes import end, request, wait_until
from rulebook import OPS, ROOT

PICTURE = OPS / "jaeger/picture"
# Fields of a log line, and the name that Kibana's view of them has: docs/logging.md.
LOGGED = {"trace.id", "order.id", "user.id"}
VIEW = "dataSource:(dataViewId:logs-store,type:dataView)"
REST = 300


def draw(jaeger, trace_id, *options):
    return subprocess.run([PICTURE, trace_id, "--jaeger", jaeger, *options], capture_output=True, text=True, timeout=60)


def calls(page):
    """What Jaeger's spanmetrics has counted, by the span's name."""
    lines = re.findall(r'(?m)^traces_span_metrics_calls_total\{.*span_name="([^"]*)".*\} (\S+)$', page)
    return {name: sum(float(value) for each, value in lines if each == name) for name, _ in lines}


class FilesTest(unittest.TestCase):
    def test_links_lead_to_log_lines(self):
        """Kibana can't be run here: that a link asks for a field that lines have, by a value that a trace has, is what can be seen."""
        patterns = json.loads((OPS / "jaeger/ui.json").read_text())["linkPatterns"]
        self.assertEqual({"Log lines of this trace", "Log lines of this order", "Log lines of this user in the last day"}, {each["text"] for each in patterns})
        asked = {}
        for each in patterns:
            self.assertRegex(each["url"], r"^http://localhost:5601/app/discover#/\?_g=\(time:\(.*\)\)&_a=\(.*\)$")
            self.assertIn(VIEW, each["url"])
            field, value = re.search(r"query:'([\w.]+):\"#\{([\w.]+)\}\"'", each["url"]).groups()
            asked[field] = value
            used = {name.split("|")[0].strip() for name in re.findall(r"#\{([^}]*)\}", each["url"])}
            self.assertLessEqual(used, {"traceID", "startTime", "endTime"} if each["type"] == "traces" else {each["key"]}, each)
        self.assertEqual({"trace.id": "traceID", "order.id": "order.id", "user.id": "user.id"}, asked)
        self.assertEqual(LOGGED, set(asked))

    def test_jaeger_takes_both_configurations_and_refuses_one_with_a_typing_error(self):
        with tempfile.TemporaryDirectory() as folder:
            scratch = pathlib.Path(folder)
            for storage in ("memory", "elasticsearch"):
                command, environment = self.jaeger(scratch, storage)
                done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
                self.assertEqual(0, done.returncode, done.stderr)
            broken = scratch / "broken.yaml"
            broken.write_text("processors: {tail_sampling: {decision_weight: 10s}}\n")
            done = subprocess.run([*command, f"--config={broken}"], capture_output=True, text=True, env=environment, timeout=60)
            self.assertNotEqual(0, done.returncode)
            self.assertIn("decision_weight", done.stderr)

    @staticmethod
    def jaeger(scratch, storage):
        made = Jaeger(scratch, storage)
        program, *files = made.command
        return [program, "validate", *files], made.environment

    def test_a_jaeger_that_is_not_there_is_refused_in_a_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_")}
            for settings, said in (
                ({"STORE_JAEGER": f"{folder}/none"}, f"STORE_JAEGER is {folder}/none, which is not a program.\n"),
                ({"STORE_JAEGER": "true", "JAEGER_QUERY_PORT": "16k"}, 'JAEGER_QUERY_PORT must be a number from 1 to 65535, not "16k".\n'),
            ):
                environment = {**bare, "STORE_DATA_DIR": folder, **settings}
                done = subprocess.run([ROOT / "store", "watch"], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=60)
                self.assertEqual((1, said), (done.returncode, done.stderr))


class ChoiceTest(unittest.TestCase):
    """Which traces are kept, with the settings as they are shipped."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, scratch)
        cls.jaeger = Jaeger(pathlib.Path(scratch))
        cls.jaeger.__enter__()
        cls.addClassCleanup(cls.jaeger.__exit__)
        # The same ids each time, so that chance is the same as well.
        chance = random.Random(7)
        cls.ids = {
            kind: [f"{chance.getrandbits(128):032x}" for _ in range(number)]
            for kind, number in (("failed", 20), ("answered 503", 20), ("slow", 20), ("ordinary", REST), ("refused", 20))
        }
        for kind, told in (
            ("failed", {"error": True, "status": "200"}),
            ("answered 503", {"status": "503"}),
            ("slow", {"milliseconds": 501, "status": "200"}),
            ("ordinary", {"milliseconds": 499, "status": "200"}),
            ("refused", {"status": "404"}),
        ):
            cls.jaeger.send(*(span(trace, trace[:16], f"a {kind} one", **told) for trace in cls.ids[kind]))
        # A trace is as slow as the whole of it is, and has failed if any span of it has.
        cls.parts = [f"{chance.getrandbits(128):032x}" for _ in range(2)]
        now = time.time()
        for n, trace in enumerate(cls.parts):
            top = span(trace, "a" * 16, "GET /page", 100 if n == 0 else 5, start=now - 1)
            below = span(trace, "b" * 16, "orders.look", 100, CLIENT, "a" * 16, start=now - 0.4 if n == 0 else now - 1, error=n == 1)
            cls.jaeger.send(top)
            cls.jaeger.send(below)
        wait_until("the last one is kept", lambda: all(cls.jaeger.trace(trace) for trace in [*cls.ids["slow"], *cls.parts]), 40)
        cls.kept = {kind: [trace for trace in ids if cls.jaeger.trace(trace)] for kind, ids in cls.ids.items()}

    def test_what_failed_and_what_was_slow_is_kept_always(self):
        for kind in ("failed", "answered 503", "slow"):
            self.assertEqual(self.ids[kind], self.kept[kind])

    def test_of_the_rest_a_share_is_kept(self):
        number = len(self.kept["ordinary"]) + len(self.kept["refused"])
        whole = len(self.ids["ordinary"]) + len(self.ids["refused"])
        # Four standard deviations; the ids are always the same.
        self.assertTrue(10 <= number <= 54, f"{number} of {whole} ordinary ones are kept")

    def test_a_trace_is_judged_as_a_whole(self):
        for trace in self.parts:
            self.assertEqual({"GET /page", "orders.look"}, {each["name"] for each in self.jaeger.trace(trace)})

    def test_what_comes_late_goes_where_its_trace_has_gone(self):
        away = next(trace for trace in self.ids["ordinary"] if trace not in self.kept["ordinary"])
        for trace in (self.ids["failed"][0], away):
            self.jaeger.send(span(trace, "c" * 16, "late", 5, CLIENT, trace[:16]))
        wait_until("the late span is there", lambda: len(self.jaeger.trace(self.ids["failed"][0])) == 2, 30)
        self.assertEqual([], self.jaeger.trace(away))

    def test_what_is_not_kept_is_measured_too(self):
        def counted():
            return calls(request(self.jaeger.span_metrics)[1])

        expected = {f"a {kind} one": len(ids) for kind, ids in self.ids.items()}
        wait_until("every span is counted", lambda: expected.items() <= counted().items(), 30)

    def test_a_trace_is_drawn(self):
        trace = self.parts[1]
        done = draw(self.jaeger.url, trace.upper())
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertEqual(done.stdout, draw(self.jaeger.url, trace).stdout)
        drawn = xml.etree.ElementTree.fromstring(done.stdout)
        texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual("GET /page", texts[0])
        self.assertIn(f"trace {trace}", texts[1])
        self.assertIn("failed", texts)
        self.assertEqual(["5.00 ms", "100 ms"], [text for text in texts if text in ("5.00 ms", "100 ms") and text != texts[1]][-2:])

    def test_a_trace_is_written_down(self):
        done = draw(self.jaeger.url, self.parts[0], "--text")
        self.assertEqual(0, done.returncode, done.stderr)
        title, about, empty, top, below = done.stdout.splitlines()
        self.assertEqual(("GET /page", ""), (title, empty))
        self.assertRegex(about, rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, 70\d ms, 2 spans; trace {self.parts[0]}$")
        self.assertRegex(top, r"^GET /page     █+ +100 ms$")
        self.assertRegex(below, r"^  orders\.look +█+ +100 ms$")
        # It begins after the other has ended.
        self.assertGreater(below.index("█"), top.rindex("█"))

    def test_why_a_trace_is_not_drawn_is_said_in_a_sentence(self):
        for trace, jaeger, code, said in (
            ("f" * 32, self.jaeger.url, 1, f"has no trace {'f' * 32}: it was not chosen"),
            ("f" * 32, "http://localhost:1", 1, "No Jaeger answers at http://localhost:1"),
            ("12 or so", self.jaeger.url, 2, "a trace's id is 32 hexadecimal digits"),
        ):
            done = draw(jaeger, trace)
            self.assertEqual((code, ""), (done.returncode, done.stdout))
            self.assertIn(said, done.stderr)
            self.assertNotIn("Traceback", done.stderr)


class ElasticsearchTest(unittest.TestCase):
    """Kept in a real Elasticsearch."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, scratch)
        cls.scratch = pathlib.Path(scratch)
        cls.elastic = Elastic(cls.scratch)
        cls.elastic.start()
        cls.addClassCleanup(cls.elastic.stop)
        cls.settings = {"JAEGER_ELASTICSEARCH_URL": cls.elastic.url}

    def indices(self):
        return {each["index"] for each in self.elastic.ask("_cat/indices/jaeger-*?format=json&h=index")}

    def forget(self, *options):
        return subprocess.run(
            [OPS / "jaeger/forget", *options], capture_output=True, text=True, env={**os.environ, **self.settings}, timeout=60
        )

    def test_1_a_trace_is_there_after_jaeger_was_started_again(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        with Jaeger(self.scratch, "elasticsearch", **self.settings) as jaeger:
            jaeger.send(
                span(trace, "b7ad6b7169203331", "http post /api/orders", 700, status="201", order__id="0193"),
                span(trace, "00f067aa0ba902b7", "orders.write", 650, CLIENT, "b7ad6b7169203331", links=[("f" * 32, "a" * 16)]),
            )
            before = wait_until("the trace is kept", lambda: jaeger.trace(trace), 60, jaeger.process, jaeger.log)
        with Jaeger(self.scratch, "elasticsearch", **self.settings) as jaeger:
            after = jaeger.trace(trace)
            # Nobody starts Jaeger again when it is Elasticsearch that was away.
            self.elastic.kill()
            self.elastic.start()
            self.assertEqual(2, len(wait_until("the trace is there again", lambda: jaeger.trace(trace), 20)))
            jaeger.send(span("1" * 32, "1" * 16, "a later one", 700))
            wait_until("a later trace is kept", lambda: jaeger.trace("1" * 32), 40)
        self.assertEqual(sorted(before, key=lambda each: each["spanId"]), sorted(after, key=lambda each: each["spanId"]))
        written = {each["spanId"]: each for each in after}
        self.assertEqual("0193", written["b7ad6b7169203331"]["attributes"]["order.id"])
        self.assertEqual(["f" * 32], [link["traceId"] for link in written["00f067aa0ba902b7"]["links"]])

    def test_2_old_days_are_forgotten_and_nothing_else(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        days = {n: (today - datetime.timedelta(days=n)).isoformat() for n in (3, 14, 15, 400)}
        self.assertIn(f"jaeger-span-{today}", self.indices())
        for name in [*(f"jaeger-span-{day}" for day in days.values()), f"jaeger-service-{days[400]}", f"jaeger-notes-{days[400]}"]:
            self.elastic.ask(name, method="PUT")
        before = self.indices()
        done = self.forget()
        gone = {f"jaeger-span-{days[15]}", f"jaeger-span-{days[400]}", f"jaeger-service-{days[400]}"}
        self.assertEqual((0, "".join(f"deleted {name}\n" for name in sorted(gone))), (done.returncode, done.stdout), done.stderr)
        self.assertEqual(before - gone, self.indices())
        self.assertEqual(f"deleted jaeger-span-{days[14]}\n", self.forget("--days", "13").stdout)
        self.assertEqual((0, ""), (self.forget().returncode, self.forget().stdout))

    def test_3_forgetting_says_why_it_could_not(self):
        self.settings = {"JAEGER_ELASTICSEARCH_URL": "http://127.0.0.1:1"}
        done = self.forget()
        self.assertEqual(1, done.returncode)
        self.assertIn("No Elasticsearch answers at http://127.0.0.1:1", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class LiveTest(unittest.TestCase):
    """One story in the order of the tests' numbers: Jaeger's troubles come last."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, scratch)
        cls.stack = Traced(scratch)
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__)
        cls.jaeger = cls.stack.jaeger
        cls.product, *cls.others = cls.stack.products(8)
        # All that is looked for later: it takes its time to get there.
        cls.caller = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
        cls.continued = cls.stack.order(cls.product, traceparent=f"00-{cls.caller[0]}-{cls.caller[1]}-01")
        cls.placed = cls.stack.order(cls.product)
        cls.reads = [cls.stack.call("GET", f"/api/products/{cls.product}", signed_in=False) for _ in range(2)]
        cls.refused = cls.stack.order("00000000-0000-7000-8000-000000000000")
        cls.crowd = cls.at_once(80)

    @classmethod
    def at_once(cls, number):
        """Orders that come at the same moment, eight at a time."""
        gate = threading.Barrier(8)

        def place(n):
            gate.wait(60)
            return cls.stack.order(cls.others[n % len(cls.others)])

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            return list(threads.map(place, range(number)))

    def server_span(self, spans):
        (found,) = (each for each in spans if each["kind"] == SERVER)
        return found

    def test_1_an_orders_trace_is_found_by_the_id_in_its_answer(self):
        self.assertEqual(201, self.placed.status, self.placed.body)
        spans = self.stack.found(self.placed.trace_id)
        server = self.server_span(spans)
        told = server["attributes"]
        self.assertEqual(("POST", "/api/orders", "201"), (told["method"], told["uri"], told["status"]))
        self.assertEqual(self.placed.body["id"], told["order.id"])
        self.assertEqual(self.placed.body["customer"]["id"], told["user.id"])
        self.assertEqual("", server.get("parentSpanId", ""))

    def test_1_the_trace_has_every_trip_to_the_database_by_name(self):
        spans = self.stack.found(self.placed.trace_id)
        trips = [each for each in spans if each["attributes"].get("db.system.name") == "postgresql"]
        self.assertLessEqual({"user.find_active", "orders.claim", "orders.look", "orders.write"}, {each["name"] for each in trips})
        for trip in trips:
            self.assertEqual((CLIENT, trip["name"]), (trip["kind"], trip["attributes"]["db.operation.name"]))
        by_id = {each["spanId"]: each for each in spans}
        server = self.server_span(spans)
        for each in spans:
            if each is server:
                continue
            above = by_id[each["parentSpanId"]]
            self.assertLessEqual(int(above["startTimeUnixNano"]), int(each["startTimeUnixNano"]), each)
            self.assertLessEqual(int(each["endTimeUnixNano"]), int(above["endTimeUnixNano"]), each)

    def test_1_no_trace_has_a_statement_or_a_persons_data(self):
        for answer in (self.placed, self.refused, *self.reads):
            said = json.dumps(self.stack.found(answer.trace_id))
            self.assertNotRegex(said, r"(?i)\bselect\b|\binsert\b|\bupdate\b|admin@store\.local|Bearer")

    def test_1_every_span_says_who_made_it(self):
        for each in self.stack.found(self.placed.trace_id):
            self.assertEqual("product-store", each["resource"]["service.name"])
            self.assertTrue(each["resource"]["service.version"] and each["resource"]["service.instance.id"], each["resource"])

    def test_1_the_trace_is_found_from_the_orders_history(self):
        read = self.stack.call("GET", f"/api/orders/{self.placed.body['id']}").body
        self.assertEqual([self.placed.trace_id], [each["trace_id"] for each in read["history"]])

    def test_1_the_trace_is_found_from_a_problem(self):
        self.assertEqual((409, self.refused.trace_id), (self.refused.status, self.refused.body["trace_id"]))
        server = self.server_span(self.stack.found(self.refused.body["trace_id"]))
        self.assertEqual("409", server["attributes"]["status"])

    def test_1_a_callers_trace_is_continued(self):
        trace, parent = self.caller
        self.assertEqual(trace, self.continued.trace_id)
        self.assertEqual(parent, self.server_span(self.stack.found(trace))["parentSpanId"])

    def test_1_a_read_says_whether_it_came_from_the_cache(self):
        first, second = (self.stack.found(each.trace_id) for each in self.reads)
        self.assertEqual(["miss", "hit"], [self.server_span(each)["attributes"]["store.cache"] for each in (first, second)])
        self.assertIn("redis", {each["attributes"].get("db.system.name") for each in first})
        self.assertEqual([], [each for each in second if each["kind"] == CLIENT])

    def test_1_orders_that_shared_a_transaction_point_to_each_other(self):
        self.assertEqual({201}, {each.status for each in self.crowd})
        traces = {each.trace_id: self.stack.found(each.trace_id) for each in self.crowd}
        shared = [(trace, each) for trace, spans in traces.items() for each in spans if "store.batch.size" in each["attributes"]]
        self.assertTrue(shared, "eight times ten orders at once, and no two shared a transaction")
        for trace, together in shared:
            others = [link["traceId"] for link in together.get("links", [])]
            self.assertEqual(int(together["attributes"]["store.batch.size"]) - 1, len(others))
            for other in others:
                self.assertIn(trace, [link["traceId"] for link in self.server_span(traces[other]).get("links", [])])

    def test_2_an_exemplar_points_to_a_trace_that_is_there(self):
        def pointed_to():
            series = 'http_server_requests_seconds_bucket{job="store",method="POST",uri=~"/api/orders/?"}'
            found = self.stack.ask("query_exemplars", query=series, start=self.stack.started - 60, end=time.time() + 60)
            return {each["labels"]["trace_id"] for of in found for each in of["exemplars"]}

        placed = {each.trace_id for each in [self.placed, self.continued, self.refused, *self.crowd]}
        trace = wait_until("an exemplar of an order", lambda: next(iter(pointed_to() & placed), None), 60)
        self.assertEqual("POST", self.server_span(self.stack.found(trace))["attributes"]["method"])

    def test_2_prometheus_has_what_jaeger_makes_of_spans(self):
        up = 'up{job="jaeger"}'
        wait_until("both of Jaeger's targets are up", lambda: [each["value"][1] for each in self.stack.ask("query", query=up)["result"]] == ["1", "1"], 60)
        served = 'traces_span_metrics_calls_total{job="jaeger",service_name="product-store",span_kind="SPAN_KIND_SERVER"}'
        wait_until("server spans are counted", lambda: self.stack.ask("query", query=served)["result"], 60)
        bounds = {
            name: {round(float(each["metric"]["le"]) / unit, 6) for each in self.stack.ask("query", query=f"sum by (le) ({name})")["result"]}
            for name, unit in (("http_server_requests_seconds_bucket", 1), ("traces_span_metrics_duration_milliseconds_bucket", 1000))
        }
        self.assertEqual(*bounds.values())
        (received,) = self.stack.ask("query", query='sum(otelcol_receiver_accepted_spans_total{job="jaeger"})')["result"]
        self.assertGreater(float(received["value"][1]), 80)

    def test_2_jaegers_page_of_service_performance_has_numbers(self):
        """Asked as the page asks; a rate needs traffic between two looks."""

        def answers(kind):
            self.stack.call("GET", f"/api/products/{self.product}")
            asked = urllib.parse.urlencode(
                {
                    "service": "product-store",
                    "spanKind": "server",
                    "groupByOperation": "true",
                    "endTs": int(time.time() * 1000),
                    "lookback": 300_000,
                    "step": 5000,
                    "ratePer": 600_000,
                    "quantile": 0.95,
                }
            )
            status, answer = request(f"{self.jaeger.url}/api/metrics/{kind}?{asked}")
            self.assertEqual(200, status, answer)
            points = [point["gaugeValue"]["doubleValue"] for of in answer["metrics"] for point in of["metricPoints"]]
            return any(isinstance(point, float) and point > 0 for point in points)

        for kind in ("calls", "latencies"):
            wait_until(f"{kind} are to be seen", lambda: answers(kind), 60)

    def test_2_links_lead_to_the_kibana_that_there_is(self):
        shipped = json.loads((OPS / "jaeger/ui.json").read_text())["linkPatterns"]
        used = json.loads((self.stack.data / "watch/config/jaeger-ui.json").read_text())["linkPatterns"]
        self.assertEqual([each["url"].replace("http://localhost:5601", "https://kibana.example.org") for each in shipped], [each["url"] for each in used])

    def test_2_a_real_order_is_drawn(self):
        self.stack.found(self.placed.trace_id)
        done = draw(self.jaeger.url, self.placed.trace_id)
        self.assertEqual(0, done.returncode, done.stderr)
        texts = [each.text for each in xml.etree.ElementTree.fromstring(done.stdout).iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("201", texts)
        self.assertIn("orders.write", texts)
        self.assertIn("orders.write", draw(self.jaeger.url, self.placed.trace_id, "--text").stdout)

    def lost(self):
        """Spans that were made and did not arrive."""
        page = request(f"http://127.0.0.1:{self.stack.management}/metrics")[1]
        return sum(float(value) for value in re.findall(r'(?m)^store_trace_spans_total\{outcome="(?:failed|dropped)"\} (\S+)$', page))

    def median(self, number=100):
        """How long orders take, one after the other."""
        answers = [self.stack.order(self.others[n % len(self.others)]) for n in range(number)]
        self.assertEqual({201}, {each.status for each in answers})
        self.assertLess(max(each.seconds for each in answers), 2)
        return statistics.median(each.seconds for each in answers)

    def jaeger_process(self):
        watch = self.stack.processes["watch"].pid
        children = pathlib.Path(f"/proc/{watch}/task/{watch}/children").read_text().split()
        (found,) = (int(pid) for pid in children if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(self.stack.environment["STORE_JAEGER"]))
        return found

    def test_3_a_jaeger_that_stands_still_holds_nobody_up_and_is_counted(self):
        usual, before = self.median(), self.lost()
        os.kill(self.jaeger_process(), signal.SIGSTOP)
        try:
            self.assertLess(self.median(), 2 * usual + 0.01)
            wait_until("spans are counted as lost", lambda: self.lost() > before, 60)
            self.assertLess(self.median(), 2 * usual + 0.01)
        finally:
            os.kill(self.jaeger_process(), signal.SIGCONT)
        self.stack.found(self.stack.order(self.product).trace_id)

    def test_4_a_jaeger_that_is_away_holds_nobody_up_and_is_counted_and_comes_back(self):
        usual, before = self.median(), self.lost()
        watch = self.stack.processes["watch"]
        # Else it starts Jaeger again at once.
        os.kill(watch.pid, signal.SIGSTOP)
        try:
            os.kill(self.jaeger_process(), signal.SIGKILL)
            self.assertLess(self.median(), 2 * usual + 0.01)
            wait_until("spans are counted as lost", lambda: self.lost() > before, 60)
        finally:
            os.kill(watch.pid, signal.SIGCONT)
        log = self.stack.scratch / "watch.log"
        wait_until("Jaeger is started again", lambda: "jaeger ended by itself (code -9); starting it again." in log.read_text(), 30)
        self.stack.found(self.stack.order(self.product).trace_id, 90)

    def test_5_without_a_jaeger_the_watch_says_how_to_get_one(self):
        end(self.stack.processes["watch"])
        path = ":".join(folder for folder in os.environ["PATH"].split(":") if not pathlib.Path(folder, "jaeger").exists())
        del self.stack.environment["STORE_JAEGER"]
        self.stack.environment["PATH"] = path
        self.stack._launch([sys.executable, self.stack.scratch / "ops/watch"], self.stack.scratch / "bare.log")
        log = self.stack.scratch / "bare.log"
        wait_until("the watch is up", lambda: "Ctrl-C" in log.read_text(), 60, self.stack.processes["bare"], log)
        self.assertIn("No Jaeger is on this machine, so no traces are kept; ops/jaeger/install builds one.\n", log.read_text())
        self.assertNotRegex(log.read_text(), "(?m)^  (jaeger|traces) ")


if __name__ == "__main__":
    unittest.main()
