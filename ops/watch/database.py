"""Where the store's database is, as the store itself is told, and as postgres_exporter wants to hear it."""

import os
import re
import urllib.parse

# The modes that postgres_exporter knows too; of the others JDBC's default is to do without where the server lets it.
SSL_MODES = {"disable", "require", "verify-ca", "verify-full"}


class BadAddress(Exception):
    """What is wrong with STORE_DB_URL, in a sentence."""


def own(environment):
    """The exporter's settings for a PostgreSQL of one's own: STORE_DB_URL, STORE_DB_USER, STORE_DB_PASSWORD or the file that holds it."""
    # jdbc:postgresql://host:port/database?parameters; host, port and database may be missing.
    match = re.fullmatch(r"jdbc:postgresql:(?://(?P<hosts>[^/?]*)/|/)?(?P<name>[^?/]*)(?:\?(?P<rest>.*))?", environment["STORE_DB_URL"])
    if not match:
        # Not repeated here: it may hold a password.
        raise BadAddress("STORE_DB_URL must be a JDBC address such as jdbc:postgresql://localhost:5432/store.")
    given = dict(urllib.parse.parse_qsl(match["rest"] or ""))
    host = (match["hosts"] or "localhost").split(",")[0]
    user = environment.get("STORE_DB_USER") or given.get("user", "")
    mode = given.get("sslmode")
    file = environment.get("STORE_DB_PASSWORD_FILE")
    secret = {"DATA_SOURCE_PASS_FILE": file} if file else {"DATA_SOURCE_PASS": environment.get("STORE_DB_PASSWORD") or given.get("password", "")}
    return {
        "DATA_SOURCE_URI": f"{host}/{match['name'] or user}?sslmode={mode if mode in SSL_MODES else 'disable'}",
        "DATA_SOURCE_USER": user,
        **secret,
    }


def embedded(data):
    """The exporter's settings for the PostgreSQL that a store runs below its data folder, or None while there is none."""
    for pid_file in sorted((data / "postgres").glob("[0-9]*/postmaster.pid")):
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            continue
        # The lines are described in PostgreSQL's utils/pidfile.h; the last is written when it takes connections.
        if len(lines) > 7 and lines[7].strip() == "ready":
            return {
                "DATA_SOURCE_URI": f"127.0.0.1:{int(lines[3])}/store?sslmode=disable",
                "DATA_SOURCE_USER": "store",
                "DATA_SOURCE_PASS_FILE": os.path.abspath(data / "postgres/password"),
            }
    return None
