"""Requests beside the load: what a run has to know or asks at its end, not measured. The standard library is enough."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 60


class CannotAsk(Exception):
    """Why there is no answer, in a sentence."""


def ask(url: str, body=None, token: str | None = None):
    """The decoded answer to a GET, or to a POST of the body."""
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        said = refusal.read(300).decode(errors="replace")
        raise CannotAsk(f"{url} was answered {refusal.code}: {said}") from None
    except (OSError, ValueError) as error:
        raise CannotAsk(f"{url} gave no answer: {error}") from None


def text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return answer.read().decode()
    except OSError as error:
        raise CannotAsk(f"{url} gave no answer: {error}") from None


def sign_in(host: str, email: str, password: str) -> str:
    return ask(f"{host}/api/auth/login", {"email": email, "password": password})["access_token"]
