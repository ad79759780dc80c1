"""A store on a database of one's own, and what customers and managers do there: each thing once, every answer looked at."""

import os
import pathlib
import threading
import uuid

from processes import end, free_port, request, wait_until

EMAIL, PASSWORD = "root@store.test", "correct horse battery"


class Wrong(Exception):
    """An answer that should not be."""


class Shop:
    """A store that is started by a command; its addresses, and calls to it as somebody."""

    def __init__(self, launch, command, scratch, settings, name):
        self.launch, self.command, self.settings, self.name = launch, command, settings, name
        self.scratch = pathlib.Path(scratch)
        self.process = None
        self.tokens = {}

    def start(self, seconds=900, tries=5):
        """The first start on this machine builds."""
        try:
            return self._start(seconds)
        except AssertionError as failure:
            # A port that was free a moment ago: somebody else's connection was given it since.
            if tries == 1 or "is taken by another program" not in str(failure):
                raise
            return self.start(seconds, tries - 1)

    def _start(self, seconds):
        self.port, management = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        log = self.scratch / f"{self.name}-{self.port}.log"
        bare = {name: value for name, value in os.environ.items() if not name.startswith("STORE_") or name == "STORE_JAVA_OPTS"}
        own = {
            "STORE_PORT": str(self.port),
            "STORE_MANAGEMENT_PORT": str(management),
            "STORE_DATA_DIR": str(self.scratch / "data"),
            "STORE_RATE_LIMIT": "off",
            "STORE_ADMIN_EMAIL": EMAIL,
            "STORE_ADMIN_PASSWORD": PASSWORD,
        }
        self.process = self.launch(self.command, log, {**bare, **own, **self.settings}, self.scratch)
        ready = lambda: request(f"http://127.0.0.1:{management}/health/ready", timeout=5)[0] == 200
        wait_until(f"the store ({self.name}) is up", ready, seconds, self.process, log)
        return self

    def stop(self):
        end(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def call(self, method, path, body=None, by=None, status=200, **headers):
        """The decoded answer; Wrong where it has another status."""
        if by:
            headers["Authorization"] = f"Bearer {self.token(by)}"
        got, answer = request(f"{self.url}{path}", body, method, {name.replace("_", "-"): value for name, value in headers.items()}, timeout=30)
        if got != status:
            raise Wrong(f"{self.name}: {method} {path} {body}: {got} {answer}")
        return answer

    def token(self, email):
        if email not in self.tokens:
            self.tokens[email] = self.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})["access_token"]
        return self.tokens[email]

    def customer(self):
        """Somebody new; their e-mail address."""
        email = f"{uuid.uuid4()}@example.com"
        self.call("POST", "/api/auth/register", {"email": email, "password": PASSWORD, "name": "Анна"}, status=201)
        return email

    def product(self, stock):
        """A new one's id."""
        name = f"Хлеб {uuid.uuid4()}"
        category = self.call("POST", "/api/categories/", {"name": name}, by=EMAIL, status=201)["id"]
        body = {"sku": name[5:], "name": name, "category": category, "price": {"amount": "50.00", "currency": "RUB"}, "stock": stock}
        return self.call("POST", "/api/products/", body, by=EMAIL, status=201)["id"]

    def order(self, by, product, quantity=1, key=None, status=201):
        body = {"items": [{"product_id": product, "quantity": quantity}], "comment": "звонить дважды", "shipping_address": "Тверская, 1"}
        return self.call("POST", "/api/orders/", body, by=by, status=status, **({"Idempotency_Key": key} if key else {}))

    def stock(self, product):
        return self.call("GET", f"/api/products/{product}")["stock"]

    def drifts(self):
        return self.call("GET", "/api/inventory/audit", by=EMAIL)["items"]


class Crowd:
    """Some who do the same thing again and again, each in a thread of its own, until they are left."""

    def __init__(self, number, work, pause=0.05):
        self.stopping = threading.Event()
        self.faults = []
        self.threads = [threading.Thread(target=self._repeat, args=(work, n, pause), daemon=True) for n in range(number)]

    def _repeat(self, work, number, pause):
        try:
            while not self.stopping.wait(pause):
                work(number)
        except Exception as fault:
            self.faults.append(fault)
            raise

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.faults:
            raise AssertionError(f"somebody of the crowd fell over: {self.faults[0]!r}")


def everyday(first, second):
    """
    A day in the shop of two stores on one database: what one did the other goes on with. The faults it met: it goes to its end
    whatever they are.
    """
    faults = []

    def step(what, work):
        try:
            return work()
        except (Wrong, OSError, KeyError, TypeError) as fault:
            faults.append(f"{what}: {fault}")
            return None

    def same(what, expected, got):
        if expected != got:
            faults.append(f"{what}: {got} instead of {expected}")

    customer = step("registers", first.customer)
    product = step("a new product", lambda: first.product(100))
    if not (customer and product):
        return faults
    step("is read beside", lambda: same("stock", 100, second.stock(product)))
    step("is changed", lambda: second.call("PATCH", f"/api/products/{product}", {"description": "ржаной"}, by=EMAIL, Content_Type="application/merge-patch+json"))
    step("stock by hand", lambda: same("stock", 110, first.call("POST", f"/api/products/{product}/stock", {"delta": 10, "reason": "delivery"}, by=EMAIL)["stock"]))
    for path in ("/api/products/?limit=5&sort=price_asc", "/api/products/?q=%D1%85%D0%BB%D0%B5%D0%B1&limit=5", "/api/categories/"):
        step(path, lambda: second.call("GET", path))
    key = str(uuid.uuid4())
    order = step("orders", lambda: first.order(customer, product, 3, key))
    if not order:
        return faults
    step("the same key beside", lambda: same("order", order["id"], second.order(customer, product, 3, key)["id"]))
    step("too much", lambda: second.order(customer, product, 1000, status=409))
    step("reads it beside", lambda: same("comment", "звонить дважды", second.call("GET", f"/api/orders/{order['id']}", by=customer)["comment"]))
    for at, status in ((second, "confirmed"), (first, "shipped"), (second, "delivered"), (first, "returned")):
        step(status, lambda: at.call("PUT", f"/api/orders/{order['id']}", {"status": status}, by=EMAIL))
    step("its history", lambda: same("history", 5, len(second.call("GET", f"/api/orders/{order['id']}", by=customer)["history"])))
    other = step("orders beside", lambda: second.order(customer, product, 4))
    if other:
        step("cancels", lambda: same("status", "cancelled", first.call("DELETE", f"/api/orders/{other['id']}", by=customer)["status"]))
    step("lists", lambda: same("orders", 2, second.call("GET", "/api/orders/?sort=total_desc", by=customer)["total"]))
    tokens = step("signs in", lambda: first.call("POST", "/api/auth/login", {"email": customer, "password": PASSWORD}))
    if tokens:
        fresh = step("refreshes beside", lambda: second.call("POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]}))
        if fresh:
            step("leaves", lambda: first.call("POST", "/api/auth/logout", {"refresh_token": fresh["refresh_token"]}, status=204))
    step("users", lambda: first.call("GET", "/api/users/", by=EMAIL))
    step("what is there in the end", lambda: same("stock", 110, first.call("POST", f"/api/products/{product}/stock", {"delta": 1, "reason": "delivery"}, by=EMAIL)["stock"] - 1))
    step("is taken from sale", lambda: second.call("DELETE", f"/api/products/{product}", by=EMAIL, status=204))
    for shop in (first, second):
        step("audit", lambda: same("drifts", [], shop.drifts()))
    return faults
