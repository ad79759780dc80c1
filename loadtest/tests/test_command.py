"""What the command line makes of its words, of the environment, and of what it finds beside a store."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

from loadtest import __main__ as command
from loadtest import plain, run


class WordsTest(unittest.TestCase):
    def test_a_run_without_a_page_has_an_end(self):
        for words, run_time in ((["--headless", "mixed"], "2m"), (["--headless", "mixed", "--shape", "soak"], "4h"),
                                (["--headless", "mixed", "--shape", "soak", "--for", "3m"], "3m"), ([], None), (["--for", "9s"], "9s")):
            self.assertEqual(run_time, command.load_arguments(words).run_time, words)

    def test_only_this_machine_is_listened_to_unless_it_is_asked_for(self):
        options = command.load_arguments([])
        self.assertEqual(("127.0.0.1", "127.0.0.1"), (options.page_host, options.metrics_host))
        options = command.load_arguments(["--page-host", "0.0.0.0", "--metrics-host", "::"])
        self.assertEqual(("0.0.0.0", "::"), (options.page_host, options.metrics_host))

    def test_what_can_not_be_meant_is_refused(self):
        for words, said in ((["--master", "--worker"], "either the master or a worker"), (["--for", "soon"], "is not a time"),
                            (["--users", "0"], "not more than 0"), (["--headless", "light"], "invalid choice")):
            told = io.StringIO()
            with contextlib.redirect_stderr(told), self.assertRaises(SystemExit) as ended:
                command.load_arguments(words)
            self.assertEqual(command.WRONG_USE, ended.exception.code)
            self.assertIn(said, told.getvalue())


class StoreTest(unittest.TestCase):
    def setUp(self):
        self.data = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def file(self, name, text):
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def test_the_password_may_stand_in_a_file(self):
        file = self.file("secret", "correct horse\n")
        found = run.running("http://store:8080/", None, {"STORE_ADMIN_EMAIL": "me@example.org", "STORE_ADMIN_PASSWORD_FILE": str(file)})
        self.assertEqual(("http://store:8080", "me@example.org", "correct horse"), (found.host, found.admin_email, found.admin_password))
        self.assertIsNone(found.data)

    def test_a_password_that_can_not_be_read_is_said_and_not_repeated(self):
        empty, name = self.file("empty", "\n"), "STORE_ADMIN_PASSWORD"
        for environment, said in (({f"{name}_FILE": str(self.data / "none")}, "can't be read"), ({f"{name}_FILE": str(empty)}, "is empty"),
                                  ({f"{name}_FILE": str(empty), name: "hidden"}, "Both")):
            with self.assertRaisesRegex(plain.CannotAsk, said) as raised:
                plain.secret(environment, name)
            self.assertNotIn("hidden", str(raised.exception))
        self.assertEqual(("", "x"), (plain.secret({}, name), plain.secret({name: "x", f"{name}_FILE": ""}, name)))

    def test_without_a_name_no_store_is_touched(self):
        self.assertIsNone(run.running(None, None, {}))
        self.assertEqual("http://localhost:8081", run.running(None, None, {"STORE_PORT": "8081"}).host)

    def test_prometheus_is_told_where_a_watch_is(self):
        with run.announced(self.data, "127.0.0.1", 9646):
            self.assertEqual([], list(self.data.iterdir()))
        target = self.file("watch/config/targets/postgres.yml", json.dumps([{"targets": ["localhost:9187"]}]) + "\n").with_name("locust.yml")
        for host, address in (("127.0.0.1", "localhost:9646"), ("0.0.0.0", "localhost:9646"), ("10.0.0.7", "10.0.0.7:9646")):
            with run.announced(self.data, host, 9646):
                self.assertEqual([{"targets": [address]}], json.loads(target.read_text()))
            self.assertFalse(target.exists())
        with run.announced(self.data, "127.0.0.1", 0):
            self.assertFalse(target.exists())

    def test_the_exporter_of_a_watch_is_found(self):
        self.assertEqual(("", ""), (run.exporter(None), run.exporter(self.data)))
        self.file("watch/config/targets/postgres.yml", json.dumps([{"targets": ["localhost:9187"]}]) + "\n")
        self.assertEqual("http://localhost:9187", run.exporter(self.data))
