"""Log lines in the form in which the store writes them, and what becomes of them elsewhere."""

import itertools
import json
import os
import secrets
import threading
import time
from datetime import datetime, timezone


class Lines:
    """Lines with ids of their own, as one start of a store has them."""

    def __init__(self):
        self.start = secrets.token_hex(4)
        self.numbers = itertools.count(1)

    def fields(self, **more):
        return {
            "@timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "log.level": "INFO",
            "message": "GET /api/products/{id} 200",
            "ecs.version": "9.0.0",
            "service.name": "product-store",
            "service.version": "0.1.0",
            "event.id": f"{self.start}-{next(self.numbers)}",
            "event.dataset": "store.access",
            **{name.replace("__", "."): value for name, value in more.items()},
        }

    def access(self, **more):
        request = {
            "log.logger": "productstore.access",
            "trace.id": secrets.token_hex(16),
            "span.id": secrets.token_hex(8),
            "http.request.method": "GET",
            "http.route": "/api/products/{id}",
            "url.path": "/api/products/0193b1e5-7a1c-7000-8000-000000000001",
            "http.response.status_code": 200,
            "http.response.body.bytes": 512,
            "event.duration": 1234567,
            "event.outcome": "success",
            "client.ip": "203.0.113.0",
        }
        return self.fields(**{**request, **more})

    def event(self, action, **more):
        return self.fields(**{"event.dataset": "store.events", "event.action": action, "message": action, **more})


def written(fields):
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def append(path, text):
    """As one write at the end of the file, as the store does it."""
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    with open(path, "ab", buffering=0) as file:
        file.write(data)


class Writer:
    """A store that writes so many lines a second, until it is left, and begins a new file after every so many."""

    def __init__(self, path, per_second, per_file, kept=5):
        self.path = path
        self.pause = 1 / per_second
        self.per_file = per_file
        self.kept = kept
        self.ids = []
        self.slowest = 0.0
        self.rotated = 0
        self.lines = Lines()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def work(self):
        file = open(self.path, "ab", buffering=0)
        due = time.monotonic()
        while not self.stopping.wait(max(0, due - time.monotonic())):
            due += self.pause
            fields = self.lines.access()
            began = time.monotonic()
            file.write(written(fields).encode())
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.ids.append(fields["event.id"])
            if len(self.ids) % self.per_file == 0:
                file.close()
                self.rotate()
                file = open(self.path, "ab", buffering=0)
        file.close()

    def rotate(self):
        for number in range(self.kept - 1, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.replace(self.path, f"{self.path}.1")
        self.rotated += 1
