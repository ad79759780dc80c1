"""compose.yaml as it is read, and what it does when podman-compose runs it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import yaml

import images
from alertmanagers import BUILT, go
from processes import wait_until
from rulebook import OPS, ROOT
from shorten import copy

# What Docker Compose reads its files with.
PARSER = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]*)?\}|\$\$")
PROJECT = "store-tests"


def variables(path=ROOT / ".env.example"):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))


def read(path=ROOT / "compose.yaml", **settings):
    """With the variables of .env.example filled in; a KeyError for one that is not there."""
    return yaml.safe_load(filled(path, **settings).replace("$$", "$"))


def filled(path, **settings):
    known = {**variables(), **settings}
    return VARIABLE.sub(lambda found: known[found[1]] if found[1] else found[0], path.read_text())


def parser():
    """Builds it the first time."""
    path = BUILT / PARSER.rsplit("@", 1)[1] / "compose-go"
    if not path.exists():
        environment = {**os.environ, "GOBIN": str(path.parent), "GOFLAGS": "-buildvcs=false"}
        subprocess.run([go(), "install", PARSER], env=environment, check=True, stdout=sys.stderr, stderr=sys.stderr)
        (path.parent / "cmd").rename(path)
    return path


def podman(*words, check=True):
    done = subprocess.run(["podman", *map(str, words)], env=images.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {' '.join(map(str, words))}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


class Composed:
    """
    The project in a folder of the test's own, as ops/compose/prepare leaves it, run by podman-compose. Its files are those of this
    project, but that alerts come so many times as fast. Health checks, which systemd runs elsewhere, and the order of starts, which
    podman-compose does not keep, are done here.
    """

    def __init__(self, scratch, factor, settings, left_out):
        self.folder = pathlib.Path(scratch) / "project"
        self.folder.mkdir()
        for name in ("compose.yaml", ".env.example"):
            shutil.copy(ROOT / name, self.folder)
        shutil.copytree(OPS, self.folder / "ops", ignore=shutil.ignore_patterns("__pycache__", "prometheus", "alertmanager"))
        for name in ("prometheus", "alertmanager"):
            copy(OPS / name, self.folder / "ops" / name, factor)
        shutil.copy(OPS / "tests/standins.yaml", self.folder)
        bot = {name: settings.pop(name) for name in ("STORE_TELEGRAM_TOKEN", "STORE_TELEGRAM_CHAT_ID")}
        subprocess.run([self.folder / "ops/compose/prepare", "all"], stdin=subprocess.DEVNULL, check=True, stdout=sys.stderr,
                       env={"PATH": os.environ["PATH"], **bot})
        text = (self.folder / ".env").read_text()
        for name, value in settings.items():
            text, found = re.subn(rf"(?m)^{name}=.*$", lambda _: f"{name}={value}", text)
            assert found == 1, name
        (self.folder / ".env").write_text(text)
        self.settings = variables(self.folder / ".env")
        base = read(self.folder / "compose.yaml", **self.settings)
        self.published = {name: each["ports"] for name, each in base["services"].items() if "ports" in each}
        more = read(self.folder / "standins.yaml", **self.settings)["services"]
        self.services = {
            name: {**each, **{key: value for key, value in more.get(name, {}).items() if key not in each}}
            for name, each in {**base["services"], **{name: each for name, each in more.items() if name not in base["services"]}}.items()
            if name not in left_out
        }

    def secret(self, name):
        return (self.folder / "secrets" / name).read_text().strip()

    def compose(self, *words):
        environment = {name: value for name, value in images.environment().items() if name not in self.settings}
        program = pathlib.Path(sys.executable).parent / "podman-compose"
        command = [program, "--in-pod", "false", "-p", PROJECT, "-f", "compose.yaml", "-f", "standins.yaml", "--profile", "all", *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        said = done.stdout + done.stderr
        if done.returncode != 0:
            raise AssertionError(f"podman-compose {' '.join(words)} ended with {done.returncode}:\n{said[-6000:]}")
        return said

    def order(self):
        """The services, each behind those that it waits for."""
        found = []

        def add(name):
            for before in self.services[name].get("depends_on", {}):
                if before in self.services:
                    add(before)
            if name not in found:
                found.append(name)

        for name in self.services:
            add(name)
        return found

    def container(self, service):
        return f"{PROJECT}_{service}_1"

    def up(self):
        for service in self.order():
            self.compose("up", "-d", "--no-deps", "--no-build", service)
            self.wait(service)

    def wait(self, service, seconds=180):
        """Until it is healthy, or has done its work if that ends."""
        if self.services[service].get("restart") == "no":
            wait_until(f"{service} has done its work", lambda: self.state(service)["Status"] == "exited", seconds)
            if self.state(service)["ExitCode"] != 0:
                raise AssertionError(f"{service} ended with {self.state(service)['ExitCode']}:\n{self.logs(service)}")
            return
        limit = time.monotonic() + seconds
        while not self.healthy(service):
            if time.monotonic() > limit:
                raise AssertionError(f"{service} is not healthy after {seconds} s, {self.state(service)['Status']}:\n{self.logs(service)}")
            time.sleep(0.5)

    def healthy(self, service):
        if not self.has_health(service):
            return self.state(service)["Status"] == "running"
        return podman("healthcheck", "run", self.container(service), check=False).returncode == 0

    def has_health(self, service):
        # The store's is in its image.
        return service == "store" or "healthcheck" in self.services[service]

    def inspect(self, service):
        return json.loads(podman("inspect", self.container(service)).stdout)[0]

    def state(self, service):
        return self.inspect(service)["State"]

    def logs(self, service):
        done = podman("logs", "--tail", "40", self.container(service), check=False)
        return (done.stdout + done.stderr)[-4000:]

    def exec(self, service, *words):
        return podman("exec", self.container(service), *words).stdout

    def down(self):
        self.compose("down")

    def remove(self):
        """Everything of it, whatever state it is in; also what a run that was killed has left."""
        names = podman("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}", check=False).stdout.split()
        if names:
            podman("rm", "-f", "-v", "-t", "0", *names, check=False)
        for kind in ("volume", "network"):
            mine = podman(kind, "ls", "-q", check=False).stdout.split()
            for name in mine:
                if name.startswith(f"{PROJECT}_"):
                    podman(kind, "rm", "-f", name, check=False)
        # Those without a name; all that is here is the tests'.
        podman("volume", "prune", "-f", check=False)
