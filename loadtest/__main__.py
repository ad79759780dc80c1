"""The command line of ./store load and ./store capacity."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import time

from bench.store import Unexpected
from loadtest import install, knee, plain, run

WRONG_USE = 2
INTERRUPTED = 130
SCENARIOS = {"heavy": "Heavy API Calls", "database": "Database Intensive", "mixed": "Mixed Workload"}
SHAPES = ("steady", "steps", "spike", "soak")
RUN_TIMES = {"soak": "4h"}
RUN_TIME = "2m"
THIS_MACHINE = "127.0.0.1"
SPAN = re.compile(r"(\d+h)?(\d+m)?(\d+s)?|\d+")
STOP_S = 10
"""So long people may finish what they have begun."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"{self.prog}: {message}; see {self.prog} --help.", file=sys.stderr)
        sys.exit(WRONG_USE)


def positive(kind):
    def read(text):
        number = kind(text)
        if number <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not more than 0")
        return number

    read.__name__ = "number"
    return read


def span(text):
    if not text or not SPAN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 5m or 1h30m")
    return text


def about_store(parser):
    group = parser.add_argument_group("the store")
    group.add_argument("--host", metavar="URL", help="a running store (http://localhost:STORE_PORT if that variable is set);"
                       " without it one is started for the run and thrown away afterwards")
    group.add_argument("--management", metavar="URL", help="its management port, for what the store says of itself")
    group.add_argument("--products", type=positive(int), default=5000, metavar="N", help="made-up products in a store that is started (5000)")
    group.add_argument("--orders", type=positive(int), default=2000, metavar="N", help="and orders (2000)")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="where what is kept goes (target/load/<time>)")
    parser.add_argument("--processes", type=positive(int), default=1, metavar="N", help="processes that make the load (1)")


def load_arguments(words):
    parser = Parser(prog="./store load", description="Locust's page with three scenarios, or one of them without a page and with a verdict."
                    " docs/load-testing.md explains them.")
    parser.add_argument("--headless", choices=SCENARIOS, metavar="SCENARIO", help=f"no page: {', '.join(SCENARIOS)}; ends with 1 if a target is missed")
    parser.add_argument("--users", type=positive(int), default=50, metavar="N", help="people at one moment (50)")
    parser.add_argument("--spawn-rate", type=positive(float), default=10.0, metavar="N", help="how many of them come a second (10)")
    parser.add_argument("--for", type=span, dest="run_time", metavar="TIME", help="how long, 90s, 5m, 1h30m"
                        " (2m, soak 4h; on the page: until it is stopped, steps and spike 5m)")
    parser.add_argument("--shape", choices=SHAPES, default="steady", help="how the number of users goes, without a page (steady)")
    parser.add_argument("--think", type=positive(float), default=1.0, metavar="F", help="people think F times the usual 1 to 5 seconds (1)")
    parser.add_argument("--port", type=positive(int), default=8089, metavar="N", help="Locust's page (8089)")
    parser.add_argument("--page-host", default=THIS_MACHINE, metavar="ADDRESS", help=f"the address that it listens on ({THIS_MACHINE}); it has no sign-in")
    parser.add_argument("--metrics-port", type=int, default=9646, metavar="N", help="what Prometheus reads, /metrics (9646); 0 for none")
    parser.add_argument("--metrics-host", default=THIS_MACHINE, metavar="ADDRESS",
                        help=f"the address that it listens on ({THIS_MACHINE}), for a Prometheus elsewhere 0.0.0.0")
    parser.add_argument("--token-age", type=positive(float), default=900.0, metavar="S", help="sign-ins are renewed after at most so many seconds (900)")
    many = parser.add_argument_group("several machines")
    many.add_argument("--master", action="store_true", help="makes no load itself, but has workers do it")
    many.add_argument("--worker", action="store_true", help="does what a master says")
    many.add_argument("--master-host", default="127.0.0.1", metavar="HOST", help="where a worker finds its master (127.0.0.1)")
    many.add_argument("--master-port", type=positive(int), default=5557, metavar="N", help="the port between them (5557)")
    many.add_argument("--expect-workers", type=positive(int), default=1, metavar="N", help="how many a master without a page waits for (1)")
    about_store(parser)
    options = parser.parse_args(words)
    if options.master and options.worker:
        parser.error("one is either the master or a worker")
    if options.headless and not options.run_time:
        options.run_time = RUN_TIMES.get(options.shape, RUN_TIME)
    if options.worker and not options.host and not os.environ.get("STORE_PORT"):
        parser.error("a worker needs the --host of the store that its master uses")
    return options


def capacity_arguments(words):
    parser = Parser(prog="./store capacity", description=f"More and more users until p99 > {knee.P99_MS} ms or more than {knee.FAILED:.0%} of the"
                    " requests fail: how much this machine sustains, and what gives way first.")
    parser.add_argument("--scenario", choices=SCENARIOS, default="mixed", help="what they do (mixed)")
    parser.add_argument("--step-seconds", type=positive(float), default=15.0, metavar="S",
                        help="how long each step counts (15)")
    parser.add_argument("--settling-seconds", type=positive(float), default=8.0, metavar="S",
                        help="how long each doesn't before that, while its new users sign in (8)")
    parser.add_argument("--think", type=positive(float), default=0.2, metavar="F", help="people think F times the usual 1 to 5 seconds (0.2)")
    parser.add_argument("--postgres-exporter", metavar="URL", help="the postgres_exporter of the store's database, which knows who waits for a lock;"
                        " that of ./store watch is found by itself")
    about_store(parser)
    return parser.parse_args(words)


def store_of(options, folder, environment, stack):
    found = run.running(options.host, options.management, environment)
    if found is None:
        return stack.enter_context(run.own_store(folder, options.products, options.orders))
    if not found.admin_password and not getattr(options, "worker", False):
        raise run.CannotRun("The scenarios need the shop's back office: set STORE_ADMIN_PASSWORD (and STORE_ADMIN_EMAIL),"
                            " or STORE_DATA_DIR to the folder of a store that made its password itself.")
    return found


def common(store, out, options):
    words = ["--host", store.host, "--out", str(out), "--think", str(options.think), "--stop-timeout", str(STOP_S), "--loglevel", "WARNING"]
    if options.processes > 1:
        words += ["--processes", str(options.processes)]
    return words


def load(words):
    options = load_arguments(words)
    out = (options.out or run.ROOT / "target" / "load" / (time.strftime("%Y-%m-%dT%H-%M-%S") if options.headless else "")).resolve()
    python = install.python()
    with contextlib.ExitStack() as stack:
        store = store_of(options, out, os.environ, stack)
        line = common(store, out, options)
        line += ["--metrics-port", str(options.metrics_port), "--metrics-host", options.metrics_host, "--token-age", str(options.token_age)]
        if options.worker:
            line += ["--worker", "--master-host", options.master_host, "--master-port", str(options.master_port)]
            return run.locust(python, store, line)
        stack.enter_context(run.announced(store.data, options.metrics_host, options.metrics_port))
        line += ["--users", str(options.users), "--spawn-rate", str(options.spawn_rate)]
        if options.run_time:
            line += ["--run-time", options.run_time]
        if options.master:
            line += ["--master", "--master-bind-port", str(options.master_port)]
        if options.headless:
            if options.master:
                line += ["--expect-workers", str(options.expect_workers)]
            line += ["--headless", "--only-summary", "--shape", options.shape, SCENARIOS[options.headless]]
            print(f"{SCENARIOS[options.headless]}: {options.users} users against {store.host} for {options.run_time} ...", flush=True)
        else:
            line += ["--class-picker", "--web-host", options.page_host, "--web-port", str(options.port)]
            print(f"\nLocust's page: http://localhost:{options.port}  (store: {store.host}; each run's report goes to {out})\n\nCtrl-C stops it.", flush=True)
        return run.locust(python, store, line)


def capacity(words):
    options = capacity_arguments(words)
    out = (options.out or run.ROOT / "target" / "load" / f"capacity-{time.strftime('%Y-%m-%dT%H-%M-%S')}").resolve()
    python = install.python()
    with contextlib.ExitStack() as stack:
        store = store_of(options, out, os.environ, stack)
        line = common(store, out, options)
        line += ["--metrics-port", "0", "--management", store.management, "--store-pid", str(store.pid), "--database-pid", str(store.database_pid),
                 "--postgres-exporter", options.postgres_exporter or run.exporter(store.data)]
        line += ["--headless", "--only-summary", "--shape", "knee", "--step-seconds", str(options.step_seconds),
                 "--settling-seconds", str(options.settling_seconds), SCENARIOS[options.scenario]]
        print(f"{SCENARIOS[options.scenario]} against {store.host}, more users step by step ...", flush=True)
        (out / "steps.json").unlink(missing_ok=True)
        ended = run.locust(python, store, line)
    if ended != 0 or not (out / "steps.json").is_file():
        print("The search was cut short, so nothing is said.", file=sys.stderr)
        return ended or 1
    found = knee.result(json.loads((out / "steps.json").read_text()), options.processes, SCENARIOS[options.scenario])
    (out / "capacity.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (out / "capacity.txt").write_text(knee.text(found), encoding="utf-8")
    (out / "capacity.svg").write_text(knee.svg(found), encoding="utf-8")
    print("\n" + knee.text(found))
    print(f"Kept in {out}: capacity.txt, capacity.json, capacity.svg")
    return 0 if found["knee"] else 1


def main(words):
    verbs = {"load": load, "capacity": capacity}
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup a terminal that closes is not meant.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        return verbs[words[0]](words[1:])
    except KeyboardInterrupt:
        print("interrupted: everything that was started is stopped", file=sys.stderr)
        return INTERRUPTED
    except (run.CannotRun, install.CannotInstall, plain.CannotAsk, Unexpected) as reason:
        print(reason, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
