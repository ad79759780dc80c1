#!/usr/bin/env python3
"""Measures how long each kind of call takes on a running store, one kind after the other:

    ci/latency.py http://localhost:8080 admin@store.local PASSWORD [--clients 4] [--seconds 5] [--markdown]

Prints calls a second, p50, p99 and the longest, in milliseconds, as a client on the same machine sees them. Start the
store with STORE_RATE_LIMIT=off. Orders are placed for real. Any answer but the expected one ends it with exit code 1.
"""

import argparse
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse
import uuid


class Caller:
    """One keep-alive connection."""

    def __init__(self, address, token):
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        self.headers = {"Authorization": "Bearer " + token} if token else {}

    def call(self, method, path, body=None, expected=200):
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
            headers["Idempotency-Key"] = str(uuid.uuid4())
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        content = response.read()
        if response.status != expected:
            raise RuntimeError(f"{method} {path} answered {response.status}: {content[:300]!r}")
        return json.loads(content)


def query(**parameters):
    return "/api/products/?" + urllib.parse.urlencode(parameters)


def kinds(setup):
    """The calls by name: what a shop's pages ask for. What varies is drawn at each call."""
    products = []
    for offset in range(0, 10000, 500):
        items = setup.call("GET", query(limit=100, offset=offset, in_stock="true", with_total="false"))["items"]
        products += [item["id"] for item in items if item["stock"] >= 50]
    if len(products) < 100:
        sys.exit("Too few products with 50 in stock to place orders for: seed the store first.")
    categories = setup.call("GET", "/api/categories/")["items"]
    largest = max((c for c in categories if c["parent_id"]), key=lambda c: c["product_count"])["slug"]
    top = max((c for c in categories if not c["parent_id"]), key=lambda c: c["product_count"])["slug"]
    slugs = [c["slug"] for c in categories if c["product_count"]]
    common = ["молоко", "хлеб", "сыр", "чай", "мармелад", "яблоки"]
    deep = setup.call("GET", query(limit=20, sort="price_asc", offset=10000, with_total="false"))["next_cursor"]
    order = {"items": [{"product_id": p, "quantity": 1} for p in products[:2]]}
    orders = [setup.call("POST", "/api/orders/", order, 201)["id"] for _ in range(20)]

    def get(make):
        return lambda caller: caller.call("GET", make())

    def place(caller):
        chosen = random.sample(products, 2)
        caller.call("POST", "/api/orders/", {"items": [{"product_id": p, "quantity": 1} for p in chosen]}, 201)

    return {
        "product by id": get(lambda: "/api/products/" + random.choice(products)),
        "list, newest, without total": get(lambda: query(with_total="false")),
        "list, newest, with total": get(lambda: query()),
        "list, a category by price, without total":
            get(lambda: query(category=random.choice(slugs), sort="price_asc", with_total="false")),
        "list, a category by price, with total": get(lambda: query(category=random.choice(slugs), sort="price_asc")),
        "list, largest sub-category, with total": get(lambda: query(category=largest, sort="price_asc")),
        "list, largest top category, with total": get(lambda: query(category=top, sort="name_asc")),
        "list, in stock, price from 100 to 200, without total":
            get(lambda: query(in_stock="true", min_price="100", max_price="200", sort="price_asc", with_total="false")),
        "list by price, offset 10000, without total":
            get(lambda: query(sort="price_asc", offset=10000, with_total="false")),
        "list by price, cursor behind it, without total":
            get(lambda: query(sort="price_asc", cursor=deep, with_total="false")),
        "search, a common word, without total": get(lambda: query(q=random.choice(common), with_total="false")),
        "search, a common word, with total": get(lambda: query(q=random.choice(common))),
        "search, a typing error, without total": get(lambda: query(q="мармилад", with_total="false")),
        "search, two words by price, with total": get(lambda: query(q="сыр молоко", sort="price_asc")),
        "categories with counts": get(lambda: "/api/categories/"),
        "order of two lines": place,
        "order by id": get(lambda: "/api/orders/" + random.choice(orders)),
        "all orders, newest, without total": get(lambda: "/api/orders/?with_total=false"),
        "all orders, newest, with total": get(lambda: "/api/orders/"),
        "orders pending, largest first, without total":
            get(lambda: "/api/orders/?status=pending&sort=total_desc&with_total=false"),
    }


def measure(address, token, call, clients, seconds):
    """The times in seconds of all calls that so many clients make, each waiting for its answer."""
    times, failures = [], []
    end = time.monotonic() + seconds

    def client():
        try:
            caller = Caller(address, token)
            mine = []
            while time.monotonic() < end:
                begin = time.perf_counter()
                call(caller)
                mine.append(time.perf_counter() - begin)
            times.extend(mine)
        except Exception as failure:  # told by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"failed: {failures[0]}")
    return sorted(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("email")
    parser.add_argument("password")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    address = urllib.parse.urlsplit(options.address)
    sign_in = {"email": options.email, "password": options.password}
    token = Caller(address, None).call("POST", "/api/auth/login", sign_in)["access_token"]
    row = "| {:<54} | {:>8} | {:>8} | {:>8} | {:>8} |" if options.markdown else "{:<54} {:>8} {:>8} {:>8} {:>8}"
    print(row.format("call", "calls/s", "p50 ms", "p99 ms", "max ms"))
    if options.markdown:
        print("| --- | ---: | ---: | ---: | ---: |")
    for name, call in kinds(Caller(address, token)).items():
        measure(address, token, call, options.clients, min(1, options.seconds))
        times = measure(address, token, call, options.clients, options.seconds)
        at = lambda part: f"{1000 * times[min(len(times) - 1, int(part * len(times)))]:.1f}"
        print(row.format(name, round(len(times) / options.seconds), at(0.5), at(0.99), at(1)), flush=True)


if __name__ == "__main__":
    main()
