"""
The commands of docs/backup.md for a PostgreSQL of one's own, as they stand there, on a store's database that is in use: what comes back
starts a store whose audit is clean and that has every order which was answered before.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from postgres import USER, Postgres
from processes import ProcessesTest
from rulebook import ROOT
from shop import EMAIL, Crowd, Shop

PAPER = ROOT / "docs/backup.md"
BUYERS = 4


def commands(heading):
    """The sh blocks below a heading of the paper, in order."""
    section = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAPER.read_text())
    if not section:
        raise AssertionError(f'{PAPER} has no heading "{heading}"')
    return re.findall(r"(?ms)^```sh\n(.*?)^```", section[1])


class BackupTest(ProcessesTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.postgres = Postgres(cls.scratch).start()
        cls.addClassCleanup(cls.postgres.stop)
        cls.postgres.query("CREATE DATABASE store")
        cls.shop = Shop(cls.launch, [ROOT / "store", "run"], cls.scratch, cls.postgres.settings("store"), "the store").start()

    def setUp(self):
        self.backups = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        shutil.chown(self.backups, USER)
        self.customer, self.product = self.shop.customer(), self.shop.product(1_000_000)

    def type(self, command, postgres=None):
        """As the paper has it, in a folder of its own."""
        environment = {**(postgres or self.postgres).environment("store"), "BACKUPS": str(self.backups)}
        typed = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=self.backups, env=environment, capture_output=True, text=True, timeout=300)
        self.assertEqual(0, typed.returncode, f"{command}\n{typed.stdout}{typed.stderr}")
        return typed.stdout

    def while_everybody_orders(self, work):
        """The ids of the orders that were answered before the work began."""
        placed = []
        with Crowd(BUYERS, lambda _: placed.append(self.shop.order(self.customer, self.product)["id"]), pause=0) as buyers:
            while len(placed) < 50 and not buyers.faults:
                time.sleep(0.01)
            before = list(placed)
            work()
        self.assertGreater(len(placed), len(before))
        return before

    def assert_whole(self, postgres, database, before):
        restored = Shop(self.launch, [ROOT / "store", "run"], self.scratch, postgres.settings(database), "what was restored").start()
        for order in before:
            self.assertEqual(1, len(restored.call("GET", f"/api/orders/{order}", by=self.customer)["items"]))
        there = restored.call("GET", "/api/orders/?limit=1", by=self.customer)["total"]
        self.assertEqual(1_000_000 - there, restored.stock(self.product))
        self.assertEqual([], restored.drifts())
        restored.order(self.customer, self.product)
        restored.call("GET", "/api/users/", by=EMAIL)
        restored.stop()

    def test_a_dump_of_the_running_stores_database_comes_back_as_another_database(self):
        dump, restore = commands("A dump")
        before = self.while_everybody_orders(lambda: self.type(dump))
        self.type(restore)
        self.assert_whole(self.postgres, "store_restored", before)

    def test_a_base_backup_of_the_running_server_starts_as_another_server(self):
        backup, check = commands("A copy of the whole server")
        before = self.while_everybody_orders(lambda: self.type(backup))
        self.type(check)
        copy = self.backups / "copy"
        for path in [copy, *copy.rglob("*")]:
            shutil.chown(path, USER)
        another = Postgres(self.backups)
        another.password = self.postgres.password
        another.folder = self.backups
        another.serve(copy)
        self.addCleanup(another.stop)
        self.assert_whole(another, "store", before)

    def test_the_copy_is_found_out_where_a_file_of_it_was_changed(self):
        backup, check = commands("A copy of the whole server")
        self.type(backup)
        with open(next((self.backups / "copy/base").glob("*/PG_VERSION")), "a") as file:
            file.write("?")
        with self.assertRaisesRegex(AssertionError, "PG_VERSION"):
            self.type(check)
