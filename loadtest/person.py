"""Somebody who uses the store: thinks, signs in as themselves, sends what a good client sends, and reads what comes back."""

from __future__ import annotations

import contextlib
import random
import secrets
import sys
import time
import urllib.parse
import uuid
from http import HTTPStatus

from gevent.lock import BoundedSemaphore
from locust import FastHttpUser
from locust.exception import RescheduleTask, StopUser

from loadtest import checks, plain
from loadtest.catalogue import Catalogue

PASSWORD = "a password of the load test's"
THINK_S = (1.0, 5.0)
"""Between two things that a person does; multiplied by --think."""
ATTEMPTS = 4
MOST_PAUSE_S = 30.0
FIRST_PAUSE_S = 0.5
TRACED_SHARE = 0.01
"""Of the requests say in their traceparent that they want to be kept: enough to look at, too few to slow the store down."""
LOST = 0
"""Locust's status of a request whose connection broke."""
TRY_AGAIN = (LOST, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
DELIVERY = 500


class Session:
    """A sign-in that is renewed before it ends. The shop's administrator has one for a whole process, so it is made by one at a time."""

    def __init__(self, email: str, password: str, name: str | None = None):
        self.email = email
        self.password = password
        self.name = name
        """Registers with it first, unless it is None."""
        self._lock = BoundedSemaphore()
        self._tokens = None
        self._renew_at = 0.0

    def token(self, person: Person) -> str:
        with self._lock:
            if self._tokens is None:
                self._sign_in(person)
            elif time.monotonic() >= self._renew_at:
                # Not tried twice: a refresh token that comes again ends the sign-in, so after a lost answer the password is safer.
                try:
                    self._keep(person.call("POST /api/auth/refresh", "POST", "/api/auth/refresh", attempts=1,
                                           body={"refresh_token": self._tokens["refresh_token"]})[1], person)
                except RescheduleTask:
                    self._sign_in(person)
            return self._tokens["access_token"]

    def _sign_in(self, person: Person) -> None:
        self._tokens = None
        if self.name:
            # 409: an attempt before this one had arrived, and its answer was lost.
            person.call("POST /api/auth/register", "POST", "/api/auth/register", expected=(201, 409),
                        body={"email": self.email, "password": self.password, "name": self.name})
            self.name = None
        self._keep(person.call("POST /api/auth/login", "POST", "/api/auth/login",
                               body={"email": self.email, "password": self.password})[1], person)

    def _keep(self, tokens: dict, person: Person) -> None:
        self._tokens = tokens
        # A little before its end, and not everybody at the same moment.
        life = min(tokens["expires_in"], person.options.token_age)
        self._renew_at = time.monotonic() + life * random.uniform(0.7, 0.9)


class Person(FastHttpUser):
    abstract = True
    # Trying again is done here, with the same key and the pause that the store asks for.
    max_retries = 0
    connection_timeout = 30.0
    network_timeout = 60.0

    _catalogue = None
    _reading = BoundedSemaphore()
    _office = None
    _unreadable = False
    _delivering: set[str] = set()

    @classmethod
    def begin(cls) -> None:
        """Forgets what was known of the store of the run before."""
        Person._catalogue = Person._office = None
        Person._unreadable = False
        Person._delivering = set()

    def __init__(self, environment):
        super().__init__(environment)
        self.session = Session(f"load-{uuid.uuid4().hex[:16]}@example.org", PASSWORD, "A customer of the load test")
        self.orders: list[dict] = []

    def on_start(self) -> None:
        # Whoever is measured step by step has signed in before the step counts; else people do so when they need to.
        if self.options.shape == "knee":
            with contextlib.suppress(RescheduleTask):
                self.session.token(self)

    @property
    def options(self):
        return self.environment.parsed_options

    def wait_time(self) -> float:
        return random.uniform(*THINK_S) * self.options.think

    @property
    def catalogue(self) -> Catalogue:
        """Nobody stays in a shop whose catalogue can't be read; a run without a request is no success."""
        with Person._reading:
            if Person._catalogue is None:
                try:
                    Person._catalogue = Catalogue.read(self.host.rstrip("/"))
                except plain.CannotAsk as reason:
                    if not Person._unreadable:
                        Person._unreadable = True
                        print(reason, file=sys.stderr, flush=True)
                    raise StopUser() from None
            return Person._catalogue

    @property
    def office(self) -> Session:
        """The administrator's sign-in."""
        if Person._office is None:
            Person._office = Session(self.options.admin_email, self.options.admin_password)
        return Person._office

    def call(self, name, method, path, *, body=None, session=None, expected=(200,), key=None, check=None, attempts=ATTEMPTS):
        """
        One thing asked of the store: (status, body) of an answer that was expected and that the check lets pass. Each attempt is
        counted, one that is turned away as a failure. What is not answered as it should be in the end ends the task.
        """
        # Before the first request, so that a shop that is not there has none.
        _ = self.catalogue
        for attempt in range(attempts):
            headers = {"Accept": "application/json", "traceparent": traceparent()}
            if session:
                headers["Authorization"] = f"Bearer {session.token(self)}"
            if key:
                headers["Idempotency-Key"] = key
            with self.client.request(method, path, name=name, json=body, headers=headers, catch_response=True) as response:
                status = response.status_code
                fault = None
                if status in expected:
                    try:
                        answer = response.json() if response.content else None
                        if check:
                            check(answer) if len(expected) == 1 else check(status, answer)
                        response.success()
                        return status, answer
                    except (checks.Wrong, KeyError, TypeError, ValueError) as error:
                        fault = str(error) if isinstance(error, checks.Wrong) else f"a body that can't be read: {error!r}"
                else:
                    fault = f"no answer: {type(response.error).__name__}" if status == LOST else f"answered {status} {code(response)}".strip()
                response.failure(fault)
                again = status in TRY_AGAIN or (status == HTTPStatus.CONFLICT and code(response) == "idempotency_in_flight")
                pause = pause_s(response, attempt)
            if not again or attempt + 1 == attempts:
                break
            time.sleep(pause)
        raise RescheduleTask()

    # What several kinds of customers do.

    def list_products(self, name, *, limit=20, sort=None, check=None, **filters) -> dict:
        def right(answer):
            items = checks.page(answer, limit, sort)
            if check:
                check(items)

        query = {"limit": limit, **filters}
        if sort:
            query["sort"] = sort
        return self.call(name, "GET", "/api/products/?" + encoded(query), check=right)[1]

    def place(self, name, quantities: dict[str, int]) -> dict | None:
        """The order, or nothing if there was too little stock. That is a fair answer, and the back office orders more."""
        def right(status, answer):
            if status == HTTPStatus.CONFLICT:
                checks.too_little_stock(answer)
            else:
                checks.order(answer, quantities)
                checks.must(answer["status"] == "pending", "a new order is not pending")

        body = {"items": [{"product_id": product, "quantity": quantity} for product, quantity in quantities.items()]}
        status, answer = self.call(name, "POST", "/api/orders/", body=body, session=self.session, expected=(201, 409),
                                   key=str(uuid.uuid4()), check=right)
        if status == HTTPStatus.CONFLICT:
            self.refill(list(quantities), answer)
            return None
        self.orders = [*self.orders[-19:], answer]
        return answer

    def refill(self, asked: list[str], refusal: dict) -> None:
        """What has run out is delivered, as in a shop whose back office is awake: once, however many have noticed."""
        for error in refusal["errors"]:
            # The field says which line it is: items[3].quantity.
            product = asked[int(error["field"].partition("[")[2].partition("]")[0])]
            if product not in Person._delivering:
                Person._delivering.add(product)
                try:
                    self.deliver(product)
                finally:
                    Person._delivering.discard(product)

    def deliver(self, product: str) -> None:
        def right(answer):
            checks.must(answer["id"] == product and answer["stock"] >= 0, "a delivery was answered with another product, or a negative stock")

        self.call("POST /api/products/{id}/stock", "POST", f"/api/products/{product}/stock", session=self.office, key=str(uuid.uuid4()),
                  body={"delta": DELIVERY, "reason": "delivery"}, check=right)

    def set_status(self, order: dict, status: str) -> None:
        def right(answer):
            checks.must(answer["status"] == status, "an order has not the status that was set")
            checks.order(answer)

        self.call("PUT /api/orders/{id}", "PUT", f"/api/orders/{order['id']}", session=self.office, body={"status": status}, check=right)

    def cancel(self, order: dict) -> None:
        """An order that the back office has sent already can't be: 409 illegal_transition."""
        def right(status, answer):
            if status == HTTPStatus.CONFLICT:
                checks.must(answer.get("code") == "illegal_transition", f"refused with {answer.get('code')}")
            else:
                checks.must(answer["status"] == "cancelled", "a cancelled order is not")

        self.call("DELETE /api/orders/{id}", "DELETE", f"/api/orders/{order['id']}", session=self.session, expected=(200, 409), check=right)


def encoded(query: dict) -> str:
    return urllib.parse.urlencode(query)


def traceparent() -> str:
    """W3C Trace Context: the store goes on with this trace, so that a slow request is found in its log by the id."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{'01' if random.random() < TRACED_SHARE else '00'}"


def code(response) -> str:
    """The code of a problem, or nothing."""
    try:
        return response.json().get("code", "")
    except (ValueError, AttributeError, TypeError):
        return ""


def pause_s(response, attempt: int) -> float:
    """What Retry-After asks for, else twice as long each time; with a little chance, so that all don't come back at once."""
    asked = (response.headers or {}).get("Retry-After", "")
    pause = float(asked) if asked.isdecimal() else FIRST_PAUSE_S * 2**attempt
    return min(pause, MOST_PAUSE_S) * random.uniform(1.0, 1.3)
