"""
./store load as those see it who watch the store: its own metrics in Prometheus, the dashboard "Load test" filled, a run's start and end
marked, and the plan's two alerts, each really fired by the scenario that docs/load-testing.md names for it and told to a stand-in for
Telegram. Time runs fifteen times as fast for the alerts (shorten.py). The tests are one story, told in their order; the last of them asks
what ./store capacity asks of a store that it has not started.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time
import unittest

from boards import Live, read_boards
from bot import Bot
from processes import ProcessesTest, end, free_port, wait_until
from rulebook import ROOT
from stack import Stack

sys.path.append(str(ROOT))

from loadtest import resources, run  # noqa: E402  (found by the line above)

FACTOR = 15
TOKEN = "123456:test_Token-of-the-stand-in"
CHAT = "-1001234567890"
NAME = "Load"


class LoadTest(ProcessesTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        cls.bot = Bot(TOKEN, CHAT)
        cls.addClassCleanup(cls.bot.close)
        settings = {
            "STORE_NAME": NAME,
            "STORE_TELEGRAM_TOKEN": TOKEN,
            "STORE_TELEGRAM_CHAT_ID": CHAT,
            "STORE_TELEGRAM_API_URL": cls.bot.url,
            # Small, so that few people are more than it can serve, on any machine.
            "STORE_LIMITS_POOL_SIZE": "2",
        }
        cls.stack = Stack(cls.scratch, scrape=2, seed=(2000, 1000), settings=settings, factor=FACTOR)
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__)
        cls.boards = read_boards()

    def setUp(self):
        self.told_before = len(self.bot.messages)
        self.began = time.time()

    def start(self, scenario, *words):
        """The run's process, and the folder with what it leaves, once Prometheus reads it."""
        out = self.scratch / scenario
        log = self.scratch / f"{scenario}.log"
        command = [ROOT / "store", "load", "--headless", scenario, "--metrics-port", free_port(), "--out", out, *words]
        process = self.launch(command, log, self.stack.environment)
        self.addCleanup(end, process, 90)
        # The first one on this machine installs Locust.
        wait_until("Prometheus reads the load test", lambda: self.up() == ["1"], 180, process, log)
        return process, out

    def up(self):
        return [each["value"][1] for each in self.stack.ask("query", query='up{job="locust"}')["result"]]

    def expect(self, alert, *patterns):
        """The message that an alert fires, come since the test began."""

        def fits(read):
            return re.match(rf"🟡 Внимание · магазин {NAME}\n{alert}\n", read) and all(re.search(pattern, read) for pattern in patterns)

        return self.bot.wait_for(f"{alert} {patterns}", fits, 100, self.told_before)["read"]

    def marks(self, board):
        """What Grafana draws of the runs since the test began: {(event, text): moment}."""
        (each,) = (each for each in board["annotations"]["list"] if each["name"] == "Load tests")
        # A minute on, as somebody looks later: whoever told the end is long gone then.
        asked = self.stack.ask("query_range", query=each["expr"], start=self.began, end=time.time() + 60, step=each["step"])
        found = {}
        for series in asked["result"]:
            labels = series["metric"]
            text = re.sub(r"{{(\w+)}}", lambda match: labels[match[1]], each["textFormat"])
            for moment in {float(value) / 1000 for _, value in series["values"]}:
                if moment > self.began:
                    self.assertNotIn((labels["event"], text), found, "two marks for one event")
                    found[labels["event"], text] = moment
        return found

    def check_marks(self, out, text):
        """On every dashboard, at the moments at which the run itself says that it began and ended."""
        seconds = json.loads((out / "verdict.json").read_text())["seconds"]
        for board in self.boards.values():
            found = self.marks(board)
            self.assertEqual({("start", text), ("end", text)}, set(found), board["uid"])
            self.assertAlmostEqual(seconds, found["end", text] - found["start", text], delta=2)
            self.assertLess(found["end", text], time.time())

    def test_1_database_intensive_is_told_as_many_requests_to_the_database(self):
        process, out = self.start("database", "--users", 12, "--spawn-rate", 12, "--think", 0.1, "--for", "60s")
        read = self.expect("DatabaseRpsAbove100", r"• Больше 100 запросов в секунду к базе store: (\d+) транзакций/с за 5 минут")
        self.assertGreater(int(re.search(r"(\d+) транзакций/с", read)[1]), 100)

        live = Live(self.stack, self.began, time.time())
        board = {"store-loadtest.json": self.boards["store-loadtest.json"]}
        self.assertEqual([], live.unknown(live.of_boards(board)))
        self.assertEqual([], live.empty(board, {}))
        self.assertEqual({("start", "Database Intensive, 12 users, steady")}, set(self.marks(*board.values())), "it still runs")

        process.wait(120)
        self.check_marks(out, "Database Intensive, 12 users, steady")

    def test_2_heavy_api_calls_are_told_as_slowness(self):
        process, out = self.start("heavy", "--users", 150, "--spawn-rate", 15, "--think", 0.02, "--processes", 2, "--for", "5m")
        read = self.expect("ApiP99Above500ms", r"p99 за 5 минут — \d+\.\d\d с, предел 0\.50 с", r"Хуже всего (GET|POST) /api/")
        self.assertGreater(float(re.search(r"p99 за 5 минут — ([\d.]+) с", read)[1]), 0.5)
        # Cut short, its end is marked all the same.
        process.terminate()
        process.wait(120)
        self.check_marks(out, "Heavy API Calls, 150 users, steady")

    def test_3_prometheus_does_not_miss_a_load_test_that_is_over(self):
        wait_until("it is not looked for any more", lambda: self.up() == [], 30)

    def test_4_the_store_tells_what_it_and_its_machine_are_busy_with(self):
        looks = [resources.look("http://store.example.org", f"http://localhost:{self.stack.management}", 0, 0)]
        time.sleep(3)
        looks.append(resources.look("http://store.example.org", f"http://localhost:{self.stack.management}", 0, 0))
        used = resources.between(*looks)
        self.assertGreater(looks[0]["cpu_s"]["store"], 5, "it has just served two load tests")
        self.assertGreater(used["cpu"]["store"], 0)
        self.assertGreaterEqual(used["elsewhere"]["cores"], 1)
        self.assertTrue(0 < used["elsewhere"]["busy"] <= used["elsewhere"]["cores"], used)

    def test_5_the_exporter_of_the_watch_tells_who_waits_for_a_lock(self):
        exporter = run.exporter(self.stack.data)
        wait_until("nobody waits", lambda: resources.lock_waits(exporter) == 0, 30)
        statements = ("BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT;", "SELECT count(*) FROM stock")
        waiting = [threading.Thread(target=self.stack.psql, args=(statement,)) for statement in statements]
        try:
            for session in waiting:
                session.start()
                time.sleep(1)
            wait_until("somebody waits", lambda: resources.lock_waits(exporter) >= 1, 5)
        finally:
            for session in waiting:
                session.join()


if __name__ == "__main__":
    unittest.main()
