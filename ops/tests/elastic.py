"""
A real Elasticsearch for tests, Elastic's own build for integration tests, which Maven brings. It has no lifecycle management, no
ingest pipelines, and can't store roles; data streams, templates, bulk requests and searches are those of any other.

    elastic = Elastic(folder)            # a folder of the test's own, which it is given room in
    elastic = Elastic(folder, secured=True)    # one has to sign in, and the writer is there: elastic.writer_password
    elastic.start()                      # until it answers; after kill() or stop() it has what it had before
    elastic.setup()                      # ops/elasticsearch/setup: the template
    elastic.count("logs-store-*", {"term": {"trace.id": "…"}})
    elastic.search("logs-store-*", {"match_all": {}}, size=100, sort=[{"@timestamp": "asc"}])    # the documents
    elastic.kill(); elastic.stop()

elastic.url is its address. Counting and searching see everything that was written before.
"""

import atexit
import base64
import json
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import zipfile

from processes import end, free_port, request, wait_until
from rulebook import OPS, ROOT

VERSION = "9.5.3"
CACHED = ROOT / "target/ops/elasticsearch"
# It refuses to run as root.
USER = "nobody"


def archive():
    """Fetched the first time: 100 MB or so."""
    path = CACHED / f"elasticsearch-{VERSION}.zip"
    if not path.exists():
        artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
        copy = ["dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={CACHED}", "-Dmdep.overWriteReleases=true"]
        subprocess.run([ROOT / "mvnw", "-B", "-q", "-ntp", *copy], cwd=ROOT, check=True, stdout=sys.stderr, timeout=900,
                       env={**os.environ, "JAVA_HOME": java()})
    return path


def as_user(name):
    """What Popen is told so that a program runs as somebody else, where the tests themselves run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def java():
    """The folder of a JDK that Maven's wrapper and this version run on, looked for where ./store looks first."""
    for home in [os.environ.get("JAVA_HOME", ""), *map(str, pathlib.Path("/usr/lib/jvm").glob("*"))]:
        release = pathlib.Path(home or "/nowhere") / "release"
        found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.exists() else None
        if found and int(found[1]) >= 25:
            return home
    raise AssertionError("no JDK 25 or newer was found: set JAVA_HOME to the folder of one")


class Elastic:
    def __init__(self, scratch, secured=False):
        self.secured = secured
        self.password, self.writer_password = secrets.token_hex(16), secrets.token_hex(16)
        self.headers = {}
        if secured:
            self.headers["Authorization"] = "Basic " + base64.b64encode(f"elastic:{self.password}".encode()).decode()
        self.folder = pathlib.Path(scratch) / "elasticsearch"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "output.log"
        self.process = None

    def start(self, seconds=120):
        if not self.folder.exists():
            self._unpack()
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [self.folder / "bin/elasticsearch"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._surroundings(),
            )
        atexit.register(self.stop)
        path = "_cluster/health?wait_for_status=yellow&timeout=1s"
        ready = lambda: request(f"{self.url}/{path}", headers=self.headers, timeout=5)[0] == 200
        wait_until("Elasticsearch answers", ready, seconds, self.process, self.log)
        return self

    def _surroundings(self):
        memory = {"ES_JAVA_OPTS": "-Xms512m -Xmx512m", "CLI_JAVA_OPTS": "-Xmx64m"}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "ES_JAVA_HOME": java(), **memory}
        return {"env": environment, "cwd": self.folder, **as_user(USER)}

    def _unpack(self):
        with zipfile.ZipFile(archive()) as packed:
            packed.extractall(self.folder.parent)
            for entry in packed.infolist():
                if entry.external_attr >> 16:
                    os.chmod(self.folder.parent / entry.filename, (entry.external_attr >> 16) & 0o777)
        (self.folder.parent / f"elasticsearch-{VERSION}").rename(self.folder)
        settings = {
            "cluster.name": "store-tests",
            "discovery.type": "single-node",
            "http.host": "127.0.0.1",
            "http.port": self.port,
            "transport.host": "127.0.0.1",
            "transport.port": free_port(),
            "xpack.security.enabled": str(self.secured).lower(),
            "xpack.security.transport.ssl.enabled": "false",
            # A full disk of this machine is no affair of the tests.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        (self.folder / "config/elasticsearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
        if os.geteuid() == 0:
            # mkdtemp's folders are their owner's alone.
            self.folder.parent.chmod(0o755)
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, USER)
        if self.secured:
            # JSON is YAML, on one line: the role is the one that setup stores elsewhere.
            role = json.dumps(json.loads((OPS / "elasticsearch/writer.json").read_text()))
            (self.folder / "config/roles.yml").write_text(f"store-log-writer: {role}\n")
            self._run("elasticsearch-keystore", "create")
            self._run("elasticsearch-keystore", "add", "-x", "bootstrap.password", told=self.password)
            self._run("elasticsearch-users", "useradd", "store-log-writer", "-p", self.writer_password, "-r", "store-log-writer")

    def _run(self, tool, *words, told=""):
        run = subprocess.run([self.folder / "bin" / tool, *words], input=told, capture_output=True, text=True, timeout=60, **self._surroundings())
        if run.returncode:
            raise AssertionError(f"{tool} {words[0]}: {run.stdout}{run.stderr}")

    def stop(self):
        if self.process:
            end(self.process)

    def kill(self):
        """At once, with its children, as a machine that loses its power does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def setup(self, *options, **settings):
        """ops/elasticsearch/setup on this server; what this server lacks is left out unless options are given."""
        command = [OPS / "elasticsearch/setup", *(options or ["--without", "lifecycle,security"])]
        secret = {"ELASTICSEARCH_PASSWORD": self.password} if self.secured else {}
        environment = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": self.url, **secret, **settings}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    def ask(self, path, body=None, method=None):
        status, answer = request(f"{self.url}/{path}", body, method, self.headers)
        if status == 503:
            # An index that is just begun or not yet found again; wait_until asks once more.
            raise ConnectionError(f"{path}: {answer}")
        if status not in (200, 201):
            raise AssertionError(f"{path} {body}: {status} {answer}")
        return answer

    def search(self, index, query, size=1000, **more):
        found = self._asked_anew(index, "_search?allow_partial_search_results=false&ignore_unavailable=true", {"query": query, "size": size, **more})
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def count(self, index, query=None):
        return self._asked_anew(index, "_count?ignore_unavailable=true", {"query": query or {"match_all": {}}})["count"]

    def _asked_anew(self, index, what, body):
        """A stream that nobody has written to yet has no lines."""
        self.ask(f"{index}/_refresh?ignore_unavailable=true", method="POST")
        return self.ask(f"{index}/{what}", body)
