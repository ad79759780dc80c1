"""
Makes the copy of Prometheus's and Alertmanager's files that the live tests run: every duration is divided by one number, a quarter
of an hour passing in a minute if that is 15. Nothing else is changed, but that scrapes don't come closer than real programs can
answer, and may take all of their interval. Numbers in expressions stay: a rate is a rate a second whatever the window.
"""

import pathlib
import re
import shutil

from rulebook import OPS

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION = r"(?:\d+(?:ms|[smhdw]))+"
# for: 5m, …_interval: 15s, group_wait: 30s; ranges [5m] and [1h:5m]; offset 1d
PLACES = re.compile(
    rf"(?P<before>\b(?:for|interval|\w+_interval|group_wait):\s+|\boffset\s+)(?P<one>{DURATION})(?!\S*\w)"
    rf"|\[(?P<range>{DURATION})(?::(?P<step>{DURATION}))?\]"
)
SCRAPES = re.compile(r"scrape_(interval|timeout): \S+")
# postgres_exporter tries for over a second before it says that PostgreSQL is down.
SCRAPE = "2s"


def shorter(duration, factor):
    whole = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))
    return f"{max(1, whole // factor)}ms" if whole else "0s"


def shorten(text, factor):
    def replaced(match):
        if match["one"]:
            return match["before"] + shorter(match["one"], factor)
        step = f":{shorter(match['step'], factor)}" if match["step"] else ""
        return f"[{shorter(match['range'], factor)}{step}]"

    return SCRAPES.sub(rf"scrape_\1: {SCRAPE}", PLACES.sub(replaced, text))


def kit(target, factor):
    """What ./store watch needs, in a folder of its own."""
    for folder in ("alertmanager", "exporters", "prometheus", "watch"):
        copy(OPS / folder, target / folder, factor)
    return target


def copy(source, target, factor):
    """Copies a folder, every .yml in it shortened."""
    shutil.copytree(source, target)
    for file in pathlib.Path(target).rglob("*.yml"):
        file.write_text(shorten(file.read_text(), factor))
    return pathlib.Path(target)
