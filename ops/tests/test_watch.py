"""What ./store watch does before it watches: what it asks, what it refuses, where it finds the database."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import database
import programs
from processes import free_port
from rulebook import OPS, ROOT


def watch(*arguments, typed=None, **settings):
    """./store watch, with nobody to be asked, or at a terminal on which something is typed."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_")}
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, (typed or "").encode())
        return subprocess.run(
            [ROOT / "store", "watch", *arguments],
            capture_output=True,
            text=True,
            stdin=terminal if typed else subprocess.DEVNULL,
            env={**bare, **settings},
            timeout=60,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


class RefusalTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)

    def refused(self, said, **settings):
        done = watch(**settings)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn(said, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(1, len(done.stderr.strip().splitlines()), done.stderr)

    def test_says_in_a_sentence_what_is_wrong(self):
        data = str(self.scratch)
        self.refused("There is no store in", STORE_DATA_DIR=f"{data}/none")
        self.refused("STORE_MANAGEMENT_PORT must be a number", STORE_DATA_DIR=data, STORE_MANAGEMENT_PORT="nine")
        self.refused("STORE_DB_URL must be a JDBC address", STORE_DATA_DIR=data, STORE_DB_URL="postgres://host/secret")
        self.refused("STORE_TELEGRAM_TOKEN is not a bot's token", STORE_DATA_DIR=data, STORE_TELEGRAM_TOKEN="secret")
        self.refused("STORE_ALERT_LANGUAGE must be ru or en", STORE_DATA_DIR=data, STORE_ALERT_LANGUAGE="fr")
        port = str(free_port())
        self.refused(f"No store answers at http://localhost:{port}: start one", STORE_DATA_DIR=data, STORE_MANAGEMENT_PORT=port)

    def test_never_repeats_a_secret(self):
        for settings in ({"STORE_DB_URL": "postgres://host/secret"}, {"STORE_TELEGRAM_TOKEN": "secret"}):
            done = watch(STORE_DATA_DIR=str(self.scratch), **settings)
            self.assertNotIn("secret", done.stdout + done.stderr)

    def test_installs_only_what_is_missing_and_only_after_a_yes(self):
        """With a PATH on which none of the programs is, and an apt-get that writes down what it is told, and fails."""
        tools = self.scratch / "bin"
        tools.mkdir()
        for name in ("sh", "dirname", "readlink", "env", "rm", "chmod"):
            (tools / name).symlink_to(shutil.which(name))
        (tools / "python3").symlink_to(sys.executable)
        told = self.scratch / "told"
        for name, words in (("apt-get", f'echo "$@" >>{told}; [ "$2" != -y ]'), ("sudo", '"$@"')):
            (tools / name).write_text(f"#!{shutil.which('sh')}\n{words}\n")
            (tools / name).chmod(0o755)
        settings = {"STORE_DATA_DIR": str(self.scratch), "PATH": str(tools)}

        for typed in (None, "n\n"):
            done = watch(typed=typed, **settings)
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn("Not on this machine: prometheus, promtool, alertmanager, amtool, node_exporter, postgres_exporter.", done.stdout)
            self.assertIn("./store watch --yes installs them", done.stderr)
            self.assertFalse(told.exists())

        (tools / "prometheus-node-exporter").symlink_to(programs.program("node_exporter"))
        packages = "prometheus prometheus-alertmanager prometheus-postgres-exporter"
        for words, typed in ((["--yes"], None), ([], "да\n")):
            done = watch(*words, typed=typed, **settings)
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn(f"{packages} could not be installed", done.stderr)
            self.assertIn(f"install {packages}\n", told.read_text())
            told.unlink()


class DatabaseTest(unittest.TestCase):
    def setUp(self):
        self.data = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.data)

    def test_finds_the_embedded_one_once_it_takes_connections(self):
        self.assertIsNone(database.embedded(self.data))
        cluster = self.data / "postgres/18"
        cluster.mkdir(parents=True)
        lines = ["4711", str(cluster), "1764000000", "45678", "", "127.0.0.1", "  1234567    65536", "starting"]
        (cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")
        self.assertIsNone(database.embedded(self.data))
        (cluster / "postmaster.pid").write_text("\n".join([*lines[:7], "ready   "]) + "\n")
        self.assertEqual(
            {
                "DATA_SOURCE_URI": "127.0.0.1:45678/store?sslmode=disable",
                "DATA_SOURCE_USER": "store",
                "DATA_SOURCE_PASS_FILE": str(self.data / "postgres/password"),
            },
            database.embedded(self.data),
        )

    def test_reads_the_address_of_ones_own(self):
        for url, uri in (
            ("jdbc:postgresql://db.example.org:6432/shop", "db.example.org:6432/shop?sslmode=disable"),
            ("jdbc:postgresql://db/shop?sslmode=verify-full&socketTimeout=5", "db/shop?sslmode=verify-full"),
            ("jdbc:postgresql://a:1,b:2/shop?sslmode=prefer", "a:1/shop?sslmode=disable"),
            ("jdbc:postgresql:shop", "localhost/shop?sslmode=disable"),
            ("jdbc:postgresql:/", "localhost/me?sslmode=disable"),
        ):
            settings = {"STORE_DB_URL": url, "STORE_DB_USER": "me", "STORE_DB_PASSWORD": "s3 cr&t"}
            self.assertEqual({"DATA_SOURCE_URI": uri, "DATA_SOURCE_USER": "me", "DATA_SOURCE_PASS": "s3 cr&t"}, database.own(settings))
        kept = database.own({"STORE_DB_URL": "jdbc:postgresql://h/d", "STORE_DB_USER": "me", "STORE_DB_PASSWORD_FILE": "/run/secrets/database"})
        self.assertEqual({"DATA_SOURCE_URI": "h/d?sslmode=disable", "DATA_SOURCE_USER": "me", "DATA_SOURCE_PASS_FILE": "/run/secrets/database"}, kept)
        self.assertEqual("you", database.own({"STORE_DB_URL": "jdbc:postgresql://h/d?user=you&password=x"})["DATA_SOURCE_USER"])


class KitTest(unittest.TestCase):
    def test_the_addresses_of_compose_are_there_for_each_job_that_must_be(self):
        jobs = {file.stem for file in (OPS / "prometheus/targets").glob("*.yml")}
        self.assertEqual({"store", "postgres", "node", "prometheus", "alertmanager"}, jobs)

    def test_no_secret_is_in_the_repository(self):
        """Tokens of bots look like this; those of the tests say that they are."""
        listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
        pattern = rb"\b\d{6,12}:[A-Za-z0-9_-]{30,}\b"
        found = [name for name in listed if (ROOT / name).is_file() and re.search(pattern, (ROOT / name).read_bytes())]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main()
