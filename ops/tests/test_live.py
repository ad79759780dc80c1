"""
Real trouble, seen by the real programs, told to a stand-in for Telegram: a store is run and watched by ./store watch, with a copy of
the kit in which time runs fifteen times as fast (shorten.py), and then it is asked too much, held up, robbed of its database, and
stopped. The tests are one story, told in their order: what asks most comes last, since thousands of quick answers would hide the
slow and the failed ones in the budgets of an hour.
"""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

from bot import Bot
from processes import ProcessesTest, end, free_port, request, wait_until
from rulebook import OPS, ROOT, Rule, queries, read_rules, selectors
from shorten import DURATION, SCRAPES, kit, shorter

FACTOR = 15
TOKEN = "123456:test_Token-of-the-stand-in"
CHAT = "-1001234567890"
# As awkward as a name may be: the label goes through Prometheus, Alertmanager and Telegram's HTML.
NAME = 'Лавка <&> "Сыр"'


class Load:
    """People with a sign-in who ask for a page, so many times a second in all, until it is left."""

    WORKERS = 8

    def __init__(self, port, token, per_second, page="/api/orders/?limit=1"):
        self.port = port
        self.page = page
        self.headers = {"Authorization": f"Bearer {token}"}
        self.pause = self.WORKERS / per_second
        self.answers = {}
        self.stopping = threading.Event()
        self.workers = [threading.Thread(target=self.work, daemon=True) for _ in range(self.WORKERS)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for worker in self.workers:
            worker.join()

    def work(self):
        connection = None
        due = time.monotonic()
        while not self.stopping.wait(max(0, due - time.monotonic())):
            due = max(due + self.pause, time.monotonic() - 1)
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", self.page, headers=self.headers)
                answer = connection.getresponse()
                answer.read()
                self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
            except (OSError, http.client.HTTPException):
                # A store that is stopped answers nobody; the next one asks anew.
                connection = None
                self.answers["none"] = self.answers.get("none", 0) + 1


class CopyTest(unittest.TestCase):
    def test_the_copy_is_what_is_shipped_but_for_durations(self):
        with tempfile.TemporaryDirectory() as scratch:
            short = kit(pathlib.Path(scratch), FACTOR)
            files = [file.relative_to(short) for file in sorted(short.rglob("*")) if file.is_file()]
            pairs = [pair for file in files for pair in self.durations(file, (OPS / file).read_text(), (short / file).read_text())]
        self.assertGreater(len(pairs), 100)
        for file, before, after in pairs:
            self.assertEqual(shorter(before, FACTOR), after, f"{file}: {before}")

    def durations(self, file, shipped, copied):
        """(file, before, after) for each duration but those of scrapes and in labels; all else has to be the same."""
        if file.suffix != ".yml":
            self.assertEqual(shipped, copied, file)
            return []
        left_out = re.compile(rf"(?m)^ *#.*\n|{SCRAPES.pattern}|\bwindow: \S+")
        shipped, copied = left_out.sub("", shipped), left_out.sub("", copied)
        duration = re.compile(rf"(?<![\w.]){DURATION}(?!\w)")
        self.assertEqual(duration.sub("?", shipped), duration.sub("?", copied), file)
        return [(file, *pair) for pair in zip(duration.findall(shipped), duration.findall(copied), strict=True)]


class LiveTest(ProcessesTest):
    told = {}

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        cls.data = cls.scratch / "data"
        cls.bot = Bot(TOKEN, CHAT, first_answers=[429, 400])
        cls.addClassCleanup(cls.bot.close)
        cls.port, cls.management, cls.redis_port = free_port(), free_port(), free_port()
        bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_") or name == "STORE_JAVA_OPTS"}
        cls.environment = {
            **bare,
            "STORE_PORT": str(cls.port),
            "STORE_MANAGEMENT_PORT": str(cls.management),
            "STORE_DATA_DIR": str(cls.data),
            "STORE_LIMITS_REQUESTS_PER_MINUTE": "1000000",
            "STORE_REDIS_URL": f"redis://127.0.0.1:{cls.redis_port}",
            "STORE_NAME": NAME,
            "STORE_TELEGRAM_TOKEN": TOKEN,
            "STORE_TELEGRAM_CHAT_ID": CHAT,
            "STORE_TELEGRAM_API_URL": cls.bot.url,
            "STORE_DEADMAN_URL": f"{cls.bot.url}/deadman",
        }
        cls.start_redis()
        cls.start_store()
        password = (cls.data / "admin-password.txt").read_text().strip()
        signed_in = request(f"http://127.0.0.1:{cls.port}/api/auth/login", {"email": "admin@store.local", "password": password})[1]
        cls.token = signed_in["access_token"]
        cls.kit = kit(cls.scratch / "ops", FACTOR)
        cls.start_watch()

    @classmethod
    def start_redis(cls):
        command = ["redis-server", "--port", cls.redis_port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        log = cls.scratch / "redis.log"
        cls.redis = cls.launch(command, log, cwd=cls.scratch)
        wait_until("Redis is ready", lambda: "eady to accept" in log.read_text(), 20, cls.redis, log)

    @classmethod
    def start_store(cls):
        log = cls.scratch / "store.log"
        cls.store = cls.launch([ROOT / "store", "run"], log, cls.environment)
        # The first start on this machine builds.
        wait_until("the store is up", lambda: "Ctrl-C" in log.read_text(), 600, cls.store, log)

    @classmethod
    def start_watch(cls):
        log = cls.watch_log = cls.scratch / "watch.log"
        cls.watch = cls.launch([sys.executable, cls.kit / "watch", "--yes"], log, cls.environment)
        wait_until("the watch is up", lambda: "Ctrl-C" in log.read_text(), 300, cls.watch, log)
        cls.addresses = dict(re.findall(r"(?m)^  (\w+) +(http\S+)$", log.read_text()))

    @classmethod
    @contextlib.contextmanager
    def psql(cls):
        """A session as the store's user; what is said in it is done one after the other, and it is awaited at the end."""
        port = next((cls.data / "postgres").glob("[0-9]*/postmaster.pid")).read_text().splitlines()[3]
        environment = {**os.environ, "PGPASSWORD": (cls.data / "postgres/password").read_text().strip()}
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", "store", "-d", "store"]
        session = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)

        def say(statement):
            session.stdin.write(statement + "\n")
            session.stdin.flush()

        yield say
        said = session.communicate(timeout=60)[1]
        if session.returncode != 0:
            raise AssertionError(f"psql: {said}")

    def setUp(self):
        self.before = len(self.bot.messages)

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        status, answer = request(f"{self.addresses['prometheus']}/api/v1/{path}?{query}")
        self.assertEqual(200, status, answer)
        return answer["data"]

    def expect(self, name, *patterns, ended=False, seconds=120):
        """
        The message about an alert, come since the test began, or about its end, come since the alert was told: in Russian, with the
        shop's name, and with what the patterns say.
        """
        head = "🟢 Прошло" if ended else "🔴 Авария|🟡 Внимание"

        def fits(read):
            title = re.match(rf"(?:{head}) · магазин {re.escape(NAME)}\n{name}\n", read)
            return bool(title) and all(re.search(pattern, read) for pattern in patterns)

        after = self.told[name] if ended else self.before
        message = self.bot.wait_for(f"{name}{' has ended' if ended else ''} {patterns}", fits, seconds, after)
        self.assertIn("&lt;&amp;&gt;", message["text"])
        self.told[name] = message["number"]
        return message["read"]

    def test_1_everything_is_seen(self):
        def up():
            return {each["metric"]["job"]: each["value"][1] for each in self.ask("query", query="up")["result"]}

        jobs = {"store", "postgres", "node", "prometheus", "alertmanager", "redis"}
        wait_until("every target is up", lambda: up() == dict.fromkeys(jobs, "1"), 60)
        second = subprocess.run([ROOT / "store", "watch"], capture_output=True, text=True, env=self.environment, timeout=60)
        self.assertEqual((1, f"The store in {self.data} is being watched already.\n"), (second.returncode, second.stderr))

    def test_2_a_lock_on_the_database_is_told_as_slowness(self):
        with Load(self.port, self.token, 10), self.psql() as say:
            held = threading.Event()

            def hold():
                # Longer than half a second, shorter than what a statement waits for a lock; not said faster than it is done.
                while not held.wait(1.7):
                    say("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5) WHERE 1 < 2; COMMIT;")

            holder = threading.Thread(target=hold)
            holder.start()
            try:
                read = self.expect("ApiP99Above500ms", r"p99 за 5 минут — \d+\.\d\d с, предел 0\.50 с", "Хуже всего GET /api/orders")
                self.expect("PostgresSlowQueries", r"• Медленный SQL, в среднем 1\.5\d с: SELECT pg_sleep\(\$1\) WHERE \$2 < \$3")
                self.expect("LatencyBudgetBurn", r"• Медленно: [\d.]+% запросов за (час|6 часов) заняли больше 0\.5 с")
            finally:
                held.set()
                holder.join()
        slowest = float(re.search(r"p99 за 5 минут — ([\d.]+) с", read)[1])
        self.assertTrue(0.5 < slowest < 10, read)

    def test_3_guessing_passwords_is_told(self):
        answers = []
        for number in range(70):
            guess = {"email": f"{'admin' if number < 12 else number}@store.local", "password": "not the password"}
            answers.append(request(f"http://127.0.0.1:{self.port}/api/auth/login", guess)[0])
        self.assertEqual({401, 429}, set(answers))
        self.expect("LoginFailuresHigh", r"• Подбирают пароли\? Неудачных входов за 5 минут: \d\d")

    def test_4_a_lost_cache_is_told(self):
        """Noticed by a store whose catalogue is read; an idle one needs no cache."""
        with Load(self.port, self.token, 10, "/api/products/?limit=1"):
            end(self.redis)
            self.expect("RedisDown", "• Магазин не видит Redis")
            type(self).start_redis()
            self.expect("RedisDown", ended=True)

    def test_5_a_stopped_database_is_told_and_its_return_too(self):
        pid = int(next((self.data / "postgres").glob("[0-9]*/postmaster.pid")).read_text().splitlines()[0])
        supervisor = int(re.search(r"(?m)^PPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
        with Load(self.port, self.token, 10) as load:
            # Frozen, it does not start PostgreSQL again.
            os.kill(supervisor, signal.SIGSTOP)
            try:
                os.kill(pid, signal.SIGINT)
                self.expect("PostgresDown", r"• PostgreSQL не отвечает \(localhost:\d+\)\n  с \d\d:\d\d")
                self.expect("ErrorBudgetBurn", r"• Ошибки: магазин не выполнил [\d.]+% запросов за (час|6 часов), цель")
            finally:
                os.kill(supervisor, signal.SIGCONT)
            self.expect("PostgresDown", r"до \d\d:\d\d", ended=True)
        self.assertIn(503, load.answers)

    def test_6_a_stopped_store_is_told_and_its_return_too(self):
        end(self.store)
        self.expect("TargetDown", r"• Магазин не отвечает \(localhost:\d+\)")
        type(self).start_store()
        self.expect("TargetDown", "Магазин не отвечает", ended=True)
        # Its database has another port now, and is watched there.
        wait_until(
            "the database is watched again",
            lambda: [each["value"][1] for each in self.ask("query", query="pg_up")["result"]] == ["1"],
            60,
        )

    def test_7_a_burst_is_told_with_its_numbers(self):
        """Each answer takes more than one transaction."""
        with Load(self.port, self.token, 200) as load:
            read = self.expect("DatabaseRpsAbove100", r"• Больше 100 запросов в секунду к базе store: (\d+) транзакций/с", r"Команд SQL от магазина: \d+ в секунду")
        per_second = int(re.search(r"(\d+) транзакций/с", read)[1])
        self.assertTrue(100 < per_second < 5000, read)
        self.assertEqual({200}, set(load.answers))

    def test_8_what_had_passed_was_told_as_passed(self):
        for name in ("DatabaseRpsAbove100", "ApiP99Above500ms", "PostgresSlowQueries", "LoginFailuresHigh"):
            self.expect(name, ended=True, seconds=120)

    def test_8_the_dead_mans_switch_hears_of_it(self):
        """Prometheus first tells it before it knows its Alertmanager, and again a minute later (--rules.alert.resend-delay)."""
        wait_until("three heartbeats", lambda: self.bot.heartbeats >= 3, 60)

    def test_8_telegram_was_asked_again_after_it_had_refused(self):
        self.assertEqual([429, 400], [code for code, *_ in self.bot.refused])
        for message in self.bot.messages:
            self.assertLessEqual(len(message["text"]), 4096)

    def test_8_every_rule_can_be_worked_out(self):
        groups = self.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertEqual(len(read_rules(OPS / "prometheus/rules")), len(rules))
        self.assertEqual([], [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"])

    def test_8_everything_that_the_rules_ask_for_was_there(self):
        self.assertEqual([], self.unknown(read_rules(OPS / "prometheus/rules")))

    def test_8_a_renamed_metric_is_noticed(self):
        rules = read_rules(OPS / "prometheus/rules")
        renamed = [Rule(rule.file, rule.group, {**rule.body, "expr": rule.expr.replace("store_orders_total", "store_orders")}) for rule in rules]
        self.assertEqual(['store_orders{job="store",status="pending"}'], sorted(set(self.unknown(renamed)))[:1])

    def unknown(self, rules):
        """Series that some rule or text asks for and that were not there at any time of this story."""
        asked = dict.fromkeys(each for rule in rules for text in [rule.expr, *queries(rule)] for each in selectors(text))
        return [each for each in asked if not self.ask("series", **{"match[]": each})]

    def test_9_ctrl_c_stops_everything(self):
        self.stop_watch(signal.SIGINT)
        self.assertEqual(0, self.watch.returncode, self.watch_log.read_text())

    def test_9_not_even_a_killed_watch_leaves_something_running(self):
        type(self).start_watch()
        self.stop_watch(signal.SIGKILL)

    def stop_watch(self, number):
        ports = {name: urllib.parse.urlsplit(address).port for name, address in self.addresses.items() if name not in ("store", "alerts")}
        self.assertEqual({"prometheus", "alertmanager", "node_exporter", "postgres_exporter", "redis_exporter"}, set(ports))
        self.assertEqual(set(ports), {name for name, port in ports.items() if is_open(port)})
        self.watch.send_signal(number)
        self.watch.wait(60)
        wait_until("all have ended", lambda: not any(map(is_open, ports.values())), 30)


def is_open(port):
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    unittest.main()
