"""The Alertmanagers that the tests run: Debian's, and the newest that can be built from its module."""

import os
import pathlib
import shutil
import subprocess
import sys

import programs
from rulebook import ROOT

# 0.32 and later lack their page in the module, so they don't build.
NEWEST = "v0.31.1"
BUILT = ROOT / "target/ops/go"


def debian():
    return {name: programs.program(name) for name in ("alertmanager", "amtool")}


def newest():
    """Builds it the first time, which takes a minute or two."""
    made = {name: BUILT / f"{NEWEST}/{name}" for name in ("alertmanager", "amtool")}
    for name, path in made.items():
        if not path.exists():
            environment = {**os.environ, "GOBIN": str(path.parent), "GOFLAGS": "-buildvcs=false"}
            module = f"github.com/prometheus/alertmanager/cmd/{name}@{NEWEST}"
            subprocess.run([go(), "install", module], env=environment, check=True, stdout=sys.stderr)
    return {name: str(path) for name, path in made.items()}


def go():
    """A Go of this machine, or the one that requirements.txt brings."""
    beside_python = pathlib.Path(sys.executable).parent / "go"
    found = shutil.which("go") or (str(beside_python) if beside_python.exists() else None)
    if found is None:
        raise AssertionError("no Go is on this machine, nor in the virtual environment of the tests")
    return found
