"""What there is to buy, read from the running store once a run, and how people choose from it."""

from __future__ import annotations

import itertools
import random
import re
import urllib.parse
from decimal import Decimal

from loadtest import plain

MOST_PRODUCTS = 2_000
"""Of those that are in stock. The law below gives the ones behind them a share that nobody would notice."""
PAGE = 100
DEEPEST_OFFSET = 10_000
ZIPF_EXPONENT = 1.0
"""The product in place n is wanted 1/n times as often as the first one, which is about what shops see."""
WORD = re.compile(r"[A-Za-zА-Яа-яЁё]{4,}")


class Catalogue:
    """The products in order of how much they are wanted: the same order in every process and every run."""

    def __init__(self, products: list[dict], categories: list[dict], total: int):
        if not products:
            raise plain.CannotAsk("The store has no product in stock, so there is nothing to buy: add some with ./store seed.")
        self.products = sorted(products, key=lambda product: random.Random(product["sku"]).random())
        self.by_id = {product["id"]: product for product in self.products}
        self.total = total
        self._weights = list(itertools.accumulate(1 / place**ZIPF_EXPONENT for place in range(1, len(self.products) + 1)))
        self.categories = categories
        self._children = {}
        for category in categories:
            self._children.setdefault(category["parent_id"], []).append(category)
        self.prices = sorted(Decimal(product["price"]["amount"]) for product in products)
        # The first word of a product's name says what it is; later ones may be such that a search leaves out.
        self.words = [found.group() for product in self.products if (found := WORD.match(product["name"]))] or ["молоко"]

    @classmethod
    def read(cls, host: str) -> Catalogue:
        categories = plain.ask(f"{host}/api/categories/")["items"]
        query = {"in_stock": "true", "limit": PAGE, "sort": "newest"}
        total = plain.ask(f"{host}/api/products/?limit=1")["total"]
        products, cursor = [], None
        while len(products) < MOST_PRODUCTS:
            more = {"cursor": cursor} if cursor else {}
            page = plain.ask(f"{host}/api/products/?" + urllib.parse.urlencode({**query, **more, "with_total": "false"}))
            products += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        return cls(products, [category for category in categories if category["product_count"]], total)

    @property
    def hot(self) -> dict:
        """The one product that everybody wants."""
        return self.products[0]

    def product(self) -> dict:
        return random.choices(self.products, cum_weights=self._weights)[0]

    def basket(self, lines: int) -> list[dict]:
        """That many different products, the wanted ones more often; fewer if the shop has no more."""
        chosen = {}
        # Not forever: in a small shop the last different one may take long to come up.
        for _ in range(20 * lines):
            product = self.product()
            chosen[product["id"]] = product
            if len(chosen) == lines:
                break
        return list(chosen.values())

    def word(self) -> str:
        return random.choices(self.words, cum_weights=self._weights[: len(self.words)])[0]

    def category(self) -> dict:
        return random.choice(self.categories)

    def under(self, category: dict) -> set[str]:
        """The ids of a category and of all below it."""
        found, waiting = set(), [category]
        while waiting:
            one = waiting.pop()
            found.add(one["id"])
            waiting += self._children.get(one["id"], [])
        return found

    def price_range(self) -> tuple[Decimal, Decimal]:
        """Two prices with something between them, odd enough that no answer to them is ready."""
        low, high = sorted(random.sample(self.prices, 2)) if len(self.prices) > 1 else (self.prices[0],) * 2
        return max(Decimal("0.01"), low - Decimal(random.randrange(100)) / 100), high + Decimal(random.randrange(100)) / 100

    def deep_offset(self, limit: int) -> int:
        return random.randint(0, max(0, min(self.total - limit, DEEPEST_OFFSET)))
