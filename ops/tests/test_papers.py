"""
What the papers say, done: docs/operations.md is typed into a machine that is thrown away, from its first user to the first alert in
Telegram and the last file's removal; so are the commands of docs/runbooks/README.md. And each picture in any paper is drawn.
"""

import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile
import unittest
import zipfile

import programs
from bot import Bot
from elastic import java
from machine import Machine
from papers import blocks
from processes import wait_until
from rulebook import OPS, ROOT
from shorten import copy

ME = "ops/tests/test_papers.py"
FACTOR = 15
TOKEN = "123456:test_Token-of-the-stand-in"
# As docs/operations.md has it.
CHAT = "-1001234567890"
TELEGRAM = "api.telegram.org"
MERMAID = "11.14.0"

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<script src="mermaid.min.js"></script>
<script src="pictures.js"></script>
<pre id="answers"></pre>
<script>
(async () => {
  mermaid.initialize({ startOnLoad: false });
  const answers = [];
  for (const [number, text] of pictures.entries()) {
    try {
      await mermaid.parse(text);
      const { svg } = await mermaid.render('picture' + number, text);
      answers.push({ drawn: svg.length });
    } catch (e) {
      answers.push({ fault: String(e.message || e) });
    }
  }
  document.getElementById('answers').textContent = JSON.stringify(answers);
})();
</script>
"""


def mermaid():
    """Mermaid as browsers get it, fetched the first time: 16 MB."""
    cached = ROOT / f"target/ops/mermaid/mermaid-{MERMAID}.jar"
    if not cached.exists():
        copying = ["dependency:copy", f"-Dartifact=org.webjars.npm:mermaid:{MERMAID}:jar", f"-DoutputDirectory={cached.parent}"]
        subprocess.run([ROOT / "mvnw", "-B", "-q", "-ntp", *copying], cwd=ROOT, check=True, timeout=600, env={**os.environ, "JAVA_HOME": java()})
    with zipfile.ZipFile(cached) as jar:
        return jar.read(f"META-INF/resources/webjars/mermaid/{MERMAID}/dist/mermaid.min.js")


def browser():
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, filter(None, names))), None)
    if not found:
        programs.install_packages(["chromium"])
        found = shutil.which("chromium")
    return found


class PicturesTest(unittest.TestCase):
    """Mermaid's own parser and drawing, in a browser, as forges use it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        (cls.folder / "mermaid.min.js").write_bytes(mermaid())
        (cls.folder / "page.html").write_text(PAGE)

    def drawn(self, pictures):
        """For each picture None, or what is wrong with it."""
        (self.folder / "pictures.js").write_text(f"const pictures = {json.dumps(pictures)};")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={self.folder / 'profile'}"]
        options += ["--allow-file-access-from-files", "--virtual-time-budget=120000", "--dump-dom"]
        done = subprocess.run([browser(), *options, (self.folder / "page.html").as_uri()], capture_output=True, text=True, timeout=180)
        answers = re.search(r'<pre id="answers">(\[.*\])</pre>', done.stdout, re.DOTALL)
        self.assertTrue(answers, done.stdout[-2000:] + done.stderr[-2000:])
        answers = json.loads(answers[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        self.assertEqual(len(pictures), len(answers))
        return [answer.get("fault") if answer.get("drawn", 0) < 500 else None for answer in answers]

    def test_every_picture_can_be_drawn(self):
        papers = subprocess.run(["git", "-C", ROOT, "ls-files", "*.md"], capture_output=True, text=True, check=True).stdout.splitlines()
        found = [block for paper in papers for block in blocks(paper, "mermaid")]
        self.assertGreaterEqual(len(found), 8)
        faults = self.drawn([block.text for block in found])
        self.assertEqual([], [(block.where, fault) for block, fault in zip(found, faults) if fault])

    def test_a_picture_that_cant_be_drawn_is_noticed(self):
        good = "flowchart LR\n    a --> b\n"
        faults = self.drawn([good, good.replace("-->", "-=>"), "erDiagramm\n", "stateDiagram-v2\n    [*] -->\n", "sequenceDiagram\n    A->>B\n"])
        self.assertIsNone(faults[0])
        self.assertTrue(all(faults[1:]), faults)


class OperationsTest(unittest.TestCase):
    """docs/operations.md, from its beginning to its end, on one machine. Its blocks are the steps of one story."""

    def setUp(self):
        programs.install_missing("openssl", "git", "curl", "jq", "nginx", "postgresql", "postgresql-client")
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch, True)
        subprocess.run([ROOT / "store", "build"], check=True, timeout=900, stdout=subprocess.DEVNULL)
        self.machine = Machine(self.scratch).__enter__()
        self.addCleanup(self.machine.__exit__)
        home = {"JAVA_HOME": os.environ["JAVA_HOME"]} if os.environ.get("JAVA_HOME") else {}
        self.shell = self.machine.shell(REPOSITORY="/srv/product-store", **home)
        self.addCleanup(self.shell.close)
        self.home = home
        self.publish()
        self.bot = self.telegram()

    def publish(self):
        """What is in this folder now as a repository that can be cloned."""
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
        target = self.machine.path("/srv/product-store")
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        self.shell.do("""
            git init --quiet /srv/product-store
            git -C /srv/product-store add --all
            git -C /srv/product-store -c user.name=Test -c user.email=test@example.org commit --quiet --message=Now
        """)

    def telegram(self):
        """A stand-in for Telegram under its own name, whose certificate the machine believes."""
        self.shell.do(f"""
            cd /run
            openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN={TELEGRAM} -addext subjectAltName=DNS:{TELEGRAM} \
                -keyout telegram.key -out telegram.pem 2>/dev/null
            mkdir -p /etc/ssl/certs
            cat telegram.pem >>/etc/ssl/certs/ca-certificates.crt
            echo '127.0.0.2 {TELEGRAM}' >>/etc/hosts
            cd /
        """)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.machine.path("/run/telegram.pem"), self.machine.path("/run/telegram.key"))
        bot = self.machine.in_its_network(lambda: Bot(TOKEN, CHAT, host="127.0.0.2", port=443, tls=tls))
        self.addCleanup(bot.close)
        return bot

    def do(self, block):
        try:
            return self.shell.do(block.text, 300, block.where)
        except AssertionError as failure:
            journal = subprocess.run(self.machine.command("journalctl", "--no-pager", "-o", "cat", "-n", "40"), capture_output=True, text=True)
            raise AssertionError(f"{failure}\nThe journal's end:\n{journal.stdout}") from None

    def looks(self):
        """What has to be so after a step, by the words that it begins with."""
        return {
            "git clone": self.bring_the_build,
            "install -d /etc": self.tell_the_java,
            "systemctl status": self.it_runs_as_nobody_in_particular,
            "cp /opt/product-store/src": lambda said: self.assertRegex(said, r"Imported .*: [1-9]\d+ products are new"),
            "TOKEN=": lambda said: self.assertEqual({"number": "100001", "status": "cancelled"}, json.loads(said)),
            "python3 /opt": self.make_time_fast,
            "sleep 30\njournalctl": self.all_is_seen,
            'curl -fsS "https://api': lambda said: self.assertEqual([int(CHAT)], json.loads(said)),
            "sleep 30\nsystemctl stop": self.it_rings,
            "systemctl start product-store\n": self.it_is_over,
            "openssl req": lambda said: self.assertEqual(1, json.loads(said[said.index('{"items') :])["limit"]),
            "amtool": lambda said: self.assertIn("Watchdog", said),
            "journalctl --no-pager -o cat -u product-store --since -1d | jq -cR --arg": self.an_order_has_its_lines,
            "curl -fsS http://localhost:8080/api/inventory": lambda said: self.assertEqual({"items": []}, json.loads(said)),
            "install -d -m 700": self.the_runbooks_commands_work,
            "BACKUP=": lambda said: self.assertRegex(said, r"Restored the backup of .*: [1-9]\d+ products, 1 orders\. .*agree"),
            "systemctl start postgresql": self.it_has_moved,
            "runuser -u postgres -- dropdb": self.nothing_is_left,
        }

    def bring_the_build(self, _):
        """The machine can't download what building takes; nor is building it twice worth a test."""
        target = self.machine.path("/opt/product-store/target")
        target.mkdir()
        shutil.copytree(ROOT / "target/store", target / "store", symlinks=True)
        # Java's cache is good where it was made only.
        (target / "store/store.aot").unlink()
        # Written anew it is newer than the sources that were just cloned.
        built = (ROOT / "target/store/built").read_text()
        (target / "store/built").write_text(built.replace(str(ROOT / "target/store"), "/opt/product-store/target/store"))
        self.assertEqual("", self.shell.do("/opt/product-store/store build"))

    def tell_the_java(self, _):
        """Where the tests are told which Java to take, so is the service."""
        self.shell.do("".join(f"echo {name}={value} >>/etc/product-store/store.env\n" for name, value in self.home.items()))

    def it_runs_as_nobody_in_particular(self, said):
        self.assertIn("active (running)", said)
        self.assertIn('"status":"UP"', said)
        self.assertEqual("store\n", self.shell.do("ps -o user= -p $(systemctl show -p MainPID --value product-store)"))
        self.assertEqual("", self.shell.do("systemd-analyze verify /etc/systemd/system/product-store.service /etc/systemd/system/product-store-watch.service"))
        broken = "sed 's/^Restart=/Restat=/' /etc/systemd/system/product-store.service >/run/broken.service; systemd-analyze verify /run/broken.service || true"
        self.assertIn("Restat", self.shell.do(broken))
        exposure = self.shell.do("systemd-analyze security --no-pager product-store || true")
        self.assertLess(float(re.search(r"Overall exposure level for product-store.service: ([\d.]+)", exposure)[1]), 3, exposure)
        # Not even a root could write to the program there.
        inside = "nsenter --target $(systemctl show -p MainPID --value product-store) --mount --root --wd"
        self.assertIn("Read-only file system", self.shell.do(f"{inside} touch /opt/product-store/store 2>&1 || true"))
        self.assertIn("Permission denied", self.shell.do("runuser -u store -- cat /etc/product-store/store.env 2>&1 || true"))

    def make_time_fast(self, _):
        """Nothing else of what is watched is changed. The service is started anew by a later step."""
        for folder in ("prometheus", "alertmanager"):
            target = self.machine.path(f"/opt/product-store/ops/{folder}")
            shutil.rmtree(target)
            copy(OPS / folder, target, FACTOR)
        self.shell.do("systemctl restart product-store-watch")

    def all_is_seen(self, said):
        self.assertIn("The store is watched.", said)
        for job in ("store", "node", "postgres", "prometheus", "alertmanager"):
            self.assertIn(f"{job} 1\n", said)
        # What the reader does with an editor, before the next step.
        self.shell.do(f"install -m 640 -o root -g store /dev/null /etc/product-store/telegram-token; echo {TOKEN} >/etc/product-store/telegram-token")

    def it_rings(self, _):
        message = self.bot.wait_for("the store is down", lambda read: read.startswith("🔴 Авария") and "Магазин не отвечает" in read, 180)
        self.assertIn("Corner shop", message["read"])

    def it_is_over(self, _):
        self.bot.wait_for("the store is back", lambda read: read.startswith("🟢 Прошло") and "Магазин не отвечает" in read, 180)
        # Prometheus tells an alert anew once a minute, and Alertmanager did not hear the first time, as both had just begun.
        rings = "amtool --alertmanager.url=http://localhost:9093 alert query"
        wait_until("the watchdog's alert is known", lambda: "Watchdog" in self.shell.do(rings), 90)
        # Its port is nginx's in the next section.
        self.bot.close()

    def an_order_has_its_lines(self, said):
        actions = [json.loads(line).get("event.action") for line in said.splitlines()]
        self.assertIn("order-placed", actions)
        self.assertIn("order-status-changed", actions)

    def it_has_moved(self, _):
        answer = self.shell.do(r"""
            . /etc/product-store/store.env
            jq -n --arg email "$STORE_ADMIN_EMAIL" --arg password "$STORE_ADMIN_PASSWORD" '{$email, $password}' |
              curl -fsS http://localhost:8080/api/auth/login -H 'Content-Type: application/json' -d @- | jq -r .token_type
            runuser -u postgres -- psql -At -d store -c 'SELECT count(*) FROM app_user'
        """)
        self.assertEqual("Bearer\n1\n", answer)

    def the_runbooks_commands_work(self, _):
        """Those of docs/runbooks/README.md, too."""
        found = blocks("docs/runbooks/README.md", run_by=ME)
        self.assertEqual(2, len(found))
        self.shell.do("cd /var/lib/product-store")
        for block in found:
            self.do(block)
        self.shell.do("cd /")
        self.assertIn("DiskFillsIn4h", self.shell.do("amtool --alertmanager.url=http://localhost:9093 silence query"))

    def nothing_is_left(self, _):
        self.assertEqual("", self.shell.do("getent passwd store || true; find /opt /etc /var/lib /var/log -name 'product-store*'"))
        self.assertEqual("", self.shell.do("pgrep -f product-store || true"))

    def test_the_guide(self):
        guide = blocks("docs/operations.md", run_by=ME)
        looks = self.looks()
        looked = []
        for block in guide:
            said = self.do(block)
            for words, look in looks.items():
                if block.text.startswith(words):
                    looked.append(words)
                    look(said)
        self.assertEqual(list(looks), looked)


if __name__ == "__main__":
    unittest.main()
