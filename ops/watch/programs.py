"""
The programs that watch a store: where they are on this machine, and how to get those that are missing.

    python3 ops/watch/programs.py [PACKAGE...]    installs all of them, and these packages, without asking
"""

import os
import pathlib
import shutil
import subprocess
import sys

# What ops/jaeger/install builds.
BUILT_JAEGER = pathlib.Path(__file__).resolve().parent.parent.parent / "target/ops/bin/jaeger"

# name: (what it may be called, the package of Debian and Ubuntu that it is in)
PROGRAMS = {
    "prometheus": (["prometheus"], "prometheus"),
    "promtool": (["promtool"], "prometheus"),
    "alertmanager": (["alertmanager", "prometheus-alertmanager"], "prometheus-alertmanager"),
    "amtool": (["amtool"], "prometheus-alertmanager"),
    "node_exporter": (["node_exporter", "prometheus-node-exporter"], "prometheus-node-exporter"),
    "postgres_exporter": (["postgres_exporter", "prometheus-postgres-exporter"], "prometheus-postgres-exporter"),
    # For a store that has a Redis.
    "redis_exporter": (["redis_exporter", "prometheus-redis-exporter"], "prometheus-redis-exporter"),
}

# Debian starts what it installs as services, some of them open to the network, and again at every start of the machine. Here
# they are to run only while a store is watched. A policy-rc.d is how Debian is told so; the units are named like the packages.
INSTALL = """
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get -q update
apt-get -q -y --no-install-recommends install "$@"
if [ -d /run/systemd/system ]; then
  for package; do
    if systemctl -q cat "$package" >/dev/null 2>&1; then systemctl -q disable "$package"; fi
  done
fi
"""


class CannotGet(Exception):
    """Why a program can't be had, in a sentence for the person who asked for it."""


def find(name):
    """The program's path, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS[name][0])), None)


def program(name):
    """The program's path; it has to be there."""
    path = find(name)
    if path is None:
        raise CannotGet(f"{name} is not on this machine.")
    return path


def jaeger(environment):
    """Jaeger's path, or None: it is not among Debian's packages, and all but traces is watched without it."""
    named = environment.get("STORE_JAEGER")
    found = shutil.which(named or "jaeger") or (None if named else shutil.which(BUILT_JAEGER))
    if named and not found:
        raise CannotGet(f"STORE_JAEGER is {named}, which is not a program.")
    return found


def missing(names):
    return [name for name in names if find(name) is None]


def packages(names):
    return sorted({PROGRAMS[name][1] for name in names})


def install(names):
    """Installs the packages of these programs, as root or by sudo."""
    if not shutil.which("apt-get"):
        raise CannotGet(
            f"{', '.join(names)} must be installed first, with this machine's package manager or from"
            " https://prometheus.io/download; only Debian's and Ubuntu's packages are installed by this script."
        )
    install_packages(packages(names))
    if missing(names):
        raise CannotGet(f"{', '.join(missing(names))} is still not to be found, though its package is installed.")


def install_packages(wanted):
    by = [] if os.geteuid() == 0 else ["sudo"]
    code = subprocess.run([*by, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", INSTALL, "sh", *wanted]).returncode
    if code != 0:
        raise CannotGet(f"{' '.join(wanted)} could not be installed (apt-get ended with {code}).")


def installed(package):
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return asked.stdout == "install ok installed"


def install_missing(*wanted):
    """Packages, those that are there left alone."""
    lacking = [package for package in wanted if not installed(package)]
    if lacking:
        install_packages(lacking)


def main(others):
    try:
        lacking = missing(PROGRAMS)
        if lacking:
            install(lacking)
        install_missing(*others)
    except CannotGet as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main(sys.argv[1:])
