"""
What Locust is given: the users, the shapes, the settings on its page, and what happens when a run ends. ./store load starts it so:

    locust -f loadtest/locustfile.py --class-picker
"""

from __future__ import annotations

import csv
import json
import os
import pathlib
import time

import gevent
from locust import events
from locust.html import get_html_report
from locust.runners import WorkerRunner
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV

from loadtest import capacity, metrics, plain, verdict
from loadtest.person import Person
from loadtest.scenarios import SCENARIOS
from loadtest.shapes import SHAPES

PROGRESS_S = 5

# By their titles, which is how Locust lists them.
globals().update({scenario.__name__: scenario for scenario in SCENARIOS.values()})


@events.init_command_line_parser.add_listener
def settings(parser):
    parser.add_argument("--think", type=float, default=1.0, env_var="STORE_LOAD_THINK",
                        help="How long people think between two things, beside the usual 1 to 5 seconds: 0.1 is a tenth of it")
    parser.add_argument("--admin-email", type=str, default="admin@store.local", env_var="STORE_LOAD_ADMIN_EMAIL",
                        help="Who does what the back office does: an administrator or manager of the store")
    # No default: the page would tell it to whoever asks.
    parser.add_argument("--admin-password", type=str, default="", is_secret=True,
                        help="The password of the back office; empty for the one that ./store load knows")
    parser.add_argument("--token-age", type=float, default=900.0, include_in_web_ui=False,
                        help="Sign-ins are renewed after at most so many seconds, if they don't end before")
    parser.add_argument("--shape", choices=["steady", *SHAPES, "knee"], default="steady", include_in_web_ui=False,
                        help="How the number of users goes where there is no page to choose it on")
    parser.add_argument("--out", type=str, default="target/load", include_in_web_ui=False, help="The folder for what is kept of a run")
    parser.add_argument("--metrics-port", type=int, default=9646, include_in_web_ui=False, help="Where Prometheus finds /metrics; 0 for nowhere")
    parser.add_argument("--metrics-host", type=str, default="127.0.0.1", include_in_web_ui=False, help="The address that it listens on")
    parser.add_argument("--management", type=str, default="", include_in_web_ui=False, help="The store's management port, as a URL")
    parser.add_argument("--database-pid", type=int, default=0, include_in_web_ui=False, help="The process of its PostgreSQL, if it is on this machine")
    parser.add_argument("--postgres-exporter", type=str, default="", include_in_web_ui=False, help="The postgres_exporter of its PostgreSQL, as a URL")
    parser.add_argument("--step-seconds", type=float, default=15.0, include_in_web_ui=False, help="How long a step of the search for the knee counts")
    parser.add_argument("--settling-seconds", type=float, default=8.0, include_in_web_ui=False, help="How long it doesn't, before that: new users sign in")
    parser.add_argument("--store-pid", type=int, default=0, include_in_web_ui=False, help="The process of the store, if it is on this machine")


class Run:
    """From a start to a stop: on the page there may be several."""

    def __init__(self, environment, marks):
        self.environment = environment
        self.marks = marks
        self.options = environment.parsed_options
        self.started = None
        self.result = None
        self.told = None
        self.progress = None

    @property
    def host(self) -> str:
        return (self.environment.host or "").rstrip("/")

    @property
    def scenarios(self) -> list[str]:
        return [user.__name__ for user in self.environment.runner.user_classes]

    @property
    def shape(self) -> str:
        return type(self.environment.shape_class).__name__.lower() if self.environment.shape_class else "steady"

    def begin(self, **_):
        Person.begin()
        # Workers are told the options with their first users, so they know it too.
        self.options.admin_password = (self.options.admin_password or os.environ.get("STORE_LOAD_ADMIN_PASSWORD")
                                       or plain.secret(os.environ, "STORE_LOAD_ADMIN_PASSWORD"))
        self.started = time.monotonic()
        self.marks.begin(scenario=", ".join(self.scenarios), shape=self.shape, users=self.options.num_users)
        if self.options.headless:
            self.progress = gevent.spawn(self.tell)

    def tell(self):
        while True:
            gevent.sleep(PROGRESS_S)
            total = self.environment.stats.total
            print(f"  {time.monotonic() - self.started:5.0f} s: {self.environment.runner.user_count} users, {total.current_rps:.0f} requests a second,"
                  f" p99 {total.get_current_response_time_percentile(0.99) or 0:.0f} ms, {total.num_failures} failed", flush=True)

    def calls(self) -> list[verdict.Call]:
        return [verdict.Call(name, entry.num_requests, entry.num_failures,
                             *(entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99)))
                for (name, _), entry in self.environment.stats.entries.items()]

    def audit(self):
        """What the store itself says of its stock; a sentence where it can't be asked."""
        try:
            token = plain.sign_in(self.host, self.options.admin_email, self.options.admin_password)
            return plain.ask(f"{self.host}/api/inventory/audit", token=token)["items"]
        except plain.CannotAsk as reason:
            return str(reason)

    def end(self, **_):
        if self.started is None:
            return
        self.marks.end()
        if self.progress:
            self.progress.kill()
        self.result = verdict.judge(self.calls(), time.monotonic() - self.started, self.audit(), verdict.read_targets())
        self.result |= {
            "host": self.host,
            "scenarios": self.scenarios,
            "shape": self.shape,
            "users": self.options.num_users,
            "think": self.options.think,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        self.started = None
        folder = pathlib.Path(self.options.out)
        if not self.options.headless:
            folder /= time.strftime("%Y-%m-%dT%H-%M-%S")
        self.keep(folder)
        self.told = verdict.table(self.result) + f"\nKept in {folder}: report.html, verdict.json, verdict.txt, requests.csv, failures.csv"
        if not self.options.headless:
            print("\n" + self.told, flush=True)

    def keep(self, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verdict.json").write_text(json.dumps(self.result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "verdict.txt").write_text(verdict.table(self.result), encoding="utf-8")
        (folder / "report.html").write_text(get_html_report(self.environment, show_download_link=False), encoding="utf-8")
        figures = StatsCSV(self.environment, PERCENTILES_TO_REPORT)
        for name, write in (("requests", figures.requests_csv), ("failures", figures.failures_csv)):
            with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
                write(csv.writer(file))

    def quit(self, **_):
        """Locust would end with 1 at a single failure, and with 0 after a run without a request."""
        if not self.options.headless:
            self.environment.process_exit_code = 0
        elif self.options.shape == "knee":
            # Failures are what is searched for; only a search that was cut short has failed.
            self.environment.process_exit_code = 0 if self.environment.shape_class.finished else 1
        else:
            self.environment.process_exit_code = 0 if self.result and self.result["verdict"] == "met" else 1
        # A run that has reached its end is over before Locust quits; one that is cut short ends only now, and waits in leave().
        self.marks.wait_until_end_is_known()

    def leave(self, **_):
        """Last of all: Locust's own summary comes before it. Locust may come here twice after a signal."""
        if self.told and self.options.headless and self.options.shape != "knee":
            print("\n" + self.told, flush=True)
        self.told = None
        self.marks.wait_until_end_is_known()


@events.init.add_listener
def begin(environment, **_):
    options = environment.parsed_options
    marks = metrics.Marks()
    if isinstance(environment.runner, WorkerRunner):
        environment.events.test_start.add_listener(lambda **_: Person.begin())
        metrics.tell_master()
        return
    if options.headless and options.shape != "steady":
        environment.shape_class = capacity.Knee() if options.shape == "knee" else SHAPES[options.shape]()
        environment.shape_class.runner = environment.runner
    elif not options.headless:
        environment.available_shape_classes |= {shape.__name__: shape() for shape in SHAPES.values()}
    run = Run(environment, marks)
    environment.events.test_start.add_listener(run.begin)
    environment.events.test_stop.add_listener(run.end)
    environment.events.quitting.add_listener(run.quit)
    environment.events.quit.add_listener(run.leave)
    if options.metrics_port:
        # After the others: its end is that of the endpoint.
        metrics.export(environment, options.metrics_port, options.metrics_host, marks)
