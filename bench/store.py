"""The store as a person runs it, and the bare server: processes on free ports that speak HTTP."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import time
from dataclasses import dataclass

from bench.machine import Children, free_port

START_LIMIT_S = 180


class Unexpected(Exception):
    """An answer, or the want of one, that makes the figures worthless."""


@dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)


class Server:
    """A process that answers HTTP on a port of its own."""

    def __init__(self, children: Children, command, environment: dict, log: pathlib.Path, port: int):
        self.children = children
        self.command = command
        self.environment = environment
        self.log = log
        self.port = port
        self.process = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, first_path: str) -> float:
        """Starts it, waits until the path is answered with 200, and says how many seconds that took."""
        begin = time.monotonic()
        self.process = self.children.start(self.command, self.log, env=self.environment)
        while True:
            try:
                if self.call("GET", first_path, expected=None).status == 200:
                    return time.monotonic() - begin
            except OSError:
                pass  # It does not listen yet.
            if self.process.poll() is not None or time.monotonic() - begin > START_LIMIT_S:
                raise Unexpected(f"{self.command[0]} did not start; its output is in {self.log}.")
            time.sleep(0.005)

    def stop(self) -> None:
        self.children.stop(self.process)

    def call(self, method: str, path: str, body=None, headers: dict | None = None, expected: int | None = 200) -> Answer:
        """One request; an answer with another status than the expected one ends the run."""
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        if expected is not None and answer.status != expected:
            raise Unexpected(f"{method} {path} was answered {answer.status}: {answer.body[:300]!r}")
        return answer


FIRST_PATH = "/api/products/"


def shipped(settings: dict) -> dict:
    """The environment of a store as it is shipped: none of this shell's settings, and no limit that the load can reach."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STORE_", "OTEL_"))}
    environment.update({
        "STORE_DEMO": "false",
        # The limiter counts as ever; one address sends what a whole town would.
        "STORE_LIMITS_REQUESTS_PER_MINUTE": "1000000000",
    })
    environment.update(settings)
    return environment


def store(children: Children, root: pathlib.Path, log: pathlib.Path, settings: dict) -> Server:
    """A store that is still to be started."""
    port = free_port()
    ports = {"STORE_PORT": str(port), "STORE_MANAGEMENT_PORT": str(free_port())}
    return Server(children, [str(root / "store"), "run"], shipped({**ports, **settings}), log, port)


def plain_server(children: Children, root: pathlib.Path, java: str, options: str, answers: pathlib.Path,
                 log: pathlib.Path) -> Server:
    """The store's web server with nothing behind it but recorded answers; PlainServer.java says more."""
    port = free_port()
    command = [java, *options.split(), "-cp", str(root / "target/store/lib/*"), str(root / "bench/PlainServer.java"),
               str(answers), f"--server.port={port}",
               f"--spring.config.location={root / 'src/main/resources/application.yaml'}"]
    return Server(children, command, shipped({}), log, port)


def record(answer: Answer, folder: pathlib.Path, name: str) -> None:
    """Keeps an answer where PlainServer finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.headers").write_text("".join(f"{key}: {value}\n" for key, value in answer.headers))
    (folder / f"{name}.body").write_bytes(answer.body)


def same_form(one: Answer, other: Answer) -> bool:
    """Whether two answers have the same headers, values that tell the time or the request apart, and the same body."""
    names = [sorted(key.lower() for key, _ in answer.headers) for answer in (one, other)]
    return one.status == other.status and names[0] == names[1] and one.body == other.body
