"""
What the users see, for Prometheus: the three metrics that the dashboard "Load test" is made of.

Each worker tells the master with Locust's own reports what has come since the last one, so there is one place to read, however
many processes make the load.
"""

from __future__ import annotations

import bisect
import http.server
import threading

from locust import events
from locust.runners import MasterRunner, WorkerRunner

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Those of the store, so that client and server can be laid over each other. 0.5 is the limit that alerts ring at."""
KEY = "store_metrics"


class Measured:
    """By (method, name): requests per bucket, their seconds, and failures."""

    def __init__(self):
        self.buckets = {}
        self.seconds = {}
        self.failures = {}

    def request(self, method, name, seconds, failed):
        key = (method, name)
        self.add(key, [int(place == bisect.bisect_left(BOUNDS, seconds)) for place in range(len(BOUNDS) + 1)], seconds, int(failed))

    def add(self, key, buckets, seconds, failures):
        old = self.buckets.get(key, [0] * (len(BOUNDS) + 1))
        self.buckets[key] = [one + other for one, other in zip(old, buckets)]
        self.seconds[key] = self.seconds.get(key, 0.0) + seconds
        self.failures[key] = self.failures.get(key, 0) + failures

    def take(self) -> list:
        """All of it as a list that can be sent, and begins anew."""
        taken = [[list(key), buckets, self.seconds[key], self.failures[key]] for key, buckets in self.buckets.items()]
        self.buckets, self.seconds, self.failures = {}, {}, {}
        return taken

    def text(self, users: dict) -> str:
        lines = ["# HELP locust_users Users at work.", "# TYPE locust_users gauge"]
        lines += [f'locust_users{{user_class="{escaped(name)}"}} {number}' for name, number in users.items()]
        lines += ["# HELP locust_request_duration_seconds How long requests took, as their sender saw it.",
                  "# TYPE locust_request_duration_seconds histogram"]
        for key, buckets in self.buckets.items():
            total = 0
            for bound, count in zip((*BOUNDS, "+Inf"), buckets):
                total += count
                lines.append(f'locust_request_duration_seconds_bucket{{{labels(key)},le="{bound}"}} {total}')
            lines.append(f"locust_request_duration_seconds_count{{{labels(key)}}} {total}")
            lines.append(f"locust_request_duration_seconds_sum{{{labels(key)}}} {self.seconds[key]}")
        lines += ["# HELP locust_request_failures_total Requests that were not answered as they should be.",
                  "# TYPE locust_request_failures_total counter"]
        lines += [f"locust_request_failures_total{{{labels(key)}}} {count}" for key, count in self.failures.items()]
        return "\n".join(lines) + "\n"


def escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labels(key) -> str:
    method, name = key
    return f'method="{escaped(method)}",name="{escaped(name)}"'


def users(runner) -> dict:
    if isinstance(runner, MasterRunner):
        return dict(runner.reported_user_classes_count)
    return dict(runner.user_classes_count)


def export(environment, port: int, host: str) -> None:
    """Counts from now on and, in the one process that knows all, serves /metrics."""
    measured = Measured()

    @events.request.add_listener
    def count(request_type, name, response_time, exception, **_):
        measured.request(request_type, name, response_time / 1000, exception is not None)

    if isinstance(environment.runner, WorkerRunner):
        @events.report_to_master.add_listener
        def tell(data, **_):
            data[KEY] = measured.take()
        return

    @events.worker_report.add_listener
    def hear(data, **_):
        for key, *more in data.get(KEY, ()):
            measured.add(tuple(key), *more)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.partition("?")[0] == "/metrics"
            body = measured.text(users(environment.runner)).encode() if found else b"Only /metrics is here.\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Locust's log is for the run, not for each scrape."""

    server = http.server.ThreadingHTTPServer((host, port), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment.events.quit.add_listener(lambda **_: server.shutdown())
