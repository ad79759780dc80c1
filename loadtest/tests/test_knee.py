"""The search for the knee, and what is said of it."""

import contextlib
import http.server
import threading
import unittest
import xml.etree.ElementTree
from collections import Counter

from loadtest import knee, plain, resources


def made(users, good, **used):
    return {"users": users, "good": good, "requests": 1000, "requests_a_second": users * 2.0, "orders_a_second": users / 4, "views_a_second": users * 1.5,
            "p50_ms": 10, "p99_ms": 80 if good else 800, "failed": 0.0, "used": {"cpu": {"machine": 1.0, "load": 0.2}, "cores": 2, **used}}


def search(sustained):
    """All steps of a search in a store that is good up to a number of users."""
    steps = [made(knee.FIRST_USERS, knee.FIRST_USERS <= sustained)]
    while (users := knee.next_users(steps)) is not None:
        steps.append(made(users, users <= sustained))
    return steps


class SearchTest(unittest.TestCase):
    def test_comes_close_from_below(self):
        for sustained in (20, 31, 100, 333, 1000):
            found = knee.best(search(sustained))["users"]
            self.assertLessEqual(found, sustained)
            self.assertGreater(found, sustained * 0.8)

    def test_ends_where_nothing_is_good_and_where_all_is(self):
        self.assertIsNone(knee.best(search(0)))
        endless = search(10**9)
        self.assertEqual(knee.MOST_STEPS, len(endless))
        self.assertIn("no limit was found", knee.result(endless, 1, "Mixed Workload")["sentence"])
        self.assertIn("Not even", knee.result(search(0), 1, "Mixed Workload")["sentence"])

    def test_a_step_that_was_good_by_luck_beyond_a_bad_one_does_not_count(self):
        self.assertEqual(20, knee.best([made(20, True), made(32, False), made(51, True)])["users"])


class StepTest(unittest.TestCase):
    def test_is_measured_when_the_new_users_have_signed_in_or_never_will(self):
        self.assertTrue(knee.settled(8.0, 8.0, 3.0))
        self.assertFalse(knee.settled(7.9, 8.0, 5.0))
        self.assertFalse(knee.settled(30.0, 8.0, 2.9))
        self.assertTrue(knee.settled(8.0 + knee.SIGN_IN_MOST_S, 8.0, 0.1))

    def step(self, calls, before=None):
        used = [{"at": at, "store": None, "cpu_s": {"machine": at / 2}} for at in (10.0, 20.0)]
        return knee.step(5, {"calls": before or {}, "used": used[0]}, {"calls": calls, "used": used[1]})

    def test_counts_only_what_came_in_the_step(self):
        name = "GET /api/products/{id}"
        found = self.step({name: (300, 4, Counter({10: 199, 600: 101}))}, {name: (100, 4, Counter({600: 100}))})
        self.assertEqual((200, 20.0, 0.0), (found["requests"], found["requests_a_second"], found["failed"]))
        self.assertEqual((10, 10), (found["p50_ms"], found["p99_ms"]))
        self.assertEqual({"machine": 0.5}, found["used"]["cpu"])

    def test_tells_orders_from_page_views(self):
        found = self.step({"GET /api/products/?q=": (100, 10, Counter({5: 100})), "POST /api/orders/ (burst)": (50, 0, Counter({5: 50})),
                           "GET /api/orders/": (70, 0, Counter({5: 70}))})
        self.assertEqual((9.0, 5.0), (found["views_a_second"], found["orders_a_second"]))

    def test_leaves_out_that_the_new_users_sign_in(self):
        found = self.step({"GET /api/products/": (200, 0, Counter({5: 200})), "POST /api/auth/login": (50, 50, Counter({7000: 50}))})
        self.assertEqual((200, 5, 0.0, True), (found["requests"], found["p99_ms"], found["failed"], found["good"]))

    def test_is_bad_beyond_each_limit_and_where_there_was_too_little(self):
        for good, calls in ((True, (1000, 10, Counter({500: 1000}))), (False, (1000, 11, Counter({500: 1000}))),
                            (False, (1000, 0, Counter({10: 985, 501: 15}))), (True, (1000, 0, Counter({10: 995, 501: 5}))),
                            (False, (99, 0, Counter({10: 99})))):
            self.assertEqual(good, self.step({"GET /api/products/": calls})["good"], calls)


class BottleneckTest(unittest.TestCase):
    def said(self, processes=1, **used):
        return knee.bottleneck({"cpu": {"machine": 1.0, "load": 0.2, "database": 0.3}, "cores": 4, **used}, processes)

    def test_names_what_was_scarce(self):
        slowest = [{"name": "stock.lock", "mean_ms": 812.0, "under_way": 14.0, "a_second": 17.0}]
        self.assertIn("the load generator", self.said(cpu={"machine": 3.9, "load": 0.95}))
        self.assertNotIn("the load generator:", self.said(processes=2, cpu={"machine": 3.9, "load": 0.95}))
        self.assertIn("store 2.0, database 1.0", self.said(cpu={"machine": 3.9, "load": 0.5, "store": 2.0, "database": 1.0}))
        self.assertIn("stock.lock (812.0 ms each)", self.said(pool_share=0.95, pool_wait_ms=300.0, slowest_statements=slowest))
        self.assertIn("inside the database, for locks or for its disk;", self.said(pool_share=0.5, statements_under_way=8.0, slowest_statements=slowest))
        self.assertIn("not among what can be seen", self.said())


    def test_locks_come_before_the_connections_that_wait_for_them(self):
        slowest = [{"name": "stock.lock", "mean_ms": 812.0, "under_way": 14.0, "a_second": 17.0}]
        full = {"pool_share": 0.95, "pool_wait_ms": 300.0, "statements_under_way": 14.0, "slowest_statements": slowest}
        self.assertIn("locks in the database: 11.5 sessions waited for one, on average; most time went into stock.lock", self.said(lock_waits=11.5, **full))
        self.assertIn("the connections to the database", self.said(lock_waits=3.0, **full))
        self.assertIn("inside the database, for its disk;", self.said(lock_waits=0.0, statements_under_way=8.0))

    def test_a_store_elsewhere_has_processors_of_its_own(self):
        there = {"elsewhere": {"busy": 7.9, "cores": 8}}
        self.assertIn("the CPU of the store's machine: 7.9 of 8 processors busy, store 6.0, everything else 1.9",
                      self.said(cpu={"load": 0.5, "store": 6.0}, **there))
        self.assertIn("the load generator", self.said(cpu={"load": 0.95, "store": 6.0}, **there))
        self.assertIn("inside the database, for locks or for its disk or for its processors;",
                      self.said(cpu={"load": 0.5, "store": 2.0}, statements_under_way=8.0, elsewhere={"busy": 3.0, "cores": 8}))


class ResourcesTest(unittest.TestCase):
    def test_what_lies_between_two_looks(self):
        def look(at, orders, wait_s, pool_s, statement_s, times):
            return {"at": at, "here": True, "cpu_s": {"store": at * 0.75}, "store": {
                "orders": orders, "wait_s": wait_s, "waits": times, "pool_s": pool_s, "pool_max": 10.0, "refused": 0.0, "gc_s": 0.0,
                "statements": {"order.insert": {"s": statement_s, "times": times}}}}

        found = resources.between(look(100.0, 50, 1.0, 20.0, 5.0, 100), look(110.0, 150, 2.0, 70.0, 25.0, 300))
        self.assertEqual((10.0, 5.0, 0.5, 2.0), (found["orders_a_second"], found["pool_wait_ms"], found["pool_share"], found["statements_under_way"]))
        self.assertEqual({"name": "order.insert", "under_way": 2.0, "mean_ms": 100.0, "a_second": 20.0}, found["slowest_statements"][0])
        self.assertEqual({"store": 0.75}, found["cpu"])
        self.assertNotIn("elsewhere", found)

    def test_what_a_store_elsewhere_tells_of_itself(self):
        cpu_ns = 5e9
        lines = 'process_cpu_time_ns_total{} %s\nsystem_cpu_count 8.0\nsystem_cpu_usage 0.75\n'
        with answering(lambda: lines % cpu_ns) as management:
            before = resources.look("http://store.example.org:8080", management, 0, 0)
            cpu_ns = 25e9
            after = resources.look("http://store.example.org:8080", management, 0, 0)
        after["at"] = before["at"] + 10
        found = resources.between(before, after)
        self.assertEqual(({"busy": 6.0, "cores": 8}, 2.0), (found["elsewhere"], found["cpu"]["store"]))
        self.assertNotIn("machine", found["cpu"], "the processors here are not those that the store has")

    def test_an_exporter_says_who_waits_for_a_lock(self):
        with answering(lambda: '# TYPE pg_lock_waiting gauge\npg_lock_waiting{server="localhost:5432"} 7\n') as exporter:
            self.assertEqual(7.0, resources.lock_waits(exporter))
        with answering(lambda: "pg_up 1\n") as exporter, self.assertRaisesRegex(plain.CannotAsk, "does not tell pg_lock_waiting"):
            resources.lock_waits(exporter)


@contextlib.contextmanager
def answering(text):
    """The URL of somebody whose /metrics are this text."""
    class Metrics(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nobody asks."""

    with http.server.HTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class PictureTest(unittest.TestCase):
    def test_has_a_dot_for_each_step_and_is_well_formed(self):
        steps = search(100)
        picture = knee.svg(knee.result(steps, 1, "Mixed <Workload>"))
        root = xml.etree.ElementTree.fromstring(picture)
        self.assertEqual(2 * len(steps), len(root.findall(".//{http://www.w3.org/2000/svg}circle")))
