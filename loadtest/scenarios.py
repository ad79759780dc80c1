"""
The three kinds of load. Each bears the name that people read on Locust's page; docs/load-testing.md says what each is for.

Requests are named as routes: the ids in their paths and the values in their queries would make thousands of names.
"""

from __future__ import annotations

import random

from locust import task

from loadtest import checks
from loadtest.person import Person

PAGE = 100
CURSOR_PAGES = 5
LARGE_ORDER = (30, 100)
BURST = (4, 8)


class Heavy(Person):
    """Requests that are each much work: search, pages far behind, orders of a hundred lines, the order history."""

    @task(4)
    def search(self):
        word = self.catalogue.word()
        found = self.list_products("GET /api/products/?q=", q=word, limit=50)
        if not found["items"]:
            return
        # Sorted, all matches have to be read, not only the best ones.
        self.list_products("GET /api/products/?q=&sort=", q=word, sort=random.choice(("price_asc", "price_desc")), limit=50)

    @task(3)
    def deep_page_by_offset(self):
        sort = random.choice(("price_asc", "price_desc", "newest"))
        offset = self.catalogue.deep_offset(PAGE)
        self.list_products("GET /api/products/?offset=", limit=PAGE, sort=sort, offset=offset)

    @task(3)
    def deep_pages_by_cursor(self):
        """From a page on, ever further; no product twice, and the order goes on from page to page."""
        sort = random.choice(("price_asc", "newest"))
        seen, last, cursor = set(), [], None

        def right(items):
            checks.must(not seen & {item["id"] for item in items}, "a product came again on a later page")
            checks.sorted_by(last + items, sort)

        for _ in range(CURSOR_PAGES):
            more = {"cursor": cursor} if cursor else {}
            page = self.list_products("GET /api/products/?cursor=", limit=PAGE, sort=sort, with_total="false", check=right, **more)
            seen |= {item["id"] for item in page["items"]}
            last, cursor = page["items"][-1:], page["next_cursor"]
            if not cursor:
                break

    @task(3)
    def large_order(self):
        lines = self.catalogue.basket(random.randint(*LARGE_ORDER))
        self.place("POST /api/orders/ (30 to 100 lines)", {product["id"]: random.randint(1, 3) for product in lines})

    @task(2)
    def order_history(self):
        """Their own, and the whole shop's as the back office sees it, with all lines of each order."""
        sort = random.choice(("newest", "total_desc"))
        query = f"limit=50&sort={sort}"
        self.call("GET /api/orders/", "GET", f"/api/orders/?{query}", session=self.session, check=history(50, sort))
        self.call("GET /api/orders/ (all customers)", "GET", f"/api/orders/?{query}", session=self.office, check=history(50, sort))


class Database(Person):
    """Requests that no cache answers and writes that meet each other: what the database and its locks make of it."""

    @task(5)
    def uncached_filter(self):
        """A price range that nobody has asked for before."""
        low, high = self.catalogue.price_range()
        self.list_products("GET /api/products/?min_price=&max_price=", min_price=low, max_price=high, sort="price_asc",
                           check=lambda items: checks.priced(items, low, high))

    @task(3)
    def uncached_category(self):
        low, high = self.catalogue.price_range()
        category = self.catalogue.category()
        within = self.catalogue.under(category)

        def right(items):
            checks.priced(items, low, high)
            checks.in_categories(items, within)

        self.list_products("GET /api/products/?category=&min_price=&max_price=", category=category["slug"], min_price=low,
                           max_price=high, sort="price_desc", check=right)

    @task(3)
    def burst_of_writes(self):
        """Orders and deliveries one after the other, without a thought between them."""
        for _ in range(random.randint(*BURST)):
            lines = self.catalogue.basket(random.randint(1, 3))
            self.place("POST /api/orders/ (burst)", {product["id"]: 1 for product in lines})
        self.deliver(self.catalogue.product()["id"])

    @task(4)
    def hot_product(self):
        """Everybody wants the same product: all wait for one row."""
        self.place("POST /api/orders/ (one hot product)", {self.catalogue.hot["id"]: 1})

    @task(2)
    def status_changes(self):
        """An order on its way to the customer, and back, so that its stock is on sale again; or cancelled at once."""
        order = self.place("POST /api/orders/ (burst)", {product["id"]: 1 for product in self.catalogue.basket(2)})
        if order is None:
            return
        if random.random() < 0.4:
            self.cancel(order)
        else:
            for status in ("confirmed", "shipped", "delivered", "returned"):
                self.set_status(order, status)


class Mixed(Person):
    """A shop's day: of a hundred things that people do, 60 are looking around and 12 are buying."""

    @task(60)
    def browse(self):
        chance = random.random()
        if chance < 0.1:
            self.call("GET /api/categories/", "GET", "/api/categories/",
                      check=lambda answer: checks.must(answer["items"], "a shop without categories"))
        elif chance < 0.5:
            category = self.catalogue.category()
            within = self.catalogue.under(category)
            self.list_products("GET /api/products/?category=", category=category["slug"], sort=random.choice(("price_asc", "newest")),
                               check=lambda items: checks.in_categories(items, within))
        else:
            wanted = self.catalogue.product()["id"]
            self.call("GET /api/products/{id}", "GET", f"/api/products/{wanted}",
                      check=lambda answer: checks.must(answer["id"] == wanted, "another product than asked for"))

    @task(20)
    def search(self):
        self.list_products("GET /api/products/?q=", q=self.catalogue.word(), in_stock="true",
                           check=lambda items: checks.must(all(item["stock"] > 0 for item in items), "sold out, among what is in stock"))

    @task(12)
    def buy(self):
        lines = self.catalogue.basket(random.choices((1, 2, 3, 4, 5, 8), (30, 25, 18, 12, 10, 5))[0])
        self.place("POST /api/orders/", {product["id"]: random.choices((1, 2, 3), (75, 18, 7))[0] for product in lines})

    @task(6)
    def look_after_ones_order(self):
        """Where is it; rarely: away with it."""
        self.call("GET /api/orders/", "GET", "/api/orders/?limit=10", session=self.session, check=history(10, "newest"))
        if not self.orders:
            return
        order = self.orders[-1]

        def right(answer):
            checks.order(answer)
            checks.must(answer["total"] == order["total"], "an order's total has changed")

        self.call("GET /api/orders/{id}", "GET", f"/api/orders/{order['id']}", session=self.session, check=right)
        if random.random() < 0.15:
            self.cancel(self.orders.pop())

    @task(2)
    def back_office(self):
        """Somebody at the shop looks at what is new, sends one order on its way, and books a delivery."""
        waiting = self.call("GET /api/orders/?status=", "GET", "/api/orders/?status=pending&sort=oldest&limit=20", session=self.office,
                            check=history(20, "oldest"))[1]["items"]
        if waiting:
            order = random.choice(waiting)

            def right(status, answer):
                # 409: the customer has cancelled it meanwhile, or a colleague was faster.
                if status == 409:
                    checks.must(answer.get("code") == "illegal_transition", f"refused with {answer.get('code')}")
                else:
                    checks.must(answer["status"] == "confirmed", "an order has not the status that was set")

            self.call("PUT /api/orders/{id}", "PUT", f"/api/orders/{order['id']}", session=self.office, body={"status": "confirmed"},
                      expected=(200, 409), check=right)
        self.deliver(self.catalogue.product()["id"])


def history(limit: int, sort: str):
    def right(answer):
        for order in checks.page(answer, limit, sort):
            checks.order(order)

    return right


SCENARIOS = {"heavy": Heavy, "database": Database, "mixed": Mixed}
"""By the word on the command line."""
TITLES = {"heavy": "Heavy API Calls", "database": "Database Intensive", "mixed": "Mixed Workload"}

for word, scenario in SCENARIOS.items():
    # Locust's page, reports and metrics show a class by its name.
    scenario.__name__ = scenario.__qualname__ = TITLES[word]
