"""
The programs that watch a store: where they are on this machine, and how to get those that are missing.

Those that are missing are taken from Debian's or Ubuntu's packages and unpacked below target/, not installed: an installed one
would start as a service of the machine by itself, some of them open to the network. It needs no root either.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNPACKED = ROOT / "target/ops/programs"

# name: (what it may be called, the package it is in)
PROGRAMS = {
    "prometheus": (["prometheus"], "prometheus"),
    "promtool": (["promtool"], "prometheus"),
    "alertmanager": (["alertmanager", "prometheus-alertmanager"], "prometheus-alertmanager"),
    "amtool": (["amtool"], "prometheus-alertmanager"),
    "node_exporter": (["node_exporter", "prometheus-node-exporter"], "prometheus-node-exporter"),
    "postgres_exporter": (["postgres_exporter", "prometheus-postgres-exporter"], "prometheus-postgres-exporter"),
}


class CannotGet(Exception):
    """Why a program can't be had, in a sentence for the person who asked for it."""


def find(name):
    """The program's path, or None. What the machine has comes first."""
    folders = os.environ.get("PATH", os.defpath) + os.pathsep + str(UNPACKED / "usr/bin")
    return next(filter(None, (shutil.which(command, path=folders) for command in PROGRAMS[name][0])), None)


def program(name):
    """The program's path; it has to be there."""
    path = find(name)
    if path is None:
        raise CannotGet(f"{name} is not on this machine.")
    return path


def missing(names):
    return [name for name in names if find(name) is None]


def get(names):
    """Downloads and unpacks the packages of these programs. apt checks them against the signed list of the distribution."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CannotGet(
            f"{', '.join(names)} must be installed first, for example with the machine's package manager or from"
            " https://prometheus.io/download; only Debian's and Ubuntu's packages are fetched by this script."
        )
    packages = sorted({PROGRAMS[name][1] for name in names})
    with tempfile.TemporaryDirectory() as folder:
        # Debian keeps the styles and scripts of Prometheus's page in packages of their own.
        wanted = packages + _parts_of_pages(packages)
        done = _run(["apt-get", "-q", "download", *wanted], folder)
        if done.returncode != 0 and os.geteuid() == 0:
            _run(["apt-get", "-q", "update"], folder)
            wanted = packages + _parts_of_pages(packages)
            done = _run(["apt-get", "-q", "download", *wanted], folder)
        if done.returncode != 0:
            raise CannotGet(
                f"The packages {' '.join(packages)} could not be fetched: {_last_line(done)} If apt's list of packages is old,"
                " bring it up to date with: sudo apt-get update"
            )
        UNPACKED.mkdir(parents=True, exist_ok=True)
        for package in sorted(pathlib.Path(folder).glob("*.deb")):
            # 200 MB of time zones that no page shows.
            unneeded = "--exclude=*/moment-timezone/data/* --exclude=./usr/share/doc/*"
            done = _run(["sh", "-c", f'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" {unneeded}', str(package), str(UNPACKED)], folder)
            if done.returncode != 0:
                raise CannotGet(f"{package.name} could not be unpacked into {UNPACKED}: {_last_line(done)}")


def assets():
    """The folder of Prometheus's page where it was unpacked here, or None: an installed one knows its own."""
    folder = UNPACKED / "usr/share/prometheus/web"
    prometheus = find("prometheus")
    return folder if prometheus and prometheus.startswith(str(UNPACKED)) and folder.is_dir() else None


def _parts_of_pages(packages):
    done = _run(["apt-cache", "depends", "--recurse", "--important", *packages], ".")
    return sorted({line for line in done.stdout.split() if line.startswith(("libjs-", "fonts-glyphicons"))})


def _run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})


def _last_line(done):
    lines = (done.stderr.strip() or done.stdout.strip() or f"code {done.returncode}").splitlines()
    return lines[-1].rstrip(".") + "."
