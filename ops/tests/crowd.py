"""
Customers of a shop that is being worked on, who notice everything: each of their requests is counted, and what became of it.

    with Crowd(address, token, products) as crowd:
        …                            # an update, a failure
    crowd.failures                   # [(when, what)] of every request that was not answered as it should be
    crowd.orders                     # {key: id} of every order that was answered 201
    crowd.pause()                    # the longest time between two orders that went through, in seconds

Half of them read, half of them order; half of both keep their connection as browsers do, half open one for each request. Who finds that
a kept connection was closed before anything of an answer had come asks once more on a new one, as every client does that keeps connections
(RFC 9112, 9.3.1): here it may, since an order bears its Idempotency-Key. Those are counted, too (crowd.asked_again), and are no failures.
An order that failed is sent again with its key until it is answered.
"""

import collections
import http.client
import json
import random
import threading
import time
import uuid


class Client:
    def __init__(self, address, token, keeps):
        self.address = address
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self.keeps = keeps
        self.connection = None
        self.asked_again = 0

    def ask(self, method, path, body=None, **headers):
        """(status, decoded body); OSError or HTTPException where there was no answer."""
        try:
            if self.connection is not None:
                try:
                    return self._ask(method, path, body, headers)
                except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                    self.leave()
                    self.asked_again += 1
            self.connection = http.client.HTTPConnection(*self.address, timeout=20)
            return self._ask(method, path, body, headers)
        except BaseException:
            self.leave()
            raise

    def _ask(self, method, path, body, headers):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, {**self.headers, **headers})
        answer = self.connection.getresponse()
        # A connection that breaks from here on is no idle one, whatever the error.
        try:
            text = answer.read()
        except OSError as broken:
            raise http.client.IncompleteRead(b"") from broken
        if answer.will_close or not self.keeps:
            self.leave()
        return answer.status, json.loads(text) if text else None

    def leave(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Crowd:
    EACH = 2
    PAUSE_S = 0.04
    # How long after the end an order that was begun may take.
    LAST_ORDERS_S = 90

    def __init__(self, address, token, products):
        self.address, self.token, self.products = address, token, products
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.answers = collections.Counter()
        self.failures = []
        self.orders = {}
        self.placed = []
        self.unanswered = []
        self.broken = []
        self.asked_again = 0

    def __enter__(self):
        work = [(what, keeps) for what in (self.read, self.order) for keeps in (True, False) for _ in range(self.EACH)]
        self.threads = [threading.Thread(target=self.work, args=each, daemon=True) for each in work]
        self.begun = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = time.monotonic()
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def work(self, what, keeps):
        client = Client(self.address, self.token, keeps)
        try:
            while not self.stopping.wait(self.PAUSE_S):
                what(client)
        except Exception as error:
            # Of the test itself; whoever looks at the crowd is to see it.
            self.broken.append(error)
        finally:
            client.leave()
            with self.lock:
                self.asked_again += client.asked_again

    def asked(self, client, wanted, method, path, *more, **headers):
        """The body of an answer as it should be, or None."""
        try:
            status, body = client.ask(method, path, *more, **headers)
            said = f"{status} {(body or {}).get('code', '')}"
        except (OSError, http.client.HTTPException) as error:
            status, body, said = None, None, repr(error)
        with self.lock:
            self.answers[status] += 1
            if status != wanted:
                self.failures.append((time.monotonic(), f"{method} {path.partition('?')[0]}: {said}, {'kept' if client.keeps else 'new'} connection"))
        return body if status == wanted else None

    def read(self, client):
        path = random.choice([f"/api/products/{random.choice(self.products)}", "/api/products/?limit=5", "/api/orders/?limit=2&with_total=false"])
        self.asked(client, 200, "GET", path)

    def order(self, client):
        key = str(uuid.uuid4())
        body = {"items": [{"product_id": random.choice(self.products), "quantity": 1}]}
        while True:
            order = self.asked(client, 201, "POST", "/api/orders/", body, **{"Idempotency-Key": key})
            if order is not None:
                with self.lock:
                    self.orders[key] = order["id"]
                    self.placed.append(time.monotonic())
                return
            if self.stopping.is_set() and time.monotonic() > self.ended + self.LAST_ORDERS_S:
                self.unanswered.append(key)
                return
            time.sleep(0.2)

    def pause(self):
        moments = [self.begun, *sorted(self.placed)]
        return max(after - before for before, after in zip(moments, moments[1:]))

    def __str__(self):
        seconds = self.ended - self.begun
        return (
            f"{sum(self.answers.values())} requests in {seconds:.0f} s, {len(self.failures)} failed, {self.asked_again} asked again on another connection;"
            f" {len(self.orders)} orders, the longest pause between two {self.pause():.1f} s"
        )
