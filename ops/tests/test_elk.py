"""
Log lines on their way: written to files by a store, nginx and PostgreSQL, shipped by rsyslog, found in an Elasticsearch. The
programs are real, and their settings those of ops/. Kibana and Logstash can't be had without a registry of containers: their files
are read here, and asked of Elasticsearch what Kibana would ask.
"""

import base64
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml
from logstash_pipeline_parser import Pipeline
from logstash_pipeline_parser.tree import ParseError

import programs
from elastic import Elastic, as_user
from kql import Query, Refused
from lines import Lines, Writer, append, written
from processes import ProcessesTest, free_port, request, wait_until
from rulebook import OPS
from shipper import Shipper

TEMPLATE = json.loads((OPS / "elasticsearch/template.json").read_text())
FIELDS = TEMPLATE["template"]["mappings"]["properties"]

NASTY = {
    "quotes and backslashes": 'a "quoted" \\ back\\\\slash and a /slash/',
    "new lines and tabs": "first\nsecond\r\n\tthird\u2028fourth\u2029",
    "NUL and other control characters": "\u0000\u0001\u001b[31mred\u001b[0m\u007f",
    "emoji and Russian": "👩‍👩‍👧‍👦 Мармелад «Лимонные дольки» ё",
    "right to left, combining": "שלום e\u0301\u202e",
    "HTML": "<script>alert('x')</script>&amp;<!-- ]]>",
    "percent signs, templates, fields": "100 % %msg% %{[event.id]} ${env:HOME} $(id) {{value}} %$!event.id%",
    "JSON in a text": '{"event.id":"another","message":"inner"}',
    "the highest characters": "\U0010ffff\uffff\ufffd",
    "empty": "",
    "spaces around": "  both sides  ",
}
# What looks like a line, or nearly, and isn't one.
BROKEN = {
    "text": "Exception in thread main: плохо",
    "half a line": '{"@timestamp":"2026-11-27T13:34:15.123456Z","log.level":"INFO","mess',
    "no object": '["@timestamp","event.id"]',
    "a number": "42",
    "null": "null",
    "two objects": '{"a":1}{"b":2}',
    "no time": '{"log.level":"INFO","message":"m","event.id":"x-1"}',
    "a wrong time": '{"@timestamp":"yesterday","log.level":"INFO","message":"m","event.id":"x-2"}',
    "no id": '{"@timestamp":"2026-11-27T13:34:15Z","log.level":"INFO","message":"m"}',
    "a number as id": '{"@timestamp":"2026-11-27T13:34:15Z","log.level":"INFO","message":"m","event.id":7}',
    "an unknown level": '{"@timestamp":"2026-11-27T13:34:15Z","log.level":"LOUD","message":"m","event.id":"x-3"}',
    "no message": '{"@timestamp":"2026-11-27T13:34:15Z","log.level":"INFO","event.id":"x-4"}',
    "an object as message": '{"@timestamp":"2026-11-27T13:34:15Z","log.level":"INFO","message":{"a":1},"event.id":"x-5"}',
}


def program(path):
    """A script without the ending of a module."""
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    loader.exec_module(module)
    return module


SEND = program(OPS / "rsyslog/send")


class ElkTest(ProcessesTest):
    """With the Elasticsearch that is set up, and the shipper."""

    @classmethod
    def setUpClass(cls):
        cls.scratch, cls.elastic, cls.shipper = STARTED

    def arrived(self, query, number=1, index="logs-store-*", seconds=30):
        """The documents, as soon as there are as many."""
        wait_until(f"{number} lines for {query}", lambda: self.elastic.count(index, query) >= number, seconds, log=self.shipper.log)
        return self.elastic.search(index, query, sort=[{"@timestamp": "asc"}])

    def broken_with(self, mark):
        """The broken line that holds this; it can't be searched for, only looked for."""
        ours = lambda: [found for found in self.elastic.search(SEND.BROKEN, {"match_all": {}}) if mark in found["event.original"]]
        return wait_until(f"{mark} is among the broken lines", ours, 30, log=self.shipper.log)[0]

    def write(self, *lines):
        append(self.shipper.store_log, "".join(map(written, lines)))


class SetupTest(ElkTest):
    def test_says_what_the_server_lacks_and_does_without_only_if_told(self):
        done = self.elastic.setup("--without", "security")
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("lifecycle policy: PUT /_ilm/policy/logs-store was answered with 400", done.stderr)
        self.assertIn("This server lacks it; --without does without", done.stderr)
        done = self.elastic.setup("--without", "lifecycle", STORE_LOG_WRITER_PASSWORD="secret-canary")
        self.assertEqual(1, done.returncode, done.stdout)
        # This one's texts can't be taken apart as its own index of roles wants it.
        self.assertIn("role of the writer: PUT /_security/role/store-log-writer was answered with 400", done.stderr)
        self.assertNotIn("secret-canary", done.stdout + done.stderr)
        done = self.elastic.setup(ELASTICSEARCH_PASSWORD="wrong-canary")
        self.assertEqual(1, done.returncode)
        self.assertIn("was answered with 401", done.stderr)
        self.assertNotIn("wrong-canary", done.stdout + done.stderr)

    def test_the_writer_may_add_lines_and_nothing_else(self):
        """Who the shipper signs in as; the role is ops/elasticsearch/writer.json."""
        fields = Lines().access()
        self.write(fields)
        self.arrived({"term": {"event.id": fields["event.id"]}})
        word = base64.b64encode(f"store-log-writer:{self.elastic.writer_password}".encode()).decode()
        headers = {"Authorization": f"Basic {word}"}
        another = Lines().access()
        for wanted, method, path, body in (
            (201, "POST", f"logs-store-new/_create/{another['event.id']}", another),
            (409, "POST", f"logs-store-default/_create/{fields['event.id']}", another),
            (200, "GET", "_cluster/health", None),
            (403, "POST", "logs-store-default/_search", {"query": {"match_all": {}}}),
            (403, "GET", "logs-store-default/_mapping", None),
            (403, "DELETE", "logs-store-new", None),
            (403, "POST", "logs-other-default/_create/1", another),
            (403, "PUT", "_index_template/logs-store", TEMPLATE),
            (403, "PUT", "_cluster/settings", {"persistent": {"cluster.routing.allocation.enable": "all"}}),
            (403, "GET", "_security/user", None),
        ):
            status, answer = request(f"{self.elastic.url}/{path}", body, method, headers)
            self.assertEqual(wanted, status, (method, path, answer))

    def test_refuses_what_it_does_not_know(self):
        self.assertEqual(2, self.elastic.setup("--without", "everything").returncode)
        self.assertEqual(2, self.elastic.setup("--with", "security").returncode)
        done = self.elastic.setup("--without", "lifecycle", STORE_LOG_WRITER_PASSWORD="short")
        self.assertIn("STORE_LOG_WRITER_PASSWORD must be set", done.stderr)
        done = self.elastic.setup(ELASTICSEARCH_URL=f"http://127.0.0.1:{free_port()}")
        self.assertNotEqual(0, done.returncode)

    def test_may_run_again_and_the_template_is_as_the_file_says(self):
        for _ in range(2):
            done = self.elastic.setup()
            self.assertEqual(0, done.returncode, done.stderr)
        found = self.elastic.ask("_index_template/logs-store?flat_settings=true")["index_templates"][0]["index_template"]
        self.assertEqual(TEMPLATE["index_patterns"], found["index_patterns"])
        self.assertEqual({name: str(value).lower() for name, value in TEMPLATE["template"]["settings"].items()}, found["template"]["settings"])
        fields = Lines().access()
        self.write(fields)
        self.arrived({"term": {"event.id": fields["event.id"]}})
        mapping = next(iter(self.elastic.ask("logs-store-default/_mapping").values()))["mappings"]
        self.assertEqual("false", mapping["dynamic"])
        for name, wanted in FIELDS.items():
            inner = mapping
            for part in name.split("."):
                inner = inner["properties"][part]
            self.assertEqual(wanted["type"], inner["type"], name)


class ShippingTest(ElkTest):
    def test_lines_are_found_by_the_id_of_their_trace(self):
        lines = Lines()
        trace = secrets.token_hex(16)
        request_line = lines.access(trace__id=trace, order__id="0193b1e5-0000-7000-8000-00000000000a")
        event = lines.event("order-placed", trace__id=trace, order__id="0193b1e5-0000-7000-8000-00000000000a", order__number="A-17")
        self.write(lines.access(), request_line, lines.access(), event)
        found = self.arrived({"term": {"trace.id": trace}}, 2, "logs-store-default")
        self.assertEqual([request_line, event], found)

    def test_any_text_arrives_whole(self):
        lines = Lines()
        texts = {**NASTY, "64 KB": secrets.token_hex(32 * 1024), "1 MB": "Ж" * 500_000}
        sent = {name: lines.fields(message=text, unknown__field=[text, {"a.b": text}]) for name, text in texts.items()}
        self.write(*sent.values())
        for name, fields in sent.items():
            found = self.arrived({"term": {"event.id": fields["event.id"]}})
            self.assertEqual([fields], found, name)

    def test_numbers_keep_their_value(self):
        for text, value in (("9007199254740993", 9007199254740993), ("0", 0), ("0.1", 0.1), ("-12", -12), ("1e3", 1000)):
            fields = Lines().fields()
            append(self.shipper.store_log, json.dumps(fields)[:-1] + f',"event.duration":{text},"unknown":{text}}}\n')
            found = self.arrived({"term": {"event.id": fields["event.id"]}})[0]
            self.assertEqual([value, value], [found["event.duration"], found["unknown"]], text)

    def test_half_a_character_arrives_too(self):
        """JSON can say what UTF-8 can't: one of two surrogates alone. Python can't say it either."""
        fields = Lines().fields(message="before \ud83d after \u0000")
        append(self.shipper.store_log, json.dumps(fields) + "\n")
        self.assertEqual([fields], self.arrived({"term": {"event.id": fields["event.id"]}}))

    def test_a_broken_line_is_kept_as_it_came(self):
        before = Lines().access()
        after = Lines().access()
        append(self.shipper.store_log, written(before) + "".join(text + "\n" for text in BROKEN.values()) + written(after))
        self.arrived({"term": {"event.id": after["event.id"]}})
        found = self.elastic.search("logs-store-broken", {"match_all": {}})
        found = [document for document in found if document["event.original"] in BROKEN.values()]
        self.assertEqual(sorted(BROKEN.values()), sorted(document["event.original"] for document in found))
        for document in found:
            self.assertTrue(document["error.message"])
            self.assertEqual("store.broken", document["event.dataset"])
        for fields in (before, after):
            self.assertEqual([fields], self.arrived({"term": {"event.id": fields["event.id"]}}))

    def test_what_is_no_utf_8_is_kept_with_its_wrong_bytes_replaced(self):
        mark = secrets.token_hex(8)
        fields = Lines().fields(message=f"{mark} @")
        append(self.shipper.store_log, written(fields).encode().replace(b"@", b"\xff"))
        found = self.broken_with(mark)
        self.assertEqual(written(fields).rstrip("\n").replace("@", "\ufffd"), found["event.original"])
        self.assertIn("can't decode byte 0xff", found["error.message"])

    def test_a_value_of_the_wrong_kind_does_not_lose_the_line(self):
        for wrong in ({"event.duration": "long"}, {"client.ip": "unix:"}, {"unknown": {"a": [1, {"b": None}]}}, {"url.path": "/" + "x" * 40_000}):
            fields = {**Lines().access(), **wrong}
            self.write(fields)
            self.assertEqual([fields], self.arrived({"term": {"event.id": fields["event.id"]}}), wrong)

    def test_what_elasticsearch_refuses_is_kept_with_its_reason(self):
        for wrong, why in (({"user": "bob"}, "document_parsing_exception"), ({"@timestamp": "2026-13-27T13:34:15Z"}, "2026-13-27T13:34:15Z")):
            mark = secrets.token_hex(8)
            fields = {**Lines().access(message=mark), **wrong}
            after = Lines().access()
            self.write(fields, after)
            found = self.broken_with(mark)
            self.assertEqual(written(fields).rstrip("\n"), found["event.original"])
            self.assertIn(why, found["error.message"])
            self.assertEqual([after], self.arrived({"term": {"event.id": after["event.id"]}}))

    def test_a_line_that_is_sent_twice_is_stored_once(self):
        fields = Lines().access()
        self.write(fields, fields)
        after = Lines().access()
        self.write(fields, after)
        self.arrived({"term": {"event.id": after["event.id"]}})
        self.assertEqual(1, self.elastic.count("logs-store-*", {"term": {"event.id": fields["event.id"]}}))


class OutageTest(ElkTest):
    """As a store goes on writing and beginning new files. Each half is longer than send tries by itself before rsyslog has to."""

    SECONDS = 2 * (SEND.SECONDS + 4)

    def test_nothing_is_lost_and_nothing_doubled(self):
        with Writer(self.shipper.store_log, per_second=300, per_file=2500) as writer:
            self.arrived(self.of(writer), 300)
            time.sleep(2)
            self.elastic.kill()
            time.sleep(self.SECONDS / 2)
            self.shipper.stop()
            time.sleep(1)
            self.shipper.start()
            time.sleep(self.SECONDS / 2)
            self.elastic.start()
            time.sleep(3)
            # At full work, and this time without being asked.
            self.shipper.kill()
            time.sleep(1)
            self.shipper.start()
            time.sleep(3)
        self.assertGreater(writer.rotated, 2)
        self.assertGreater(self.shipper.log.read_text().count("has not taken lines, which are sent again"), 2)
        # Nobody who writes a line waits for any of this.
        self.assertLess(writer.slowest, 1)
        count = lambda: self.elastic.count("logs-store-*", self.of(writer)) >= len(writer.ids)
        wait_until(f"all {len(writer.ids)} lines are there", count, 60, log=self.shipper.log)
        self.assertEqual(sorted(writer.ids), sorted(self.ids(writer)))

    def of(self, writer):
        return {"prefix": {"event.id": f"{writer.lines.start}-"}}

    def ids(self, writer):
        found, after = [], None
        while True:
            query = {"query": self.of(writer), "size": 10_000, "_source": ["event.id"], "sort": [{"event.id": "asc"}], **({"search_after": after} if after else {})}
            hits = self.elastic.ask("logs-store-*/_search", query)["hits"]["hits"]
            if not hits:
                return found
            found += [hit["_source"]["event.id"] for hit in hits]
            after = hits[-1]["sort"]


class NginxTest(ElkTest):
    def test_its_lines_take_the_same_way(self):
        port, upstream = free_port(), free_port()
        folder = self.scratch / "nginx"
        folder.mkdir()
        trace = "0af7651916cd43dd8448eb211c80319c"
        (folder / "nginx.conf").write_text(
            f"""
            daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{ }}
            http {{
              include {OPS}/rsyslog/nginx.conf;
              client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
              access_log {self.shipper.proxy_log} store;
              server {{
                listen 127.0.0.1:{port}; listen [::1]:{port};
                location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
                location /away {{ proxy_pass http://127.0.0.1:1; }}
              }}
              server {{
                listen 127.0.0.1:{upstream}; access_log off;
                location / {{ add_header X-Trace-Id {trace} always; return 404 "not here"; }}
              }}
            }}
            """
        )
        nginx = self.launch(["nginx", "-c", folder / "nginx.conf", "-p", folder], folder / "output.log")
        wait_until("nginx answers", lambda: request(f"http://127.0.0.1:{port}/ready")[0] == 404, 20, nginx, folder / "output.log")
        broken = self.elastic.count("logs-store-broken")
        canary = secrets.token_hex(8)
        path = '/api/%D1%81%D1%8B%D1%80/"quoted"\\'
        raw = f"GET {path}?email={canary}@example.org HTTP/1.1\r\nHost: {canary}.example.org\r\nConnection: close\r\n"
        self.ask(port, f"{raw}User-Agent: {canary}\r\nCookie: {canary}\r\nAuthorization: Bearer {canary}\r\n\r\n".encode())
        # nginx takes bytes that are no text, and writes them.
        mark = secrets.token_hex(8)
        self.ask(port, b"GET /\xff" + mark.encode() + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.ask(port, b"GET /away HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.ask(port, b"nonsense\r\n\r\n")
        request(f"http://[::1]:{port}/six")
        found = self.arrived({"term": {"event.dataset": "nginx.access"}}, 5, "logs-store-proxy")
        self.assertIn(f'"url.path":"/\ufffd{mark}"', self.broken_with(mark)["event.original"])
        self.assertEqual(broken + 1, self.elastic.count("logs-store-broken"), self.elastic.search("logs-store-broken", {"match_all": {}}))
        self.assertNotIn(canary, json.dumps(found))
        by_path = {document["url.path"]: document for document in found}
        line = by_path[path]
        self.assertEqual(("GET", 404, "success", "INFO", 8), tuple(line[name] for name in self.SHORT))
        self.assertEqual(trace, line["trace.id"])
        self.assertEqual("127.0.0.0", line["client.ip"])
        self.assertLess(line["event.duration"], 10_000_000_000)
        self.assertEqual(0, line["event.duration"] % 1_000_000)
        self.assertEqual((502, "failure", "ERROR"), tuple(by_path["/away"][name] for name in ("http.response.status_code", "event.outcome", "log.level")))
        self.assertEqual("::", by_path["/six"]["client.ip"])
        self.assertIn(400, [document["http.response.status_code"] for document in found])
        unknown = {name for document in found for name in document} - set(FIELDS)
        self.assertEqual(set(), unknown)

    SHORT = ("http.request.method", "http.response.status_code", "event.outcome", "log.level", "http.response.body.bytes")

    def ask(self, port, data):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(data)
            while connection.recv(65536):
                pass


class PostgresTest(ElkTest):
    def test_its_lines_take_the_same_way_without_what_they_are_about(self):
        port = free_port()
        folder = self.scratch / "postgresql"
        folder.mkdir()
        shutil.chown(folder, "postgres")
        self.shipper.postgresql_logs.chmod(0o777)
        for above in (self.shipper.folder, self.shipper.logs):
            above.chmod(0o755)
        binaries = pathlib.Path("/usr/lib/postgresql/15/bin")
        run = dict(check=True, capture_output=True, text=True, cwd=folder, **as_user("postgres"))
        subprocess.run([binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres"], **run)
        settings = (OPS / "rsyslog/postgresql.conf").read_text()
        more = f"\nlog_directory = '{self.shipper.postgresql_logs}'\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
        with open(folder / "data/postgresql.conf", "a") as file:
            file.write(settings + more)
        server = self.start_postgres(binaries, folder)
        broken = self.elastic.count("logs-store-broken")
        canary = secrets.token_hex(8)
        psql = ["psql", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c"]
        wait_until("PostgreSQL takes connections", lambda: subprocess.run([*psql, "SELECT 1"], capture_output=True).returncode == 0, 30, server)
        for statement in (
            "CREATE TABLE users (email text PRIMARY KEY, age integer CHECK (age > 0))",
            f"INSERT INTO users VALUES ('{canary}', 1)",
            f"/* user.register */ INSERT INTO users VALUES ('{canary}', 1)",
            f"/* user.register */ INSERT INTO users VALUES ('{canary}2', -1)",
            f"SELECT '{canary}'::integer",
            f"SELECT pg_sleep(0.3), '{canary}'",
            "SELECT 1 / 0",
        ):
            subprocess.run([*psql, statement], capture_output=True, timeout=60)
        found = self.arrived({"term": {"error.code": "22012"}}, 1, "logs-store-postgresql")
        found = self.elastic.search("logs-store-postgresql", {"match_all": {}}, sort=[{"@timestamp": "asc"}])
        self.assertNotIn(canary, json.dumps(found))
        self.assertEqual(broken, self.elastic.count("logs-store-broken"), self.elastic.search("logs-store-broken", {"match_all": {}}))
        by_code = {document.get("error.code"): document for document in found if document["log.level"] == "ERROR"}
        # Whoever knocks while it is starting up (57P03).
        by_code.pop("57P03", None)
        self.assertEqual({"23505", "23514", "22P02", "22012"}, set(by_code))
        self.assertEqual('duplicate key value violates unique constraint "users_pkey"', by_code["23505"]["message"])
        self.assertEqual("user.register", by_code["23505"]["db.operation.name"])
        self.assertEqual("A value was refused; what it was is left out", by_code["22P02"]["message"])
        self.assertIn("INFO", [document["log.level"] for document in found])
        self.assertLess(abs(time.time() - self.seconds(by_code["22012"]["@timestamp"])), 120)
        unknown = {name for document in found for name in document} - set(FIELDS)
        self.assertEqual(set(), unknown)

    def start_postgres(self, binaries, folder):
        with open(folder / "output.log", "wb") as output:
            server = subprocess.Popen([binaries / "postgres", "-D", folder / "data"], stdout=output, stderr=output, cwd=folder, **as_user("postgres"))

        def stop():
            server.terminate()
            server.wait(30)

        self.addCleanup(stop)
        return server

    def seconds(self, text):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class StandIn(ThreadingHTTPServer):
    """A server that writes down what it is asked, for those that can't be had. answers: path to (status, text), or a list of them."""

    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), StandInHandler)
        self.answers = answers
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class StandInHandler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        answers = self.server.answers.get(self.path, [(404, "{}")])
        status, text = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


class SecuredServerTest(unittest.TestCase):
    """What the server of the other tests lacks: what is asked of one that has it."""

    def setUp(self):
        paths = ["/_ilm/policy/logs-store", "/_component_template/logs-store-lifecycle", "/_index_template/logs-store"]
        self.paths = [*paths, "/_security/role/store-log-writer", "/_security/user/store-log-writer"]
        self.server = StandIn({path: [(200, "{}")] for path in self.paths})
        self.addCleanup(self.server.close)

    def setup_server(self, **settings):
        environment = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": self.server.url + "/", **settings}
        return subprocess.run([OPS / "elasticsearch/setup"], capture_output=True, text=True, env=environment, timeout=60)

    def test_puts_each_file_where_it_belongs_and_a_user_with_any_password(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write('a "b" \\ c§\n')
            file.flush()
            done = self.setup_server(STORE_LOG_WRITER_PASSWORD_FILE=file.name, ELASTICSEARCH_PASSWORD='p"\\q')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(self.paths, [path for _, path, _, _ in self.server.asked])
        self.assertEqual({"PUT"}, {method for method, *_ in self.server.asked})
        wanted = "Basic " + base64.b64encode(b'elastic:p"\\q').decode()
        self.assertEqual({wanted}, {headers["Authorization"] for _, _, headers, _ in self.server.asked})
        bodies = [json.loads(body) for *_, body in self.server.asked]
        names = ["lifecycle.json", "lifecycle-settings.json", "template.json", "writer.json"]
        self.assertEqual([json.loads((OPS / "elasticsearch" / name).read_text()) for name in names], bodies[:4])
        self.assertEqual(('a "b" \\ c§', ["store-log-writer"]), (bodies[4]["password"], bodies[4]["roles"]))

    def test_a_refusal_is_told(self):
        self.server.answers["/_security/role/store-log-writer"] = [(403, '{"error":"not you"}')]
        done = self.setup_server(STORE_LOG_WRITER_PASSWORD="long enough")
        self.assertEqual(1, done.returncode)
        self.assertIn("was answered with 403", done.stderr)
        self.assertIn("not you", done.stderr)

    def test_the_lifecycle_is_the_one_that_is_promised(self):
        phases = json.loads((OPS / "elasticsearch/lifecycle.json").read_text())["policy"]["phases"]
        self.assertEqual({"rollover": {"max_age": "1d", "max_primary_shard_size": "10gb"}}, phases["hot"]["actions"])
        self.assertEqual({"min_age": "14d", "actions": {"delete": {}}}, phases["delete"])
        self.assertEqual({"hot", "delete"}, set(phases))
        settings = json.loads((OPS / "elasticsearch/lifecycle-settings.json").read_text())
        named = settings["template"]["settings"]["index.lifecycle.name"]
        self.assertEqual(f"/_ilm/policy/{named}", self.paths[0])
        self.assertEqual(TEMPLATE["composed_of"], [self.paths[1].rsplit("/", 1)[1]])


class SendTest(ProcessesTest):
    """What an Elasticsearch in trouble, or a proxy before it, may answer; the real one can't be made to."""

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)
        self.server = StandIn({})
        self.addCleanup(self.server.close)
        settings = {"url": f"{self.server.url}/below/", "user": "me", "password": "s3cret", "password_file": "", "ca": ""}
        (self.scratch / "settings").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        command = [OPS / "rsyslog/send", self.scratch / "settings"]
        self.send = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.send.communicate)
        self.assertEqual("OK\n", self.send.stdout.readline())

    def said(self, words):
        self.send.stdin.write(words + "\n")
        self.send.stdin.flush()
        return self.send.stdout.readline().strip()

    def batch(self, *lines):
        self.assertEqual("OK", self.said("BEGIN TRANSACTION"))
        for place, line in enumerate(lines):
            self.assertEqual("DEFER_COMMIT", self.said(f"logs-store-default {place} {written(line).strip()}"))
        return self.said("COMMIT TRANSACTION")

    def answers(self, *answers):
        self.server.answers["/below/_bulk?timeout=30s"] = list(answers)

    @staticmethod
    def items(*statuses):
        error = {"type": "some_exception", "reason": "why"}
        items = [{"create": {"status": status, **({} if status < 300 else {"error": error})}} for status in statuses]
        return 200, json.dumps({"errors": True, "items": items})

    def test_says_ok_only_when_every_line_is_there(self):
        refusals = (503, "{}"), (429, '{"status":429}'), (502, "<html>"), (401, "{}"), self.items(201, 429), self.items(409, 503)
        self.answers(*refusals, self.items(409, 201))
        self.assertEqual("OK", self.batch(Lines().access(), Lines().access()))
        self.assertEqual(7, len(self.server.asked))
        self.assertEqual(1, len({body for *_, body in self.server.asked}))

    def test_what_is_refused_for_good_goes_to_the_broken_lines(self):
        self.answers(self.items(201, 400), (503, "{}"), self.items(409, 400), self.items(201))
        line = Lines().access()
        self.assertEqual("OK", self.batch(Lines().access(), line))
        action, document = map(json.loads, self.server.asked[-1][3].decode().splitlines())
        self.assertEqual(SEND.BROKEN, action["create"]["_index"])
        self.assertEqual(action["create"]["_id"], document["event.id"])
        self.assertEqual((written(line).strip(), "some_exception: why"), (document["event.original"], document["error.message"]))

    def test_ends_with_its_caller_also_in_the_middle_of_a_batch(self):
        self.answers((503, "{}"))
        self.send.stdin.write(f"BEGIN TRANSACTION\nlogs-store-default 0 {written(Lines().access())}COMMIT TRANSACTION\n")
        self.send.stdin.close()
        self.assertEqual(0, self.send.wait(10))
        self.send.stdin = None


class LogstashTest(unittest.TestCase):
    def pipelines(self):
        return sorted((OPS / "logstash/pipeline").glob("*.conf"))

    def test_its_pipelines_parse(self):
        """By a parser that follows the grammar of Logstash itself, and that does refuse."""
        for pipeline in self.pipelines():
            text = pipeline.read_text()
            self.assertEqual(["input", "filter", "output"], [section for section, _ in Pipeline(text).parse()], pipeline)
            for wrong in (text.rstrip()[:-1], text.replace("=>", "=", 1), text.replace("filter {", "filtre {", 1), text.replace('"]', '"', 1)):
                with self.assertRaises(ParseError):
                    Pipeline(wrong).parse()

    def test_its_settings_name_what_is_there(self):
        listed = yaml.safe_load((OPS / "logstash/pipelines.yml").read_text())
        named = {pathlib.Path(entry["path.config"]).name for entry in listed}
        self.assertEqual({path.name for path in self.pipelines()}, named)
        settings = yaml.safe_load((OPS / "logstash/logstash.yml").read_text())
        self.assertEqual("persisted", settings["queue.type"])
        self.assertTrue(settings["dead_letter_queue.enable"])
        self.assertEqual("disabled", settings["pipeline.ecs_compatibility"])
        text = (OPS / "logstash/pipeline/broken.conf").read_text()
        self.assertIn(f'pipeline_id => "{listed[0]["pipeline.id"]}"', text)

    def test_it_writes_as_rsyslog_does(self):
        """The same checks, the same streams, the same id, the same fields of a broken line."""
        store, broken = ((OPS / "logstash/pipeline" / name).read_text() for name in ("store.conf", "broken.conf"))
        streams = {"logs-store-default", "logs-store-postgresql", "logs-store-proxy", SEND.BROKEN}
        self.assertEqual(streams, set(re.findall(r"logs-store-\w+", store)))
        self.assertEqual(streams, set(re.findall(r"logs-store-\w+", (OPS / "rsyslog/store.conf").read_text())) | {SEND.BROKEN})
        for check in (SEND.TIME, SEND.ID):
            self.assertIn(f"/^{check.pattern}$/", store)
        self.assertEqual(SEND.LEVELS, set(re.search(r"\^\(([A-Z|]+)\)\$", store)[1].split("|")))
        added = set(json.loads(SEND.broken("0", b"", "why")[2]))
        for text in (store, broken):
            self.assertLessEqual(added - {"@timestamp", "event.id"}, set(re.findall(r'"([\w.]+)" =>', text)))
            self.assertIn('action => "create"', text)
            self.assertIn('document_id => "%{[event.id]}"', text)
        self.assertLessEqual(added, set(FIELDS))


class KibanaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.objects = [json.loads(line) for line in (OPS / "kibana/store.ndjson").read_text().splitlines()]
        cls.build = program(OPS / "kibana/build")

    def test_the_file_is_what_its_definition_makes(self):
        self.assertEqual(self.build.objects(), self.objects)

    def test_what_is_promised_is_there_once(self):
        ids = [(one["type"], one["id"]) for one in self.objects]
        self.assertEqual(len(ids), len(set(ids)))
        searches = {"store-errors", "store-trace", "store-slow", "store-order", "store-security", "store-broken"}
        self.assertEqual(searches, {name for kind, name in ids if kind == "search"})
        self.assertEqual(["store-logs"], [name for kind, name in ids if kind == "dashboard"])
        self.assertEqual(["logs-store"], [name for kind, name in ids if kind == "index-pattern"])
        self.assertEqual(TEMPLATE["index_patterns"], [one["attributes"]["title"] for one in self.objects if one["type"] == "index-pattern"])

    def test_every_reference_has_an_end_and_every_end_a_reference(self):
        ids = {(one["type"], one["id"]) for one in self.objects}
        for one in self.objects:
            for reference in one["references"]:
                self.assertIn((reference["type"], reference["id"]), ids, one["id"])
            names = {reference["name"] for reference in one["references"]}
            attributes = one["attributes"]
            if one["type"] == "search":
                source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
                self.assertEqual({source["indexRefName"]}, names)
            elif one["type"] == "lens":
                layers = attributes["state"]["datasourceStates"]["formBased"]["layers"]
                self.assertEqual({f"indexpattern-datasource-layer-{layer}" for layer in layers}, names)
                self.columns(attributes["state"]["visualization"], layers)
            elif one["type"] == "dashboard":
                panels = json.loads(attributes["panelsJSON"])
                self.assertEqual({f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels}, names)
                self.places([panel["gridData"] for panel in panels])

    def columns(self, drawing, layers):
        """What is drawn, and what is sorted by, is worked out."""
        for drawn in drawing.get("layers", [drawing]):
            columns = layers[drawn["layerId"]]["columns"]
            order = layers[drawn["layerId"]]["columnOrder"]
            self.assertEqual(sorted(columns), sorted(order))
            # What is grouped by comes before what is counted.
            self.assertEqual(sorted(order, key=lambda name: not columns[name]["isBucketed"]), order)
            used = [drawn.get("xAccessor"), drawn.get("splitAccessor"), *drawn.get("accessors", [])]
            used += [column["columnId"] for column in drawn.get("columns", [])]
            self.assertEqual(set(columns), {name for name in used if name})
            for column in columns.values():
                if "orderBy" in column["params"]:
                    self.assertIn(column["params"]["orderBy"]["columnId"], columns)

    def places(self, grids):
        taken = [(x, y) for grid in grids for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]
        self.assertEqual(len(taken), len(set(taken)), "panels lie on one another")
        self.assertLess(max(x for x, _ in taken), 48)

    def test_every_field_is_in_the_template(self):
        known = set(FIELDS) | {"___records___"}
        for one in self.objects:
            attributes = one["attributes"]
            fields = set(attributes.get("columns", []))
            fields |= {name for name, _ in attributes.get("sort", [])}
            fields |= set(json.loads(attributes.get("fieldFormatMap", "{}")))
            if one["type"] == "lens":
                layers = attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
                fields |= {column["sourceField"] for layer in layers for column in layer["columns"].values()}
            query = self.query(one)
            if query is not None:
                parsed = Query(query)
                parsed.translate()
                fields |= parsed.fields
            self.assertLessEqual(fields, known, one["id"])
            # What is grouped by or averaged has to be kept in columns, which texts are not.
            if one["type"] == "lens":
                texts = {name for name, field in FIELDS.items() if field["type"] == "text"}
                self.assertEqual(set(), fields & texts, one["id"])

    @staticmethod
    def query(one):
        attributes = one["attributes"]
        if one["type"] == "lens":
            return attributes["state"]["query"]["query"]
        if one["type"] == "search":
            return json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
        return None

    def test_a_query_that_is_not_understood_is_refused(self):
        for query in ("a :", "a : b)", "(a : b", "a b", "a : (b or", 'not a : "b"'):
            with self.assertRaises((Refused, IndexError), msg=query):
                Query(query).translate()

    def run_import(self, url, **settings):
        environment = {"PATH": os.environ["PATH"], "KIBANA_URL": url, "KIBANA_WAIT": "10", **settings}
        return subprocess.run([OPS / "kibana/import"], capture_output=True, text=True, env=environment, timeout=60)

    def test_the_import_waits_sends_all_and_may_run_twice(self):
        path = "/api/saved_objects/_import?overwrite=true"
        server = StandIn({"/api/status": [(503, "{}"), (503, "{}"), (200, "{}")], path: [(200, '{"successCount":13,"success":true}')]})
        self.addCleanup(server.close)
        for _ in range(2):
            done = self.run_import(server.url, KIBANA_PASSWORD="secret", STORE_JAEGER_URL="https://jaeger.example.org/")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(f"Imported {len(self.objects)} objects", done.stdout)
        self.assertEqual(3 + 1, len([asked for asked in server.asked if asked[1] == "/api/status"]))
        imports = [asked for asked in server.asked if asked[1] == path]
        self.assertEqual(2, len(imports))
        for _, _, headers, body in imports:
            self.assertIn("kbn-xsrf", {name.lower() for name in headers})
            self.assertTrue(headers["Authorization"].startswith("Basic "))
            self.assertTrue(headers["Content-Type"].startswith("multipart/form-data; boundary="))
            self.assertIn(b'filename="store.ndjson"', body)
            sent = [json.loads(line) for line in body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--")[0].decode().splitlines()]
            self.assertEqual([(one["type"], one["id"]) for one in self.objects], [(one["type"], one["id"]) for one in sent])
            self.assertIn("https://jaeger.example.org/trace/{{value}}", sent[0]["attributes"]["fieldFormatMap"])
            self.assertNotIn("@JAEGER_URL@", body.decode())

    def test_the_import_fails_if_kibana_does(self):
        path = "/api/saved_objects/_import?overwrite=true"
        for answer in ((200, '{"successCount":1,"success":false,"errors":[{"id":"store-slow"}]}'), (403, '{"message":"store-slow"}')):
            server = StandIn({"/api/status": [(200, "{}")], path: [answer]})
            self.addCleanup(server.close)
            done = self.run_import(server.url)
            self.assertEqual(1, done.returncode, done.stdout)
            self.assertIn("store-slow", done.stderr)
        done = self.run_import(f"http://127.0.0.1:{free_port()}", KIBANA_WAIT="1")
        self.assertEqual(1, done.returncode)
        self.assertIn("Kibana does not answer", done.stderr)
        self.assertEqual(1, self.run_import("http://127.0.0.1:1", STORE_JAEGER_URL='https://a"b').returncode)


class KibanaQueriesTest(ElkTest):
    """What each saved search and each panel finds among lines of every kind."""

    def test_each_finds_what_it_is_for(self):
        lines = Lines()
        order = "0193b1e5-0000-7000-8000-0000000000aa"
        kinds = {
            "fine": lines.access(),
            "slow": lines.access(event__duration=500_000_000),
            "nearly slow": lines.access(event__duration=499_999_999),
            "failed": lines.access(http__response__status_code=500, event__outcome="failure"),
            "refused": lines.access(http__response__status_code=403),
            "order": lines.access(order__id=order, http__response__status_code=201),
            "placed": lines.event("order-placed", order__id=order, order__number="A-17"),
            "moved": lines.event("order-status-changed", order__id=order, change__from="pending", change__to="confirmed"),
            "signed in": lines.event("sign-in"),
            "not signed in": lines.event("sign-in-failed", log__level="WARN"),
            "throttled": lines.event("sign-in-throttled", log__level="WARN"),
            "promoted": lines.event("user-changed", user__target__id="u", change__field="role"),
            "error": lines.fields(event__dataset="store.app", log__level="ERROR", error__type="java.io.IOException"),
            "warning": lines.fields(event__dataset="store.app", log__level="WARN"),
        }
        self.write(*kinds.values())
        broken = f"no line at all {secrets.token_hex(8)}"
        append(self.shipper.store_log, broken + "\n")
        after = lines.access()
        self.write(after)
        self.arrived({"term": {"event.id": after["event.id"]}})
        names = {fields["event.id"]: name for name, fields in kinds.items()}
        access = {"fine", "slow", "nearly slow", "failed", "refused", "order"}
        wanted = {
            "store-errors": {"failed", "error", "broken"},
            "store-trace": access,
            "store-slow": {"slow"},
            "store-order": {"order", "placed", "moved"},
            "store-security": {"refused", "not signed in", "throttled", "promoted"},
            "store-broken": {"broken"},
            "store-requests": access,
            "store-routes": access,
            "store-errors-by-dataset": {"failed", "error", "broken"},
            "store-sign-ins-failed": {"not signed in", "throttled"},
            "store-orders-placed": {"placed"},
        }
        objects = [json.loads(line) for line in (OPS / "kibana/store.ndjson").read_text().splitlines()]
        asked = {one["id"]: KibanaTest.query(one) for one in objects if KibanaTest.query(one) is not None}
        self.assertEqual(set(wanted), set(asked))
        for name, query in asked.items():
            found = self.elastic.search("logs-store-*", Query(query).translate(), size=10_000)
            seen = {names.get(document["event.id"]) or ("broken" if document.get("event.original") == broken else None) for document in found}
            self.assertEqual(wanted[name], seen - {None}, name)

    def test_each_panel_of_routes_can_be_worked_out(self):
        route = f"/api/{secrets.token_hex(8)}/{{id}}"
        self.write(*(Lines().access(event__duration=number * 1_000_000, http__route=route) for number in range(100)))
        self.arrived({"term": {"http.route": route}}, 100)
        routes = {"terms": {"field": "http.route", "size": 1000}, "aggs": {"p99": {"percentiles": {"field": "event.duration", "percents": [99]}}}}
        found = self.elastic.ask("logs-store-*/_search", {"size": 0, "aggs": {"routes": routes}})["aggregations"]["routes"]["buckets"]
        slowest = {bucket["key"]: bucket["p99"]["values"]["99.0"] for bucket in found}
        self.assertTrue(97_000_000 < slowest[route] < 99_500_000, slowest[route])


STARTED = []


def setUpModule():
    packages = ["curl", "nginx-light", "postgresql-15", "rsyslog"]
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}\n", *packages], capture_output=True, text=True)
    if asked.stdout.count("install ok installed") != len(packages):
        programs.install_packages(packages)
    scratch = pathlib.Path(tempfile.mkdtemp())
    unittest.addModuleCleanup(shutil.rmtree, scratch)
    elastic = Elastic(scratch, secured=True)
    unittest.addModuleCleanup(elastic.stop)
    elastic.start()
    done = elastic.setup()
    if done.returncode:
        raise AssertionError(done.stderr)
    shipper = Shipper(scratch, elastic.url, elastic.writer_password)
    unittest.addModuleCleanup(shipper.stop)
    shipper.start()
    STARTED.extend([scratch, elastic, shipper])


if __name__ == "__main__":
    unittest.main()
