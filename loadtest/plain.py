"""Requests beside the load: what a run has to know or asks at its end, not measured. The standard library is enough."""

from __future__ import annotations

import json
import pathlib
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


def secret(environment, name: str) -> str:
    """A variable, or what is in the file that name_FILE names, as the store itself reads them; empty where neither is set."""
    value, file = environment.get(name) or "", environment.get(f"{name}_FILE") or ""
    if not file:
        return value
    if value:
        raise CannotAsk(f"Both {name} and {name}_FILE are set; give one of them.")
    try:
        kept = pathlib.Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise CannotAsk(f"{name}_FILE is {file}, which can't be read ({type(error).__name__}).") from None
    if not kept:
        raise CannotAsk(f"{name}_FILE is {file}, which is empty.")
    return kept


def text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return answer.read().decode()
    except OSError as error:
        raise CannotAsk(f"{url} gave no answer: {error}") from None


def sign_in(host: str, email: str, password: str) -> str:
    return ask(f"{host}/api/auth/login", {"email": email, "password": password})["access_token"]
