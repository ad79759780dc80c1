"""Alertmanager's part by itself: what render makes, where alerts go, and what people read. With Debian's and with the newest."""

import datetime
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

import alertmanagers
from bot import Bot
from processes import ProcessesTest, free_port, request, wait_until
from rulebook import OPS
from shorten import copy

TOKEN = "123456:test_Token-of-the-stand-in"
CHAT = "-1001234567890"
TELEGRAM = {"STORE_TELEGRAM_TOKEN": TOKEN, "STORE_TELEGRAM_CHAT_ID": CHAT}


def render(folder, settings, source=OPS / "alertmanager"):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_")}
    return subprocess.run([source / "render", folder], capture_output=True, text=True, env={**bare, "TZ": "UTC", **settings})


class RenderTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)
        self.folder = self.scratch / "rendered"

    def rendered(self, **settings):
        done = render(self.folder, settings)
        self.assertEqual(0, done.returncode, done.stderr)
        return done, "".join(file.read_text() for file in sorted(self.folder.iterdir()))

    def test_amtool_takes_what_is_made_of_every_setting(self):
        files = {"STORE_TELEGRAM_TOKEN_FILE": str(self.scratch / "token"), "STORE_TELEGRAM_CHAT_ID": CHAT}
        (self.scratch / "token").write_text(TOKEN + "\n")
        links = {
            "STORE_GRAFANA_URL": "https://grafana.example.org/",
            "STORE_RUNBOOKS_URL": "https://example.org/store",
            "STORE_ALERTMANAGER_URL": "http://localhost:9093",
            "STORE_DEADMAN_URL": "https://example.org/ping/1",
        }
        for settings in ({}, TELEGRAM, files, {**TELEGRAM, **links}, {**files, **links, "STORE_ALERT_LANGUAGE": "en"}):
            _, made = self.rendered(**settings)
            self.assertEqual(2 if settings.get("STORE_TELEGRAM_CHAT_ID") else 0, made.count(f"'{TOKEN}'"))
            self.assertNotRegex(made.replace("what is @NAMED@", ""), "@[A-Z]")
            for tools in (alertmanagers.debian(), alertmanagers.newest()):
                checked = subprocess.run([tools["amtool"], "check-config", self.folder / "alertmanager.yml"], capture_output=True, text=True)
                self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_the_result_is_for_its_owner_alone(self):
        self.rendered(**TELEGRAM)
        for file in [self.folder, *self.folder.iterdir()]:
            self.assertEqual(0, stat.S_IMODE(file.stat().st_mode) & 0o077, file)

    def test_without_a_token_it_says_that_nobody_is_written_to(self):
        done, made = self.rendered()
        self.assertIn("nobody is written to", done.stderr)
        self.assertNotIn("telegram_configs", made)

    def test_refuses_what_could_mean_something_else_in_the_file(self):
        for settings, said in (
            ({**TELEGRAM, "STORE_TELEGRAM_TOKEN": "123:a'b"}, "STORE_TELEGRAM_TOKEN is not a bot's token"),
            ({**TELEGRAM, "STORE_TELEGRAM_CHAT_ID": "@shop"}, "STORE_TELEGRAM_CHAT_ID must be the number of a chat"),
            ({"STORE_TELEGRAM_CHAT_ID": CHAT}, "STORE_TELEGRAM_TOKEN is not"),
            ({"STORE_TELEGRAM_TOKEN_FILE": "/nowhere/token"}, "which can't be read"),
            ({"STORE_ALERT_LANGUAGE": "de"}, "must be ru or en"),
            ({"STORE_DEADMAN_URL": "http://x|y"}, "STORE_DEADMAN_URL must be an address"),
            ({"STORE_GRAFANA_URL": "javascript:alert(1)"}, "STORE_GRAFANA_URL must be an address"),
        ):
            done = render(self.folder, settings)
            self.assertEqual(1, done.returncode, settings)
            self.assertIn(said, done.stderr)
            self.assertNotIn("a'b", done.stderr)
            self.assertFalse((self.folder / "alertmanager.yml").exists())

    def test_each_alert_goes_to_whom_it_concerns(self):
        self.rendered(**TELEGRAM, STORE_DEADMAN_URL="https://example.org/ping")
        for labels, receiver in (
            (["alertname=Watchdog", "severity=none"], "dead-mans-switch"),
            (["alertname=PostgresDown", "severity=critical"], "people-critical"),
            (["alertname=GcOverhead", "severity=warning"], "people-warning"),
        ):
            for tools in (alertmanagers.debian(), alertmanagers.newest()):
                command = [tools["amtool"], "config", "routes", "test", f"--config.file={self.folder / 'alertmanager.yml'}", *labels]
                self.assertEqual(receiver, subprocess.run(command, capture_output=True, text=True).stdout.strip())


def alert(name, severity="warning", **texts):
    labels = {"alertname": name, "severity": severity, "store": texts.pop("store", "Лавка")}
    labels.update({label: texts.pop(label) for label in ("instance", "job") if label in texts})
    # One that began some time ago would not wait for the others of its group.
    now = datetime.datetime.now(datetime.timezone.utc)
    annotations = {
        "summary": f"Кратко о {name}",
        "description": f"Подробно о {name}",
        "summary_en": f"{name} in short",
        "description_en": f"{name} at length",
        "runbook_url": f"docs/runbooks/{name}.md",
        "dashboard": "d/store-api",
        **texts,
    }
    return {"labels": labels, "annotations": annotations, "startsAt": now.isoformat()}


def ended(one):
    """The same alert, over a second after it began."""
    return {**one, "endsAt": (begun(one) + datetime.timedelta(seconds=1)).isoformat()}


def begun(one):
    return datetime.datetime.fromisoformat(one["startsAt"])


class Messages:
    """What arrives at the Bot API. An Alertmanager for each language, each with a bot of its own."""

    LINKS = {"STORE_RUNBOOKS_URL": "https://example.org/store", "STORE_GRAFANA_URL": "https://grafana.example.org"}

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        source = copy(OPS / "alertmanager", cls.scratch / "source", 60)
        cls.bots, cls.addresses = {}, {}
        for language in ("ru", "en"):
            bot = cls.bots[language] = Bot(TOKEN, CHAT, first_answers=[429, 400] if language == "ru" else [])
            cls.addClassCleanup(bot.close)
            folder = cls.scratch / language
            api = {"STORE_TELEGRAM_API_URL": bot.url, "STORE_DEADMAN_URL": f"{bot.url}/deadman", "STORE_ALERT_LANGUAGE": language}
            done = render(folder, {**TELEGRAM, **cls.LINKS, **api}, source)
            assert done.returncode == 0, done.stderr
            port = free_port()
            log = cls.scratch / f"{language}.log"
            process = cls.launch(
                [
                    cls.tools()["alertmanager"],
                    f"--config.file={folder / 'alertmanager.yml'}",
                    f"--storage.path={cls.scratch / language}-data",
                    f"--web.listen-address=127.0.0.1:{port}",
                    f"--web.external-url=http://127.0.0.1:{port}",
                    "--cluster.listen-address=",
                ],
                log,
                {**os.environ, "TZ": "UTC"},
            )
            address = cls.addresses[language] = f"http://127.0.0.1:{port}"
            wait_until("Alertmanager is ready", lambda: request(f"{address}/-/ready")[0] == 200, 30, process, log)

    def post(self, *alerts, languages=("ru", "en")):
        for language in languages:
            status, answer = request(f"{self.addresses[language]}/api/v2/alerts", list(alerts))
            self.assertEqual(200, status, answer)

    def message(self, language, name, accept=lambda read: True, seconds=30):
        return self.bots[language].wait_for(f"about {name}", lambda read: name in read and accept(read), seconds)

    def test_an_alert_is_a_message_with_its_values_and_links_and_its_end_is_another(self):
        full = alert("DiskNearlyFull", "critical", summary="На диске / свободно всего 3% (a:1)", instance="a:1")
        since, until = begun(full), begun(ended(full))
        self.post(full)
        russian = self.message("ru", "DiskNearlyFull")
        self.assertEqual(
            f"🔴 Авария · магазин Лавка\nDiskNearlyFull\n\n• На диске / свободно всего 3% (a:1)\n  с {since:%H:%M %d.%m.%Y} UTC\n\n"
            "Подробно о DiskNearlyFull\n\nЧто делать · графики",
            russian["read"],
        )
        self.assertIn('<a href="https://example.org/store/docs/runbooks/DiskNearlyFull.md">Что делать</a>', russian["text"])
        self.assertIn('<a href="https://grafana.example.org/d/store-api">графики</a>', russian["text"])
        self.assertFalse(russian.get("disable_notification"))
        english = self.message("en", "DiskNearlyFull")
        self.assertEqual(
            f"🔴 Critical · store Лавка\nDiskNearlyFull\n\n• DiskNearlyFull in short\n  since {since:%H:%M %d %b %Y} UTC\n\n"
            "DiskNearlyFull at length\n\nWhat to do · dashboard",
            english["read"],
        )

        self.post(ended(full))
        self.assertEqual(
            f"🟢 Прошло · магазин Лавка\nDiskNearlyFull\n\n• На диске / свободно всего 3% (a:1)\n  с {since:%H:%M} до {until:%H:%M %d.%m.%Y} UTC\n\n"
            "Что делать · графики",
            self.message("ru", "DiskNearlyFull", lambda read: "Прошло" in read, 60)["read"],
        )
        self.assertIn("🟢 Resolved", self.message("en", "DiskNearlyFull", lambda read: "Resolved" in read, 60)["read"])

    def test_every_value_is_escaped(self):
        odd = alert("Escaped", summary="<b>a</b> & \"b\" < 'c' + d", description="<a href='x'>&amp;</a>", store='<i>&"')
        self.post(odd)
        message = self.message("ru", "Escaped")
        self.assertEqual(
            f"🟡 Внимание · магазин <i>&\"\nEscaped\n\n• <b>a</b> & \"b\" < 'c' + d\n  с {begun(odd):%H:%M %d.%m.%Y} UTC\n\n"
            "<a href='x'>&amp;</a>\n\nЧто делать · графики",
            message["read"],
        )
        self.assertTrue(message["disable_notification"], "a warning makes no sound")
        self.assertNotIn("<i>", message["text"])

    def test_more_than_a_message_holds_arrives_readable(self):
        flood = [alert("Flood", summary=f"Товар {n:02} <кончается> & " + "очень " * 40, instance=f"{n}") for n in range(1, 36)]
        self.assertGreater(sum(len(each["annotations"]["summary"]) for each in flood), 2 * 4096)
        self.post(*flood)
        for language, more in (("ru", "… и ещё 25"), ("en", "… and 25 more")):
            read = self.message(language, "Flood")["read"]
            self.assertEqual(10, read.count("•"))
            self.assertIn(f"\n{more}\n", read)
            self.assertLess(len(read), 4096)
            self.assertTrue(read.endswith(("Что делать · графики", "What to do · dashboard")))
        self.assertIn("Товар 01 <кончается> & очень", self.message("ru", "Flood")["read"])

    def test_a_text_of_nothing_but_special_characters_is_bounded_too(self):
        self.post(*[alert("Specials", summary="<&>\"'+" * 50, instance=f"{n}") for n in range(12)], languages=["ru"])
        message = self.message("ru", "Specials")
        self.assertLess(len(message["text"]), 4096)
        self.assertEqual(10, message["read"].count("•"))

    def test_what_ended_is_counted_beside_what_goes_on(self):
        both = [alert("Partly", instance=each) for each in ("a:1", "b:1", "c:1")]
        self.post(*both, languages=["ru"])
        self.message("ru", "Partly")
        self.post(both[0], *map(ended, both[1:]), languages=["ru"])
        read = self.message("ru", "Partly", lambda text: "Прошло" in text, 60)["read"]
        self.assertIn("🟡 Внимание", read)
        self.assertIn("🟢 Прошло: 2", read)
        self.assertEqual(1, read.count("•"))

    def test_a_critical_alert_mutes_the_warning_of_the_same_thing(self):
        self.post(alert("ErrorBudgetBurn", "critical", summary="быстро"), alert("ErrorBudgetBurn", "warning", summary="медленно"))
        self.post(alert("PostgresDown", "critical", store="Другая"), alert("ConnectionPoolTimeouts", "critical", store="Другая"))
        self.post(alert("ConnectionPoolTimeouts", "critical", store="Третья"))
        self.message("ru", "ErrorBudgetBurn", lambda read: "быстро" in read)
        self.message("ru", "ConnectionPoolTimeouts", lambda read: "Третья" in read)
        self.message("ru", "PostgresDown", lambda read: "Другая" in read)
        for read in (message["read"] for message in self.bots["ru"].messages):
            self.assertNotIn("медленно", read)
            self.assertFalse("ConnectionPoolTimeouts" in read and "Другая" in read, read)

    def test_the_watchdog_goes_to_the_dead_mans_switch_again_and_again_and_to_no_person(self):
        bot = self.bots["ru"]
        self.post(alert("Watchdog", "none"), languages=["ru"])
        wait_until("three heartbeats", lambda: bot.heartbeats >= 3, 40)
        self.assertFalse([message for message in bot.messages if "Watchdog" in message["read"]])

    def test_a_message_that_was_refused_at_first_arrives(self):
        """The first two requests to the Russian bot were answered 429 and 400."""
        self.post(alert("Refused"), languages=["ru"])
        self.message("ru", "Refused")
        self.assertEqual([429, 400], [code for code, *_ in self.bots["ru"].refused])


class DebianMessagesTest(Messages, ProcessesTest):
    tools = staticmethod(alertmanagers.debian)


class NewestMessagesTest(Messages, ProcessesTest):
    tools = staticmethod(alertmanagers.newest)


if __name__ == "__main__":
    unittest.main()
