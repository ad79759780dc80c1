"""
dashview, which draws dashboards with Grafana's own panel components and finds what they can't show. It is not part of this
repository: DASHVIEW names its folder.
"""

import datetime
import json
import os
import pathlib
import shutil
import subprocess

from boards import GRAFANA


def folder():
    return pathlib.Path(os.environ["DASHVIEW"]).resolve() if os.environ.get("DASHVIEW") else None


def installed():
    """A copy of it with what it needs; where it lies itself may not be ours to write to."""
    home = GRAFANA.parent.parent / "target/ops/dashview"
    if not (home / "node_modules/.package-lock.json").is_file():
        shutil.copytree(folder(), home, dirs_exist_ok=True, symlinks=True)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=home, check=True)
    return home


def time(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def view(stack, out, reasons, *options, boards=None):
    """Runs it over all dashboards; (its exit code, what it said and each problem)."""
    home = installed()
    files = [GRAFANA / f"dashboards/{uid}.json" for uid in boards] if boards else sorted((GRAFANA / "dashboards").glob("*.json"))
    # It knows panels by their titles only.
    allowed = [f"--allow-empty={title}={reason}" for (_, title, _), reason in reasons.items()]
    command = [home / "dashview", "--prometheus", stack.prometheus, "--scrape-interval", f"{stack.scrape}s", "--out", out]
    command += ["--datasources", GRAFANA / "provisioning/datasources/store.yml", *allowed, *options, *files]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    said = [done.stdout + done.stderr]
    for report in sorted(pathlib.Path(out).glob("*.json")):
        board = json.loads(report.read_text())
        said += [f"{board['title']}: {problem}" for problem in board["problems"]]
        said += [f"{board['title']}: {panel['title']}: {problem}" for panel in board["panels"] for problem in panel["problems"]]
    return done.returncode, "\n".join(said)
