#!/usr/bin/env python3
"""
How long each migration takes on a shop of a million products and a million orders, and how long it keeps others waiting:

    python3 ci/migration-times.py [--rows 1000000]

Makes such a shop with ./store seed on a PostgreSQL of this machine's packages, brings its rows into the schema as the first
migration made it, and runs the others on that one after the other, each with psql, as Flyway does: in one transaction unless it
makes an index CONCURRENTLY. Meanwhile somebody reads and somebody writes in every table. Prints a table for docs/upgrading.md.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "ops/tests"), str(ROOT / "ops/watch")]

from postgres import Postgres  # noqa: E402

MIGRATIONS = ROOT / "src/main/resources/db/migration"
# What people do all day; each is undone.
READ = "SELECT count(*) FROM (SELECT FROM {table} LIMIT 1) AS one"
WRITE = "BEGIN; UPDATE {table} SET {column} = {column} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1); ROLLBACK"
TABLES = {"product": "name", "category": "name", "stock": "quantity", "orders": "comment", "app_user": "name", "order_line": "name"}


def run(command, environment, **more):
    return subprocess.run([str(word) for word in command], env=environment, check=True, text=True, **more)


def migrations():
    number = lambda file: int(re.match(r"V(\d+)__", file.name)[1])
    return sorted(MIGRATIONS.glob("V*.sql"), key=number)


def full_shop(postgres, rows):
    environment = {**postgres.environment("postgres"), **postgres.settings("large")}
    postgres.query("CREATE DATABASE large")
    run([ROOT / "store", "seed", "--products", rows, "--orders", rows], environment, stdout=sys.stderr)


def first_schema(postgres):
    """The first migration's, with the full shop's rows. Indexes and triggers stand aside while they come in."""
    postgres.query("CREATE DATABASE old")
    old, full = postgres.environment("old"), postgres.environment("large")
    run(["psql", "-qX1", "-v", "ON_ERROR_STOP=1", "-f", migrations()[0]], old)
    indexes = postgres.query(
        "SELECT pg_get_indexdef(indexrelid) || ';' || indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = indrelid"
        " WHERE relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)", "old").splitlines()
    for index in indexes:
        postgres.query(f"DROP INDEX {index.rsplit(';', 1)[1]}", "old")
    tables = postgres.query("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", "old")
    for table in tables.splitlines():
        columns = postgres.query(
            f"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '{table}'::regclass"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", "old")
        out = subprocess.Popen(["psql", "-qX", "-c", f"COPY {table} ({columns}) TO STDOUT"], env=full, stdout=subprocess.PIPE)
        into = f"SET session_replication_role = replica; COPY {table} ({columns}) FROM STDIN"
        run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", *sum((["-c", part] for part in into.split("; ")), [])], old, stdin=out.stdout)
        if out.wait():
            raise SystemExit(f"{table} could not be read")
    for index in indexes:
        postgres.query(index.rsplit(";", 1)[0], "old", seconds=3600)
    postgres.query("VACUUM ANALYZE", "old", seconds=3600)


class Somebody(threading.Thread):
    """Does one thing again and again, and remembers the longest that it took."""

    def __init__(self, postgres, statements):
        super().__init__(daemon=True)
        self.process = subprocess.Popen(["psql", "-qtAX"], env=postgres.environment("old"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.statements, self.over, self.longest = statements, False, 0.0

    def run(self):
        while not self.over:
            began = time.monotonic()
            self.process.stdin.write(f"{self.statements};\n\\echo done\n")
            self.process.stdin.flush()
            while self.process.stdout.readline().strip() != "done":
                pass
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.01)

    def end(self):
        self.over = True
        self.join()
        self.process.stdin.close()
        self.process.wait()
        return self.longest


def measure(postgres, file):
    everybody = {
        "read": [Somebody(postgres, READ.format(table=table)) for table in TABLES],
        "write": [Somebody(postgres, WRITE.format(table=table, column=column)) for table, column in TABLES.items()],
    }
    for somebody in sum(everybody.values(), []):
        somebody.start()
    time.sleep(1)
    once = [] if re.search(r"(?i)\bconcurrently\b", file.read_text()) else ["-1"]
    began = time.monotonic()
    run(["psql", "-qX", *once, "-v", "ON_ERROR_STOP=1", "-c", "SET lock_timeout = '10s'", "-f", file], postgres.environment("old"))
    took = time.monotonic() - began
    waited = {what: max(somebody.end() for somebody in those) for what, those in everybody.items()}
    return took, waited


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    rows = arguments.parse_args().rows
    scratch = pathlib.Path(tempfile.mkdtemp())
    postgres = Postgres(scratch)
    try:
        postgres.start()
        full_shop(postgres, rows)
        first_schema(postgres)
        print(f"PostgreSQL {postgres.query('SHOW server_version')}, {rows} products, {rows} orders\n")
        print("| migration | takes | longest read meanwhile | longest write meanwhile |\n| --- | --- | --- | --- |")
        for file in migrations()[1:]:
            took, waited = measure(postgres, file)
            print(f"| {file.stem} | {took * 1000:.0f} ms | {waited['read'] * 1000:.0f} ms | {waited['write'] * 1000:.0f} ms |", flush=True)
    finally:
        postgres.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
