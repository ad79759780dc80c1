"""
What must be true of an answer beyond its status. Each check raises Wrong with a sentence that is the same for the same fault:
Locust counts failures by their text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


class Wrong(Exception):
    """An answer that a customer would complain about."""


def must(true, sentence: str) -> None:
    if not true:
        raise Wrong(sentence)


def amount(money: dict) -> Decimal:
    return Decimal(money["amount"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


SORTS = {
    "price_asc": (lambda item: amount(item["price"]), False),
    "price_desc": (lambda item: amount(item["price"]), True),
    "newest": (lambda item: moment(item["created_at"]), True),
    "oldest": (lambda item: moment(item["created_at"]), False),
    "total_asc": (lambda item: amount(item["total"]), False),
    "total_desc": (lambda item: amount(item["total"]), True),
}


def sorted_by(items: list[dict], sort: str) -> None:
    key, falling = SORTS[sort]
    values = [key(item) for item in items]
    must(values == sorted(values, reverse=falling), f"the items are not sorted by {sort}")


def page(answer: dict, limit: int, sort: str | None = None) -> list[dict]:
    items = answer["items"]
    must(len(items) <= limit, "more items than the limit")
    must(len({item["id"] for item in items}) == len(items), "the same item twice on a page")
    if sort:
        sorted_by(items, sort)
    return items


def priced(items: list[dict], low: Decimal, high: Decimal) -> None:
    must(all(low <= amount(item["price"]) <= high for item in items), "an item's price is outside the range asked for")


def in_categories(items: list[dict], ids: set[str]) -> None:
    must(all(item["category"]["id"] in ids for item in items), "an item is of another category than asked for")


def order(answer: dict, wanted: dict[str, int] | None = None) -> None:
    """An order adds up, and has what was asked for."""
    for line in answer["items"]:
        must(amount(line["unit_price"]) * line["quantity"] == amount(line["line_total"]), "a line is not price times quantity")
    must(sum(amount(line["line_total"]) for line in answer["items"]) == amount(answer["total"]), "the total is not the sum of the lines")
    if wanted is not None:
        must({line["product_id"]: line["quantity"] for line in answer["items"]} == wanted, "the order has other lines than asked for")


def too_little_stock(answer: dict) -> None:
    """A fair refusal: it says which lines are short."""
    must(answer.get("code") == "insufficient_stock", f"refused with {answer.get('code')}")
    must(answer.get("errors"), "insufficient_stock without the lines that are short")
