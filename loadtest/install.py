"""Locust, in a virtual environment of the project's own: made at the first call, and anew when requirements.txt has changed."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "load" / "venv"
REQUIREMENTS = ROOT / "loadtest" / "requirements.txt"


class CannotInstall(Exception):
    """Why there is no Locust, in a sentence."""


def python() -> str:
    """The Python that has Locust."""
    wanted = f"{sys.version}\n{REQUIREMENTS.read_text()}"
    note = VENV / "installed.txt"
    if note.is_file() and note.read_text() == wanted:
        return str(VENV / "bin" / "python")
    print(f"Installing Locust into {VENV}. Only the first call does this; it takes a minute ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    _run("No virtual environment could be made: on Debian and Ubuntu \"apt install python3-venv\" is needed.",
         sys.executable, "-m", "venv", str(VENV))
    # Each file has the hash that is written down, or it is not installed; wheels only, so that nothing has to be built.
    _run("Locust could not be installed from the Python Package Index.",
         str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:",
         "-r", str(REQUIREMENTS))
    note.write_text(wanted)
    return str(VENV / "bin" / "python")


def _run(trouble: str, *command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise CannotInstall(f"{trouble}\n{done.stdout.strip()[-1500:]}")
