"""The command line of ./store bench."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from bench import picture, report, targets
from bench.capture import CannotCopy
from bench.database import DatabaseError
from bench.load import LoadFailed
from bench.run import Bench
from bench.store import Unexpected

ROOT = pathlib.Path(__file__).resolve().parent.parent
WRONG_USE = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"./store bench: {message}; see ./store bench --help.", file=sys.stderr)
        sys.exit(WRONG_USE)


def whole_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def numbers_of_products(text: str) -> list[int]:
    try:
        numbers = sorted({int(number) for number in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 10000,1000000") from None
    if numbers[0] < 5000:
        raise argparse.ArgumentTypeError("fewer than 5000 products are no shop to measure")
    return numbers


def arguments(words) -> argparse.Namespace:
    parser = Parser(prog="./store bench", description="Measures the store beside the limits of this machine and says"
                    " which targets are met. docs/performance.md explains each figure.")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        help="where bench.md, bench.json and bench.svg go (target/bench/<time>)")
    parser.add_argument("--rounds", type=whole_number, metavar="N", help="how often each thing is measured (5)")
    parser.add_argument("--seconds", type=whole_number, metavar="S", help="for how long each time (6)")
    parser.add_argument("--products", type=numbers_of_products, metavar="N,N",
                        help="sizes of the shops, the first one for orders too (10000,1000000)")
    parser.add_argument("--quick", action="store_true",
                        help="10000 products and one short round: shows that the benchmark works, not how fast the store is")
    options = parser.parse_args(words)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 6)
    options.products = options.products or ([10_000] if options.quick else [10_000, 1_000_000])
    options.out = options.out or ROOT / "target" / "bench" / time.strftime("%Y-%m-%dT%H-%M-%S")
    return options


def missing_tools() -> str | None:
    missing = [tool for tool in ("wrk", "pgbench", "psql") if shutil.which(tool) is None]
    if not missing:
        return None
    return (f"./store bench needs {' and '.join(missing)}: install them with \"apt install wrk postgresql\" (Debian, Ubuntu)"
            " or \"brew install wrk postgresql\" (macOS).")


def main(words) -> int:
    options = arguments(words)
    missing = missing_tools()
    if missing:
        print(missing, file=sys.stderr)
        return WRONG_USE
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup a terminal that closes is not meant.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    out = options.out.resolve()
    java = str(pathlib.Path(os.environ["JAVA_HOME"]) / "bin" / "java")
    bench = Bench(ROOT, out, java, os.environ["BENCH_JAVA_OPTIONS"], options.products, options.rounds, options.seconds)
    try:
        data = bench.run()
    except KeyboardInterrupt:
        print("interrupted: everything that was started is stopped, nothing is judged", file=sys.stderr)
        return INTERRUPTED
    except (Unexpected, LoadFailed, CannotCopy, DatabaseError) as failure:
        print(f"The benchmark failed: {failure}", file=sys.stderr)
        return 1
    judgements = targets.judge(data)
    data["targets"] = [judgement.as_json() for judgement in judgements]
    table = report.markdown(data, judgements)
    (out / "bench.json").write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "bench.md").write_text(table, encoding="utf-8")
    (out / "bench.svg").write_text(picture.svg(data, judgements), encoding="utf-8")
    print("\n" + table)
    print(f"Also as a picture and with every single figure: {out}/bench.svg, {out}/bench.json")
    return targets.exit_code(judgements)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
