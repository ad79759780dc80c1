"""The database of a data folder, spoken to with psql and pgbench as the store's own user."""

from __future__ import annotations

import contextlib
import decimal
import json
import os
import pathlib
import subprocess
import time
import uuid

from bench.statements import LOG_PREFIX, Executed, Signature, has_plan, read_array, read_log

LOG_LIMIT_S = 10
_QUESTION = "SELECT coalesce(json_agg(r),"


class DatabaseError(Exception):
    """psql or pgbench ended with an error."""


class Database:
    """The embedded PostgreSQL that a running store has on its data folder."""

    def __init__(self, data_dir: pathlib.Path):
        folder = data_dir / "postgres"
        pid_file = next(folder.glob("[0-9]*/postmaster.pid")).read_text().splitlines()
        self.pid = int(pid_file[0])
        self.port = int(pid_file[3])
        self.password = (folder / "password").read_text().strip()
        self.log = folder / "postgres.log"

    @property
    def environment(self) -> dict:
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "store", "PGDATABASE": "store",
                "PGPASSWORD": self.password, "PGAPPNAME": "bench", "PGCLIENTENCODING": "UTF8"}

    @property
    def as_settings(self) -> dict:
        """For a second store on this database."""
        return {"STORE_DB_URL": f"jdbc:postgresql://127.0.0.1:{self.port}/store", "STORE_DB_USER": "store",
                "STORE_DB_PASSWORD": self.password}

    def run(self, sql: str) -> str:
        """Runs statements, each in a transaction of its own, and returns what they print."""
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], env=self.environment, input=sql,
                              capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            raise DatabaseError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def rows(self, query: str) -> list[dict]:
        text = self.run(f"{_QUESTION} '[]') FROM ({query}) AS r;")
        return json.loads(text, parse_float=decimal.Decimal)

    def value(self, selection: str):
        """The one value that SELECT selection has."""
        return self.rows(f"SELECT * FROM (SELECT {selection}) AS one (value)")[0]["value"]

    def statements_run(self) -> int:
        """How many statements clients have run so far, BEGIN and COMMIT included, our own questions left out."""
        # Checks of deferred foreign keys run at COMMIT, outside of any statement, and so count as a client's.
        return int(self.value(f"""sum(calls) FROM pg_stat_statements
            WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND query NOT LIKE '{_QUESTION}%' AND query NOT LIKE 'SELECT % FROM ONLY %'"""))

    def rows_of_tables(self) -> dict:
        """How many rows each of the store's tables has."""
        tables = self.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        counts = self.rows(" UNION ALL ".join(
            f"SELECT '{table['name']}' AS name, count(*) AS n FROM public.\"{table['name']}\"" for table in tables))
        return {row["name"]: row["n"] for row in counts}

    def signatures(self, executed: list[Executed]) -> dict:
        """The parameter types of each statement that reads or writes, as PostgreSQL infers them, and whether it has rows."""
        texts = list(dict.fromkeys(statement.sql for statement in executed if has_plan(statement.sql)))
        prepare = "".join(f"PREPARE bench_{n} AS {text}\n;\n" for n, text in enumerate(texts))
        rows = json.loads(self.run(prepare + """
            SELECT coalesce(json_agg(r), '[]') FROM (
                SELECT CAST(substr(name, 7) AS integer) AS n, CAST(CAST(parameter_types AS text[]) AS text) AS types,
                    result_types IS NOT NULL AS returns_rows
                FROM pg_prepared_statements) AS r;"""))
        return {texts[row["n"]]: Signature(tuple(read_array(row["types"])), row["returns_rows"]) for row in rows}

    @contextlib.contextmanager
    def logging(self):
        """Has the server log every statement meanwhile, and gives a function that returns what came since its last call."""
        follower = _Follower(self)
        try:
            self.run(f"ALTER SYSTEM SET log_line_prefix = '{LOG_PREFIX}'; ALTER SYSTEM SET log_statement = 'all';"
                     " SELECT pg_reload_conf();")
            while self.value("current_setting('log_statement')") != "all":
                time.sleep(0.02)
            follower.since_last()
            yield follower.since_last
        finally:
            self.run("ALTER SYSTEM RESET log_line_prefix; ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf();")


class _Follower:
    """Reads on in a log file that may be begun anew at any time."""

    def __init__(self, database: Database):
        self.database = database
        self.inode = None
        self.offset = 0

    def since_last(self) -> list[Executed]:
        """The statements of other sessions since the last call. Waits until the log has come that far."""
        mark = f"bench mark {uuid.uuid4()}"
        self.database.run(f"SELECT '{mark}';")
        limit = time.monotonic() + LOG_LIMIT_S
        while True:
            text, place = self._read()
            if mark in text:
                self.inode, self.offset = place
                return [one for one in read_log(text) if one.application != "bench"]
            if time.monotonic() > limit:
                raise DatabaseError(f"{self.database.log} does not show the statements that PostgreSQL was told to log")
            time.sleep(0.02)

    def _read(self):
        text = b""
        with open(self.database.log, "rb") as log:
            inode = os.fstat(log.fileno()).st_ino
            if self.inode not in (None, inode):
                with open(str(self.database.log) + ".1", "rb") as old:
                    old.seek(self.offset)
                    text = old.read()
            log.seek(self.offset if self.inode == inode else 0)
            text += log.read()
            return text.decode("utf-8", "replace"), (inode, log.tell())
