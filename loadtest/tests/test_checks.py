"""What is said of an answer that is wrong: each check lets the right one pass and has a case that it stops."""

import copy
import unittest
from decimal import Decimal

from loadtest import checks


def money(amount):
    return {"amount": amount, "currency": "RUB"}


def product(number, price, category="fruit"):
    return {"id": number, "price": money(price), "category": {"id": category}, "created_at": f"2026-11-0{number}T10:00:00.5Z"}


ORDER = {
    "items": [{"product_id": "a", "quantity": 3, "unit_price": money("0.10"), "line_total": money("0.30")},
              {"product_id": "b", "quantity": 1, "unit_price": money("2.00"), "line_total": money("2.00")}],
    "total": money("2.30"),
}


class ChecksTest(unittest.TestCase):
    def wrong(self, said, check, *words):
        with self.assertRaisesRegex(checks.Wrong, said):
            check(*words)

    def test_a_page_is_no_longer_than_asked_and_has_nothing_twice(self):
        one, two = product(1, "5.00"), product(2, "7.00")
        self.assertEqual([one, two], checks.page({"items": [one, two]}, 2, "price_asc"))
        self.wrong("more items", checks.page, {"items": [one, two]}, 1)
        self.wrong("twice", checks.page, {"items": [one, one]}, 2)

    def test_a_page_is_sorted_as_asked(self):
        cheap, dear = product(1, "9.00"), product(2, "10.00")
        checks.sorted_by([cheap, dear], "price_asc")
        self.wrong("price_asc", checks.sorted_by, [dear, cheap], "price_asc")
        self.wrong("price_desc", checks.sorted_by, [cheap, dear], "price_desc")
        self.wrong("newest", checks.sorted_by, [cheap, dear], "newest")
        self.wrong("oldest", checks.sorted_by, [dear, cheap], "oldest")

    def test_a_page_has_only_what_was_asked_for(self):
        items = [product(1, "5.00"), product(2, "7.00")]
        checks.priced(items, Decimal("5.00"), Decimal("7.00"))
        self.wrong("outside the range", checks.priced, items, Decimal("5.01"), Decimal("7.00"))
        self.wrong("outside the range", checks.priced, items, Decimal("5.00"), Decimal("6.99"))
        checks.in_categories(items, {"fruit"})
        self.wrong("another category", checks.in_categories, items, {"cheese"})

    def test_an_order_adds_up_and_is_what_was_ordered(self):
        checks.order(ORDER, {"a": 3, "b": 1})
        for path, value, said in ((("total",), money("2.31"), "sum of the lines"), (("items", 0, "line_total"), money("0.31"), "price times quantity")):
            broken = copy.deepcopy(ORDER)
            place = broken
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.wrong(said, checks.order, broken)
        self.wrong("other lines", checks.order, ORDER, {"a": 3})
        self.wrong("other lines", checks.order, ORDER, {"a": 2, "b": 1})

    def test_only_too_little_stock_is_a_fair_refusal(self):
        checks.too_little_stock({"code": "insufficient_stock", "errors": [{"field": "items[0].quantity"}]})
        self.wrong("product_unavailable", checks.too_little_stock, {"code": "product_unavailable", "errors": [{}]})
        self.wrong("without the lines", checks.too_little_stock, {"code": "insufficient_stock", "errors": []})
