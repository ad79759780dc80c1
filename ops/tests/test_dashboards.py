"""
The dashboards and the provisioning of Grafana: whether the files hold together, and whether a Prometheus that watches a real store
under a little of every kind of traffic has an answer to each question in them, and in the rules.

With DASHVIEW in the environment, the folder of a tool that draws them with Grafana's own components, that looks at them too; without,
everything else is tested all the same.
"""

import copy
import pathlib
import re
import shutil
import tempfile
import threading
import time
import unittest

import dashview
import yaml
from boards import GRAFANA, Live, complaints, dead_links_of_alerts, panels, read_boards, written
from processes import wait_until
from rulebook import OPS, Rule, read_rules
from stack import Stack
from traffic import Traffic

# What a store that has run for a minute can't show: (dashboard, panel, query) and why.
MAY_BE_EMPTY = {
    ("store-shop", "vs last week", "A"): "there was no store a week ago",
    ("store-shop", "Orders a minute", "B"): "there was no store a week ago",
}
JOBS = {"store", "postgres", "node", "prometheus", "alertmanager", "redis", "locust"}
# The first background work is done a minute after the start.
SECONDS = 80


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.boards = read_boards()
        self.rules = read_rules(OPS / "prometheus/rules")

    def test_the_files_are_those_that_the_definitions_make(self):
        """Else: python3 ops/grafana/build"""
        self.assertEqual(written(), {file.name: file.read_text() for file in (GRAFANA / "dashboards").iterdir()})

    def test_nothing_is_wrong_with_them(self):
        self.assertEqual(6, len(self.boards))
        self.assertEqual([], complaints(self.boards))

    def test_every_alert_links_to_a_dashboard_that_is_there(self):
        self.assertEqual([], dead_links_of_alerts(self.rules, self.boards))

    def test_what_is_wrong_is_found(self):
        def broken(change):
            boards = copy.deepcopy(self.boards)
            change(boards["store-api.json"])
            return complaints(boards)

        def set_to(path, value):
            def change(board):
                *way, last = path
                for step in way:
                    board = board[step]
                board[last] = value

            return change

        first = panels(self.boards["store-api.json"])[0]
        place = self.boards["store-api.json"]["panels"].index(first)
        self.assertEqual("Store", first["title"])
        for path, value, said in (
            (["panels", place, "description"], "", "store-api: Store has no description"),
            (["panels", place, "fieldConfig", "defaults", "unit"], "", "store-api: Store has no unit"),
            (["panels", place, "targets"], [], "store-api: Store asks nothing"),
            (["panels", place, "datasource", "uid"], "prometheus", "store-api: Store does not use the chosen data source"),
            (["panels", place, "targets", 0, "expr"], 'up{job="$jobb"}', "store-api uses the unknown variable jobb"),
            (["panels", place + 1, "gridPos", "x"], 1, "store-api: Requests lies over Store"),
            (["panels", place, "gridPos", "w"], 25, "store-api: Store leaves the 24 columns"),
            (["panels", place, "id"], self.boards["store-api.json"]["panels"][place + 1]["id"], "is used twice"),
            (["links", 0, "url"], "/d/store-none", "store-api links to /d/store-none, which is no dashboard"),
            (["uid"], "store-jvm", "uid store-jvm is used twice"),
            (["editable"], True, "store-api can be edited"),
        ):
            found = broken(set_to(path, value))
            self.assertTrue(any(said in each for each in found), f"{said}: {found}")

    def test_a_dead_link_of_an_alert_is_found(self):
        rule = next(rule for rule in self.rules if rule.alert == "OrdersStopped")

        def said(link):
            return dead_links_of_alerts(
                [Rule(rule.file, rule.group, {**rule.body, "annotations": {**rule.annotations, "dashboard": link}})], self.boards
            )

        panel = panels(self.boards["store-shop.json"])[0]["id"]
        self.assertEqual([], said(f"d/store-shop?viewPanel={panel}"))
        self.assertEqual(
            ["OrdersStopped severity=critical links to d/store-shop?viewPanel=0, which has no such panel"], said("d/store-shop?viewPanel=0")
        )
        self.assertEqual(["OrdersStopped severity=critical links to d/store-none, which is no dashboard"], said("d/store-none"))


class ProvisioningTest(unittest.TestCase):
    def test_data_sources_know_each_other(self):
        text = (GRAFANA / "provisioning/datasources/store.yml").read_text()
        sources = {each["uid"]: each for each in yaml.safe_load(text)["datasources"]}
        self.assertEqual(
            {"prometheus": "prometheus", "jaeger": "jaeger", "elasticsearch": "elasticsearch"}, {uid: each["type"] for uid, each in sources.items()}
        )
        self.assertEqual(
            [("trace_id", "jaeger")],
            [(each["name"], each["datasourceUid"]) for each in sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]],
        )
        self.assertEqual("elasticsearch", sources["jaeger"]["jsonData"]["tracesToLogsV2"]["datasourceUid"])
        self.assertEqual(["jaeger"], [each["datasourceUid"] for each in sources["elasticsearch"]["jsonData"]["dataLinks"]])
        self.assertFalse(any(each["editable"] for each in sources.values()))
        interval = yaml.safe_load((OPS / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
        self.assertEqual(interval, sources["prometheus"]["jsonData"]["timeInterval"])
        # Grafana takes a single one for a variable of the environment.
        self.assertEqual(["$STORE_LOG_READER_PASSWORD"], re.findall(r"(?<!\$)\$(?!\$)\S*", re.sub(r"\$\$", "", re.sub(r"(?m)^\s*#.*$", "", text))))

    def test_dashboards_are_provided_and_can_not_be_changed(self):
        (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/store.yml").read_text())["providers"]
        self.assertEqual(("Product Store", False, True), (provider["folder"], provider["allowUiUpdates"], provider["disableDeletion"]))


class LiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, scratch)
        cls.stack = Stack(scratch, scrape=2)
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__)
        cls.boards = read_boards()
        cls.rules = read_rules(OPS / "prometheus/rules")
        with Traffic(cls.stack.port, cls.stack.password, pace=0.3) as cls.traffic:
            cls.stack.scrape_too("locust", cls.traffic.metrics_port)
            start = time.time()
            wait_until("every target is up", lambda: cls.up() == dict.fromkeys(JOBS, "1"), 90)
            while time.time() < start + SECONDS:
                time.sleep(1)
            cls.live = Live(cls.stack, start, time.time())

    @classmethod
    def up(cls):
        return {each["metric"]["job"]: each["value"][1] for each in cls.stack.ask("query", query="up")["result"]}

    def test_there_was_traffic_of_every_kind(self):
        self.assertEqual([], self.traffic.failures)
        self.assertLessEqual({200, 201, 400, 401, 403, 404, 409, 429}, set(self.traffic.statuses))
        self.assertEqual({}, {name: number for name, number in self.traffic.measured.failures.items() if number})
        for name in ("store_idempotent_replays_total", 'store_orders_total{status="cancelled"}', 'store_orders_total{status="shipped"}'):
            (found,) = self.stack.ask("query", query=f"sum({name})", time=self.live.now)["result"]
            self.assertGreater(float(found["value"][1]), 0, name)

    def test_every_metric_of_every_panel_is_there(self):
        self.assertEqual([], self.live.unknown(self.live.of_boards(self.boards)))

    def test_every_metric_of_every_rule_is_there(self):
        self.assertEqual([], self.live.unknown(self.live.of_rules(self.rules)))

    def test_every_query_of_every_panel_returns_data(self):
        self.assertEqual([], self.live.empty(self.boards, MAY_BE_EMPTY))

    def test_every_variable_offers_something(self):
        for board in self.boards.values():
            current = {each["name"]: each["current"]["value"] for each in board["templating"]["list"]}
            choices = self.live.choices(board)
            self.assertEqual({"job", "instance"}, set(choices), board["uid"])
            self.assertIn(current["job"], choices["job"], board["uid"])
            self.assertTrue(choices["instance"], board["uid"])

    def test_every_annotation_can_be_worked_out(self):
        for board in self.boards.values():
            for each in board["annotations"]["list"]:
                self.stack.ask(
                    "query_range", query=self.live.filled_in(board, each["expr"]), start=self.live.start, end=self.live.now, step=each["step"]
                )
        (started,) = (each["expr"] for each in self.boards["store-api.json"]["annotations"]["list"] if each["name"] == "Load tests")
        found = self.stack.ask("query_range", query=started, start=self.live.start, end=self.live.now, step=2)["result"]
        self.assertTrue(found, "the traffic is a load test, and is marked as one")

    def test_a_renamed_metric_in_a_panel_is_noticed(self):
        boards = copy.deepcopy(self.boards)
        panel = next(panel for panel in panels(boards["store-database.json"]) if panel["title"] == "Most asked")
        panel["targets"][0]["expr"] = panel["targets"][0]["expr"].replace("db_client_operation_duration_seconds", "db_client_operation_seconds")
        said = "store-database: Most asked asks for db_client_operation_seconds_count, which is not there"
        self.assertEqual([said], self.live.unknown(self.live.of_boards(boards)))
        (empty,) = self.live.empty({"store-database.json": boards["store-database.json"]}, {})
        self.assertTrue(empty.startswith("store-database: Most asked, A gives nothing: "), empty)

    def test_a_renamed_metric_in_a_rule_is_noticed(self):
        rules = [Rule(rule.file, rule.group, {**rule.body, "expr": rule.expr.replace("store_orders_total", "store_orders")}) for rule in self.rules]
        said = self.live.unknown(self.live.of_rules(rules))
        self.assertIn("OrdersStopped severity=critical asks for store_orders, which is not there", said)

    def test_a_legend_that_names_no_label_is_noticed(self):
        boards = copy.deepcopy(self.boards)
        panel = next(panel for panel in panels(boards["store-database.json"]) if panel["title"] == "Most asked")
        panel["targets"][0]["legendFormat"] = "{{statement}}"
        self.assertEqual(
            ["store-database: Most asked, A has no label statement"], self.live.empty({"store-database.json": boards["store-database.json"]}, {})
        )

    def test_a_held_lock_is_seen_and_does_not_silence_the_exporter(self):
        """Just then its numbers are wanted."""
        holder = threading.Thread(target=self.stack.psql, args=("BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(10); COMMIT;",))
        holder.start()
        try:
            time.sleep(9)
            for query in ('min_over_time(up{job="postgres"}[6s])', 'sum(max_over_time(pg_locks_count{mode="accessexclusivelock"}[6s]))'):
                (found,) = self.stack.ask("query", query=query)["result"]
                self.assertGreaterEqual(float(found["value"][1]), 1, query)
        finally:
            holder.join()

    if dashview.folder():

        def test_grafanas_components_can_show_them(self):
            with tempfile.TemporaryDirectory() as out:
                code, said = dashview.view(
                    self.stack, out, MAY_BE_EMPTY, "--no-png", "--from", dashview.time(self.live.start), "--to", dashview.time(self.live.now)
                )
            self.assertEqual(0, code, said)


if __name__ == "__main__":
    unittest.main()
