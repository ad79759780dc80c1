"""
A PostgreSQL of this machine's packages for tests, as one's own that a store is given in STORE_DB_URL.

    postgres = Postgres(folder).start()      # a folder of the test's own, which it is given room in
    postgres.settings("shop")                # what a store is told of that database
    postgres.environment("shop")             # what PostgreSQL's own tools are told
    postgres.query("SELECT 1", "shop")       # the answer as text
    postgres.stop()

Durable it need not be: it is thrown away.
"""

import atexit
import os
import pathlib
import pwd
import re
import secrets
import shutil
import subprocess

import programs
from processes import free_port

# PostgreSQL refuses to run as root.
USER = "nobody"
PLACE = pathlib.Path("/usr/lib/postgresql")


def folder_of_programs():
    """The newest version's; installed where there is none."""
    found = [path.parent for path in PLACE.glob("*/bin/initdb")]
    if not found:
        programs.install_packages(["postgresql"])
        found = [path.parent for path in PLACE.glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name)))


class Postgres:
    def __init__(self, scratch):
        self.programs = folder_of_programs()
        self.folder = pathlib.Path(scratch) / "postgres"
        self.data = self.folder / "data"
        self.port = free_port()
        self.password = secrets.token_hex(16)

    def start(self):
        self.folder.mkdir()
        password = self.folder / "password"
        password.write_text(self.password)
        if os.geteuid() == 0:
            # mkdtemp's folders are their owner's alone.
            self.folder.parent.chmod(0o755)
            for path in (self.folder, password):
                shutil.chown(path, USER)
        self.run("initdb", "-D", self.data, "-U", "store", f"--pwfile={password}", "-A", "scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")
        return self.serve(self.data)

    def serve(self, data):
        """Runs a server on a data folder; the one of start(), or a copy of it."""
        self.data = data
        atexit.register(self.stop)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def run(self, program, *words):
        """One of the server's own programs, as the user whose files they are."""
        command = [self.programs / program, *words]
        user = {} if os.geteuid() != 0 else {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
        # Not to a pipe: the server would hold it open.
        with open(self.folder / f"{program}.out", "w+", opener=self._everybodys) as said:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.folder, timeout=120, **user).returncode
            said.seek(0)
            if code != 0:
                raise AssertionError(f"{program} ended with {code}: {said.read()}")

    @staticmethod
    def _everybodys(path, flags):
        return os.open(path, flags, 0o666)

    def stop(self):
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def environment(self, database):
        place = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "store", "PGPASSWORD": self.password}
        return {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", **place, "PGDATABASE": database}

    def settings(self, database):
        return {
            "STORE_DB_URL": f"jdbc:postgresql://127.0.0.1:{self.port}/{database}",
            "STORE_DB_USER": "store",
            "STORE_DB_PASSWORD": self.password,
        }

    def query(self, sql, database="postgres", seconds=120):
        command = [self.programs / "psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-c", sql]
        said = subprocess.run(command, env=self.environment(database), capture_output=True, text=True, timeout=seconds)
        if said.returncode:
            raise AssertionError(f"{sql}: {said.stderr}")
        return said.stdout.strip()
