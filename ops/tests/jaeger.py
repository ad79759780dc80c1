"""A real Jaeger with the kit's files, on free ports, what is said to it and asked of it; and a store that is traced."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import programs
from processes import end, free_port, request, wait_until
from rulebook import OPS
from stack import Stack

SERVER, CLIENT, INTERNAL = 2, 3, 1
ERROR = 2
PORTS = (
    "JAEGER_QUERY_PORT",
    "JAEGER_QUERY_GRPC_PORT",
    "JAEGER_OTLP_GRPC_PORT",
    "JAEGER_OTLP_HTTP_PORT",
    "JAEGER_METRICS_PORT",
    "JAEGER_SPAN_METRICS_PORT",
    "JAEGER_HEALTH_PORT",
)


def installed():
    """Jaeger's path; builds it the first time, which takes some five minutes."""
    found = programs.jaeger({})
    if not found:
        path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
        done = subprocess.run([OPS / "jaeger/install"], env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"Jaeger can't be built: {done.stdout}{done.stderr}")
        found = programs.jaeger({})
    return found


class Query:
    """What Jaeger answers at this address."""

    def __init__(self, url):
        self.url = url

    def trace(self, trace_id):
        """Its spans, each with the attributes of its resource in "resource"; none where there is no such trace."""
        status, answer = request(f"{self.url}/api/v3/traces/{trace_id}")
        if status == 404:
            return []
        if status != 200:
            raise AssertionError(f"Jaeger was asked for trace {trace_id}: {status} {answer}")
        return [
            {**span, "attributes": attributes(span), "resource": attributes(of["resource"])}
            for of in answer["result"]["resourceSpans"]
            for scope in of["scopeSpans"]
            for span in scope["spans"]
        ]


class Jaeger(Query):
    """storage: memory or elasticsearch. settings: those of ops/jaeger/common.yaml."""

    def __init__(self, scratch, storage="memory", **settings):
        self.log = scratch / "jaeger.log"
        ports = {name: free_port() for name in PORTS}
        self.otlp = f"http://127.0.0.1:{ports['JAEGER_OTLP_HTTP_PORT']}"
        self.span_metrics = f"http://127.0.0.1:{ports['JAEGER_SPAN_METRICS_PORT']}/metrics"
        self.health = f"http://127.0.0.1:{ports['JAEGER_HEALTH_PORT']}/status"
        self.command = [installed(), *(f"--config={OPS / 'jaeger' / name}.yaml" for name in ("common", storage))]
        self.environment = {
            "PATH": os.environ["PATH"],
            "JAEGER_LISTEN_HOST": "127.0.0.1",
            "JAEGER_UI_CONFIG": str(OPS / "jaeger/ui.json"),
            **{name: str(port) for name, port in ports.items()},
            **settings,
        }
        super().__init__(f"http://127.0.0.1:{ports['JAEGER_QUERY_PORT']}")

    def __enter__(self):
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=self.environment, start_new_session=True
            )
        try:
            wait_until("Jaeger is ready", lambda: request(self.health)[0] == 200, 60, self.process, self.log)
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, *_):
        end(self.process)

    def send(self, *spans):
        status, answer = request(f"{self.otlp}/v1/traces", resource_spans(*spans))
        if status != 200:
            raise AssertionError(f"Jaeger was sent {len(spans)} spans: {status} {answer}")


def attributes(of):
    """As a dictionary."""
    return {each["key"]: next(iter(each["value"].values())) for each in of.get("attributes", [])}


def resource_spans(*spans, service="product-store"):
    """What a program that makes these spans sends: OTLP's JSON."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute("service.name", service)]},
                "scopeSpans": [{"scope": {"name": "test"}, "spans": list(spans)}],
            }
        ]
    }


def span(trace_id, span_id, name, milliseconds=5, kind=SERVER, parent="", error=False, start=None, links=(), **attributes):
    """One span; it begins now unless start says when, in seconds."""
    begin = int((time.time() if start is None else start) * 1000) * 1_000_000
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + int(milliseconds * 1_000_000)),
        "attributes": [_attribute(key.replace("__", "."), value) for key, value in attributes.items()],
        "links": [{"traceId": trace, "spanId": linked} for trace, linked in links],
        "status": {"code": ERROR} if error else {},
    }


def _attribute(key, value):
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


class Traced(Stack):
    """A watched store that makes a trace of every request and sends it to the Jaeger that ./store watch starts, which keeps it."""

    def __init__(self, scratch, scrape=2):
        super().__init__(scratch, scrape)
        self.processes = {}
        port = free_port()
        self.environment |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}",
            "OTEL_TRACES_SAMPLER_ARG": "1",
            "STORE_JAEGER": installed(),
            "JAEGER_OTLP_HTTP_PORT": str(port),
            "JAEGER_KEPT_PERCENT": "100",
            "STORE_KIBANA_URL": "https://kibana.example.org/",
        }

    def __enter__(self):
        super().__enter__()
        self.jaeger = Query(self.addresses["jaeger"])
        answer = self.call("POST", "/api/auth/login", {"email": "admin@store.local", "password": self.password}, signed_in=False)
        self.authorization = {"Authorization": f"Bearer {answer.body['access_token']}"}
        return self

    def _launch(self, command, log):
        self.processes[log.stem] = super()._launch(command, log)
        return self.processes[log.stem]

    def call(self, method, path, body=None, headers=None, signed_in=True):
        """Whatever the answer is."""
        data = json.dumps(body).encode() if body is not None else None
        given = {"Content-Type": "application/json", **(self.authorization if signed_in else {}), **(headers or {})}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, given, method=method)
        begin = time.monotonic()
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return Answer(answer.status, answer.headers, json.loads(answer.read()), time.monotonic() - begin)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, json.loads(error.read()), time.monotonic() - begin)

    def order(self, product, **headers):
        body = {"items": [{"product_id": product, "quantity": 1}]}
        return self.call("POST", "/api/orders/", body, {name.replace("_", "-"): value for name, value in headers.items()})

    def products(self, number):
        """Ids of some that can be ordered all day."""
        ids = [each["id"] for each in self.call("GET", f"/api/products/?limit={number}").body["items"]]
        for each in ids:
            delivered = self.call("POST", f"/api/products/{each}/stock", {"delta": 100_000, "reason": "delivery"})
            if delivered.status != 200:
                raise AssertionError(f"no delivery of {each}: {delivered.status} {delivered.body}")
        return ids

    def found(self, trace_id, seconds=40):
        """The trace, once Jaeger has it: the store sends every few seconds, and Jaeger takes ten to choose."""
        return wait_until(f"trace {trace_id} is in Jaeger", lambda: self.jaeger.trace(trace_id), seconds)


class Answer:
    def __init__(self, status, headers, body, seconds):
        self.status = status
        self.trace_id = headers["X-Trace-Id"]
        self.body = body
        self.seconds = seconds
