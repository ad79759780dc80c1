"""Finds out which statements a call of the store's is made of, by having the database log them."""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from bench.database import Database
from bench.statements import CannotCopy, Executed, Marks, Statement, generalize, transactions
from bench.store import Server

REPEATS = 12
"""Calls to look at: the first ones may do what later ones have no need to."""

MOST_IN_FLIGHT = 6
"""Transactions that a store which shares them is expected to have in flight at once, at most."""

TRIES = 3
PAUSE_S = 0.3
"""Long enough for what was sent to wait where it is to wait, and well below the store's own limits."""


QUIET_S = 2
"""What the database is asked in this time without a call of ours, the store asks for itself, call or no call."""


def _of_calls(database: Database, calls) -> tuple[list, list[list[Executed]]]:
    """Makes calls one after the other; what each returned, and the statements it was made of."""
    with database.logging() as since_last:
        time.sleep(QUIET_S)
        always = {one.sql for one in since_last()}
        results, runs = [], []
        for call in calls:
            results.append(call())
            # The driver asks whether a connection is alive with a statement of no text.
            runs.append([one for one in since_last() if one.sql and one.sql not in always])
    return results, runs


def _commonest(runs: list[list[Executed]]) -> int:
    """The place of a run whose statements are those of most runs; a background job may have come between one of them."""
    counts = collections.Counter(tuple(one.sql for one in run) for run in runs)
    texts, times = counts.most_common(1)[0]
    if not texts:
        raise CannotCopy("the store ran no statement at all for the call")
    if times * 2 < len(runs):
        raise CannotCopy(f"the store's statements differ from call to call: the commonest came {times} times of {len(runs)}")
    return max(n for n, run in enumerate(runs) if tuple(one.sql for one in run) == texts)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _general(database: Database, executed: list[Executed], marks: Marks) -> list[Statement]:
    return generalize(executed, marks, database.signatures(executed), _now())


def list_statements(database: Database, store: Server, pages) -> tuple[list[Statement], Marks]:
    """What a store without a cache runs for a list."""
    pages = pages[:REPEATS]
    _, runs = _of_calls(database, [functools.partial(store.call, "GET", page.path) for page in pages])
    n = _commonest(runs)
    marks = Marks()
    marks.add("categories", pages[n].category, within_text=True)
    marks.add("lows", Decimal(pages[n].low))
    marks.add("highs", Decimal(pages[n].high))
    return _general(database, runs[n], marks), marks


def place(store: Server, token: str, products, key: str | None = None):
    """Places an order of one piece each and returns its key and the answer."""
    key = key or str(uuid.uuid4())
    items = [{"product_id": product, "quantity": 1} for product in products]
    headers = {"Authorization": "Bearer " + token, "Idempotency-Key": key}
    return key, store.call("POST", "/api/orders/", {"items": items}, headers, 201).json()


def _mark_order(marks: Marks, key: str, order: dict) -> None:
    marks.add("orders", order["id"], within_text=True)
    marks.add("numbers", order["number"])
    marks.add("keys", key, within_text=True)
    marks.add("users", order["customer"]["id"], within_text=True)
    marks.add("totals", Decimal(order["total"]["amount"]))
    for line in order["items"]:
        marks.add("products", line["product_id"], within_text=True)
        marks.add("skus", line["sku"])
        marks.add("names", line["name"])
        marks.add("prices", Decimal(line["unit_price"]["amount"]))


def order_statements(database: Database, store: Server, token: str, baskets) -> tuple[list[Statement], Marks]:
    """What the store runs for an order that comes alone; a basket is the products of one order."""
    placed, runs = _of_calls(database, [functools.partial(place, store, token, basket) for basket in baskets[:REPEATS]])
    n = _commonest(runs)
    marks = Marks()
    _mark_order(marks, *placed[n])
    return _general(database, runs[n], marks), marks


def shared_statements(database: Database, store: Server, tokens, baskets, blocked: str) -> tuple[list[Statement], Marks] | int:
    """What the store runs for orders that wait at the same moment, one for each basket, once all share a transaction.

    To make them wait, ``blocked``, a product of none of them, is locked, and some orders of it occupy the store: as many
    as it has transactions in flight, which is tried out. Returns the most orders that were seen in one transaction where
    that never were all of them.
    """
    most = 0
    for occupying in list(range(1, MOST_IN_FLIGHT + 1)) * TRIES:
        with database.logging() as since_last, ThreadPoolExecutor(len(baskets) + occupying) as pool:
            with _locked(database, blocked):
                first = []
                for n in range(occupying):
                    first.append(pool.submit(place, store, tokens[n], [blocked]))
                    time.sleep(PAUSE_S / MOST_IN_FLIGHT)
                waiting = [pool.submit(place, store, tokens[n % len(tokens)], basket) for n, basket in enumerate(baskets)]
                time.sleep(PAUSE_S)
            others = [future.result()[0] for future in first]
            placed = [future.result() for future in waiting]
            executed = since_last()
        for transaction in transactions(executed):
            texts = "\n".join(value for one in transaction for value in one.parameters if value is not None)
            there = sum(key in texts for key, _ in placed)
            most = max(most, there)
            if there == len(baskets) and not any(key in texts for key in others):
                marks = Marks()
                for key, order in placed:
                    _mark_order(marks, key, order)
                return _general(database, transaction, marks), marks
    return most


@contextlib.contextmanager
def _locked(database: Database, product: str):
    """Holds the lock of a product's stock."""
    session = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], env=database.environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # A session that never gets the lock must not hold up the run for good.
    timer = threading.Timer(30, session.kill)
    timer.start()
    try:
        session.stdin.write(f"BEGIN;\nSELECT 'locked' FROM stock WHERE product_id = '{product}' FOR UPDATE;\n")
        session.stdin.flush()
        if session.stdout.readline().strip() != "locked":
            raise CannotCopy(f"the stock of {product} could not be locked")
        yield
        session.communicate("ROLLBACK;\n")
    finally:
        timer.cancel()
        if session.poll() is None:
            session.kill()
            session.wait()
