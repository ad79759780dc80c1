"""
A new version is rolled out while the last release sells: that release's own program, built from its commit (ci/last-release), on a
PostgreSQL whose schema this version's ./store migrate has brought forward under it.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from elastic import java
from postgres import Postgres
from processes import ProcessesTest
from rulebook import ROOT
from shop import Crowd, Shop, everyday

RELEASE = ROOT / "ci/last-release"
CACHED = ROOT / "target/last-release"
BUYERS = 4
STOCK = 1_000_000


def last_release():
    """Its jar, built the first time: some minutes."""
    commit = RELEASE.read_text().split()[0]
    known = subprocess.run(["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, text=True)
    if known.returncode:
        raise AssertionError(
            f"This clone has no commit {commit}, which ci/last-release names: fetch the whole history (git fetch --unshallow)."
        )
    commit = known.stdout.strip()
    jar = CACHED / f"{commit}.jar"
    if not jar.exists():
        sources = CACHED / commit
        shutil.rmtree(sources, ignore_errors=True)
        sources.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x"], cwd=sources, check=True, input=archive)
        build = [sources / "mvnw", "-B", "-q", "-ntp", "package", "-DskipTests", "-Dspotless.check.skip=true"]
        subprocess.run(build, cwd=sources, check=True, stdout=sys.stderr, timeout=1800, env={**os.environ, "JAVA_HOME": java()})
        (sources / "target/product-store.jar").rename(jar)
        shutil.rmtree(sources)
    return jar


class UpgradeTest(ProcessesTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.release = [f"{java()}/bin/java", "-Xmx192m", "-XX:+UseSerialGC", "-jar", last_release(), "run"]
        cls.postgres = Postgres(cls.scratch).start()
        cls.addClassCleanup(cls.postgres.stop)
        # Builds, the first time: not while people order.
        cls.postgres.query("CREATE DATABASE new")
        cls.built = cls.migrate("new")

    def shop(self, command, database, name):
        return Shop(self.launch, command, self.scratch, self.postgres.settings(database), name)

    @classmethod
    def migrate(cls, database):
        """What it said in the end."""
        environment = {**os.environ, **cls.postgres.settings(database)}
        done = subprocess.run([ROOT / "store", "migrate"], capture_output=True, text=True, timeout=900, env=environment)
        if done.returncode:
            raise AssertionError(f"./store migrate ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.splitlines()[-1]

    def test_an_empty_database_gets_its_schema_and_says_so(self):
        self.assertRegex(self.built, r"/new was empty and is at version \d+ now \(\d+ migrations, \d+\.\d s\)\.$")

    def test_the_last_release_sells_while_this_version_is_rolled_out_and_after_it_was_taken_back(self):
        self.postgres.query("CREATE DATABASE rollout")
        old = self.shop(self.release, "rollout", "last release").start()
        self.assertEqual([], everyday(old, old))
        customer, product = old.customer(), old.product(STOCK)
        placed = []
        with Crowd(BUYERS, lambda _: placed.append(old.order(customer, product)["id"]), pause=0.02):
            said = self.migrate("rollout")
            self.assertIn("The schema of the database at 127.0.0.1:", said)
            self.assertIn("nothing was to be done", self.migrate("rollout"))
            new = self.shop([ROOT / "store", "run"], "rollout", "this version").start()
            self.assertEqual([], everyday(old, new))
            self.assertEqual([], everyday(new, old))
        self.assertGreater(len(placed), 20)
        self.assertEqual(len(placed), old.call("GET", "/api/orders/?limit=1", by=customer)["total"])
        self.assertEqual(STOCK - len(placed), new.stock(product))

        # One of the old ones falls over in the middle of it, and is started again by whoever looks after it.
        old.kill()
        old.start()
        self.assertEqual([], everyday(new, old))
        # The new version is taken back.
        new.stop()
        self.assertEqual([], everyday(old, old))
        old.stop()

    def test_a_schema_that_the_last_release_can_not_live_with_is_noticed(self):
        self.postgres.query("CREATE DATABASE broken")
        old = self.shop(self.release, "broken", "last release").start()
        self.migrate("broken")
        self.assertEqual([], everyday(old, old))
        self.postgres.query("ALTER TABLE orders RENAME COLUMN comment TO note", "broken")
        self.assertIn("orders: last release: POST /api/orders/", "\n".join(everyday(old, old)))
        self.postgres.query("ALTER TABLE orders RENAME COLUMN note TO comment", "broken")
        self.postgres.query("ALTER TABLE app_user ADD COLUMN phone text NOT NULL DEFAULT ''; ALTER TABLE app_user ALTER phone DROP DEFAULT", "broken")
        self.assertIn("registers: last release: POST /api/auth/register", "\n".join(everyday(old, old)))
        old.stop()
