"""Programs that a test runs and stops, whatever happens to it."""

import atexit
import http.client
import json
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def request(url, body=None, method=None, headers=None, timeout=60):
    """(status, decoded answer): whatever the status is."""
    data = json.dumps(body).encode() if body is not None else None
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, _decoded(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _decoded(error.read())


def _decoded(body):
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def wait_until(what, ready, seconds, process=None, log=None):
    """
    The first true answer of ready; an AssertionError with the log's end where there is none in time. Seconds are those of this
    program's own running: a machine that stops it for a while does not fail the test.
    """
    looks = seconds * 10
    while True:
        try:
            answer = ready()
            if answer:
                return answer
        except (OSError, http.client.HTTPException):
            pass
        looks -= 1
        ended = process is not None and process.poll() is not None
        if ended or looks < 0:
            said = log.read_text(errors="replace")[-3000:] if log else ""
            raise AssertionError(f"{what}: not within {seconds} s{', it has ended' if ended else ''}.\n{said}")
        time.sleep(0.1)


class ProcessesTest(unittest.TestCase):
    @classmethod
    def launch(cls, command, log, environment=None, cwd=None, **more):
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                **more,
            )
        cls.addClassCleanup(end, process)
        # unittest leaves its cleanups undone when it is interrupted.
        atexit.register(end, process)
        return process


def end(process, seconds=40):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{process.args[0]} did not stop within {seconds} s") from None
