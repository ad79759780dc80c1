"""
What the users see, and when a run began and ended, for Prometheus: the metrics that the dashboard "Load test" is made of.

Each worker tells the master with Locust's own reports what has come since the last one, so there is one place to read, however
many processes make the load.
"""

from __future__ import annotations

import bisect
import contextlib
import http.server
import threading
import time

from locust import events
from locust.runners import MasterRunner

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Those of the store, so that client and server can be laid over each other. 0.5 is the limit that alerts ring at."""
KEY = "store_metrics"
LAST_LOOK_S = 30
"""Two of Prometheus' intervals: so long it may take until the end of a run has been read."""


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


class Marks:
    """When the last run began and ended. A process that ends with its run takes the end along, unless it waits until that was read."""

    def __init__(self):
        self._labels = ""
        self._times = {}
        self._watched = False
        self._end_is_known = threading.Event()
        self._end_is_known.set()

    def begin(self, **labels) -> None:
        self._labels = ",".join(f'{name}="{escaped(str(value))}"' for name, value in labels.items())
        self._times = {"start": time.time()}
        self._watched = False
        self._end_is_known.set()

    def end(self) -> None:
        self._times["end"] = time.time()
        if self._watched:
            # Whoever has read nothing during the run won't come for its end.
            self._end_is_known.clear()

    def text(self) -> str:
        lines = ["# HELP locust_run_timestamp_seconds When the last run began, and ended, since 1970.", "# TYPE locust_run_timestamp_seconds gauge"]
        lines += [f'locust_run_timestamp_seconds{{event="{event}",{self._labels}}} {moment:.3f}' for event, moment in self._times.items()]
        return "\n".join(lines) + "\n"

    @contextlib.contextmanager
    def being_read(self):
        """Around an answer to Prometheus."""
        ended = "end" in self._times
        yield
        self._watched = True
        if ended:
            self._end_is_known.set()

    def wait_until_end_is_known(self) -> None:
        """At most once for a run; Ctrl-C cuts it short."""
        if self._end_is_known.is_set():
            return
        print(f"Waiting until Prometheus has read the end of the run, for {LAST_LOOK_S} s at most ...", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            self._end_is_known.wait(LAST_LOOK_S)
        self._end_is_known.set()


def escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labels(key) -> str:
    method, name = key
    return f'method="{escaped(method)}",name="{escaped(name)}"'


def users(runner) -> dict:
    if isinstance(runner, MasterRunner):
        return dict(runner.reported_user_classes_count)
    return dict(runner.user_classes_count)


def counted() -> Measured:
    """The requests of this process from now on."""
    measured = Measured()

    @events.request.add_listener
    def count(request_type, name, response_time, exception, **_):
        measured.request(request_type, name, response_time / 1000, exception is not None)

    return measured


def tell_master() -> None:
    """What a worker does with them."""
    measured = counted()

    @events.report_to_master.add_listener
    def tell(data, **_):
        data[KEY] = measured.take()


def export(environment, port: int, host: str, marks: Marks) -> None:
    """Serves /metrics, in the one process that knows all."""
    measured = counted()

    @events.worker_report.add_listener
    def hear(data, **_):
        for key, *more in data.get(KEY, ()):
            measured.add(tuple(key), *more)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.partition("?")[0] != "/metrics":
                self.reply(404, "Only /metrics is here.\n")
                return
            with marks.being_read():
                self.reply(200, measured.text(users(environment.runner)) + marks.text())

        def reply(self, status, text):
            body = text.encode()
            self.send_response(status)
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
