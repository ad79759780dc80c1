"""
A shop's day in small: people who look around, search, buy, come again with the same key, all want the same product, mistype their
password, and ask for what isn't there or isn't theirs; clerks who send orders on their way, take them back and refill the stock.

It measures what it gets and tells Prometheus so, under the names that the load test's dashboard is made for.
"""

import bisect
import http.client
import http.server
import json
import random
import threading
import time
import urllib.parse
import uuid

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
WORDS = ("молоко", "хлеб", "сыр", "чай", "мармелад", "мармилад", "яблоки", "кофе")


class Measured:
    """How long requests took and how many were answered otherwise than they should be, by method and name."""

    def __init__(self):
        self.lock = threading.Lock()
        self.buckets = {}
        self.seconds = {}
        self.failures = {}
        self.users = {}
        self.began = time.time()

    def user(self, kind, number):
        with self.lock:
            self.users[kind] = self.users.get(kind, 0) + number

    def request(self, method, name, seconds, failed):
        key = f'method="{method}",name="{name}"'
        with self.lock:
            counts = self.buckets.setdefault(key, [0] * (len(BOUNDS) + 1))
            counts[bisect.bisect_left(BOUNDS, seconds)] += 1
            self.seconds[key] = self.seconds.get(key, 0.0) + seconds
            self.failures[key] = self.failures.get(key, 0) + failed

    def text(self):
        with self.lock:
            lines = ["# TYPE locust_users gauge"]
            lines += [f'locust_users{{user_class="{kind}"}} {number}' for kind, number in self.users.items()]
            lines += ["# TYPE locust_run_timestamp_seconds gauge"]
            lines += [f'locust_run_timestamp_seconds{{event="start",scenario="Traffic",shape="steady",users="{len(self.users)}"}} {self.began:.3f}']
            lines += ["# TYPE locust_request_duration_seconds histogram"]
            for key, counts in self.buckets.items():
                total = 0
                for bound, count in zip((*BOUNDS, "+Inf"), counts):
                    total += count
                    lines.append(f'locust_request_duration_seconds_bucket{{{key},le="{bound}"}} {total}')
                lines.append(f"locust_request_duration_seconds_count{{{key}}} {total}")
                lines.append(f"locust_request_duration_seconds_sum{{{key}}} {self.seconds[key]}")
            lines += ["# TYPE locust_request_failures_total counter"]
            lines += [f"locust_request_failures_total{{{key}}} {count}" for key, count in self.failures.items()]
        return "\n".join(lines) + "\n"


class Person:
    """One connection, with or without a sign-in."""

    def __init__(self, traffic, token=None):
        self.traffic = traffic
        self.token = token
        self.connection = None

    def call(self, name, method, path, body=None, expected=(200,), key=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        content = None if body is None else json.dumps(body).encode()
        started = time.monotonic()
        status, answer = self.answered(method, path, content, headers)
        self.traffic.measured.request(method, name, time.monotonic() - started, status not in expected)
        with self.traffic.measured.lock:
            self.traffic.statuses[status] = self.traffic.statuses.get(status, 0) + 1
        return status, json.loads(answer) if answer.startswith((b"{", b"[")) else {}

    def answered(self, method, path, content, headers):
        """(status, body); status 0 where there was no answer."""
        while True:
            used = self.connection is not None
            self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.traffic.port, timeout=30)
            try:
                self.connection.request(method, path, content, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                # A server closes connections that were idle for long: as browsers do, it is asked again on a new one.
                if not (used and isinstance(error, (http.client.RemoteDisconnected, ConnectionError))):
                    return 0, b""


class Traffic:
    """
    Runs until it is left. pace is the number of seconds that each person thinks between two requests, on average; stranger_pause
    the one between two rounds of what has to be refused.
    """

    def __init__(self, port, admin_password, people=6, pace=0.4, stranger_pause=2.0):
        self.port = port
        self.pace = pace
        self.stranger_pause = stranger_pause
        self.password = admin_password
        self.measured = Measured()
        self.statuses = {}
        self.failures = []
        self.stopping = threading.Event()
        self.hot = threading.Barrier(3)
        self.products = []
        self.categories = []
        self.number = uuid.uuid4().hex[:8]
        roles = [(self.shopper, number) for number in range(people)]
        roles += [(self.crowd, number) for number in range(self.hot.parties)]
        roles += [(self.clerk, 0), (self.stranger, 0)]
        self.workers = [threading.Thread(target=self.live, args=role, daemon=True) for role in roles]
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _metrics(self.measured))
        self.metrics_port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        guest = Person(self)
        for offset in range(0, 300, 100):
            found = guest.call("GET /api/products/", "GET", f"/api/products/?limit=100&offset={offset}&in_stock=true")[1]
            self.products += [product["id"] for product in found["items"]]
        self.categories = [category["slug"] for category in guest.call("GET /api/categories/", "GET", "/api/categories/")[1]["items"]]
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.hot.abort()
        for worker in self.workers:
            worker.join()
        self.server.shutdown()
        self.server.server_close()

    def live(self, role, number):
        kind = role.__name__.capitalize()
        self.measured.user(kind, 1)
        try:
            role(number)
        except Exception as error:  # whoever started the traffic looks at these: a thread has nobody to tell
            self.failures.append(error)
        finally:
            self.measured.user(kind, -1)

    def thinks(self, times=1.0):
        """False when it is time to go home."""
        return not self.stopping.wait(random.expovariate(1 / (self.pace * times)))

    def signed_in(self, name):
        email = f"{name}-{self.number}@example.org"
        person = Person(self)
        person.call("POST /api/auth/register", "POST", "/api/auth/register", {"email": email, "password": "correct horse 9", "name": name}, (201,))
        return self.with_token(person, email, "correct horse 9")

    def with_token(self, person, email, password):
        answer = person.call("POST /api/auth/login", "POST", "/api/auth/login", {"email": email, "password": password})[1]
        person.token = answer["access_token"]
        return person

    def product(self):
        """By Zipf's law, nearly: a few are wanted by many."""
        return self.products[min(int(random.paretovariate(0.7)) - 1, len(self.products) - 1)]

    def order(self, person, items, expected=(201, 409)):
        key = str(uuid.uuid4())
        placed = person.call("POST /api/orders/", "POST", "/api/orders/", {"items": items}, expected, key)
        if placed[0] == 201 and random.random() < 0.1:
            person.call("POST /api/orders/", "POST", "/api/orders/", {"items": items}, expected, key)
        return placed

    def shopper(self, number):
        me = self.signed_in(f"shopper{number}")
        guest = Person(self)
        mine = []
        while self.thinks():
            chance = random.random()
            if chance < 0.35:
                query = {"category": random.choice(self.categories), "sort": random.choice(["price_asc", "newest", "name_asc"])}
                guest.call("GET /api/products/", "GET", "/api/products/?" + urllib.parse.urlencode(query))
            elif chance < 0.5:
                guest.call("GET /api/products/?q=", "GET", "/api/products/?" + urllib.parse.urlencode({"q": random.choice(WORDS)}))
            elif chance < 0.75:
                guest.call("GET /api/products/{id}", "GET", f"/api/products/{self.product()}")
            elif chance < 0.9:
                items = [{"product_id": self.product(), "quantity": random.randint(1, 2)} for _ in range(random.randint(1, 4))]
                status, placed = self.order(me, items)
                if status == 201:
                    mine.append(placed["id"])
            elif chance < 0.98 or not mine:
                me.call("GET /api/orders/", "GET", "/api/orders/?limit=10")
            else:
                # 409: a clerk was faster.
                me.call("DELETE /api/orders/{id}", "DELETE", f"/api/orders/{mine.pop()}", expected=(200, 409))

    def crowd(self, number):
        """
        All want one piece of the same product at the same moment. Then one of them wants more than there is, and the others change
        their minds.
        """
        me = self.signed_in(f"crowd{number}")
        try:
            while self.thinks(4):
                self.hot.wait()
                status, placed = self.order(me, [{"product_id": self.products[0], "quantity": 1}])
                if number == 0:
                    self.order(me, [{"product_id": product, "quantity": 1000} for product in self.products[:100]])
                elif status == 201:
                    me.call("DELETE /api/orders/{id}", "DELETE", f"/api/orders/{placed['id']}", expected=(200, 409))
        except threading.BrokenBarrierError:
            pass

    def clerk(self, _):
        me = self.with_token(Person(self), "admin@store.local", self.password)
        steps = {"pending": "confirmed", "confirmed": "shipped", "shipped": "delivered", "delivered": "returned"}
        while self.thinks(0.5):
            status = random.choices(list(steps), [10, 8, 6, 1])[0]
            orders = me.call("GET /api/orders/?status=", "GET", f"/api/orders/?status={status}&limit=5&sort=oldest")[1].get("items", [])
            if orders:
                order = random.choice(orders)["id"]
                # 409: the customer was faster.
                me.call("PUT /api/orders/{id}", "PUT", f"/api/orders/{order}", {"status": steps[status]}, (200, 409))
            if random.random() < 0.3:
                delivery = {"delta": random.randint(1, 10), "reason": "delivery"}
                me.call("POST /api/products/{id}/stock", "POST", f"/api/products/{self.product()}/stock", delivery)

    def stranger(self, _):
        """Whatever a store has to refuse."""
        me = self.signed_in("stranger")
        guest = Person(self)
        refused = [
            (guest, "GET /api/orders/", "GET", "/api/orders/", None, 401),
            (me, "GET /api/users/", "GET", "/api/users/", None, 403),
            (guest, "GET /api/products/{id}", "GET", f"/api/products/{uuid.uuid4()}", None, 404),
            (guest, "GET /api/nowhere", "GET", "/api/nowhere", None, 404),
            (guest, "GET /api/products/", "GET", "/api/products/?sort=magic", None, 400),
        ]
        while not self.stopping.wait(self.stranger_pause):
            for person, name, method, path, body, status in refused:
                person.call(name, method, path, body, (status,))
            # Ten failures, then each is turned away unread.
            guess = {"email": "admin@example.org", "password": "guess"}
            guest.call("POST /api/auth/login", "POST", "/api/auth/login", guess, (401, 429))


def _metrics(measured):
    class Metrics(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = measured.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Metrics
