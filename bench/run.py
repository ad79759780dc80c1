"""One run of the benchmark, from an empty folder to the figures."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import pathlib
import random
import shutil
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench import capture, load, machine, store
from bench.database import Database
from bench.statements import (CannotCopy, Script, array_literal, calling_script, function_sql, round_trips_script)

BUYERS = 64
CONNECTIONS = 64
LIST_CONNECTIONS_BESIDE = 8
PAGES = 20_000
PAGES_A_DRAW = 16
DRAWS = 1_000
HOT_PAGES = 50
HOT_PRODUCTS = 1_000
ORDERS_SHARED = 16
ROUND_TRIP_ORDERS = 8
CURSORS = 200
DEEPEST_OFFSET = 10_000
STARTS = 3
WARMING_UP_S = 15
SETTLING_S = 1
"""Load before each measurement that doesn't count: connections, caches and plans of the step before make way."""
TOKEN_AGE_S = 300
"""Access tokens live for 15 minutes."""
CLIENTS_TO_TRY = (1, 2, 4, 8, 16, 32)
PASSWORD = "a password of the benchmark's"


@dataclass(frozen=True)
class Page:
    """One page of a list by category and price."""

    category: str
    low: str
    high: str

    @property
    def path(self) -> str:
        return query(category=self.category, min_price=self.low, max_price=self.high, sort="price_asc", limit=10)


def query(**parameters) -> str:
    return "/api/products/?" + urllib.parse.urlencode(parameters)


@dataclass
class Dataset:
    """A shop of some size: its folder, and two stores on its database, one as shipped and one without answers in memory."""

    products: int
    folder: pathlib.Path
    cached: store.Server = None
    uncached: store.Server = None
    database: Database = None
    pages: list = field(default_factory=list)

    def file(self, out: pathlib.Path, name: str) -> pathlib.Path:
        return out / f"{name}-{self.products}.txt"


@dataclass
class Step:
    """One thing to measure. ``go`` takes seconds and returns the result of each name in ``names``."""

    names: tuple
    products: int | None
    go: object
    server: store.Server | None = None
    database: Database | None = None
    prepare: object = None
    check: object = None


class Bench:
    def __init__(self, root: pathlib.Path, out: pathlib.Path, java: str, java_options: str, products: list,
                 rounds: int, seconds: float):
        self.root = root
        self.out = out
        self.work = out / "work"
        self.java = java
        self.java_options = java_options
        self.rounds = rounds
        self.seconds = seconds
        self.children = machine.Children()
        self.began = time.monotonic()
        self.datasets = [Dataset(n, root / "target/bench" / f"data-{n}") for n in sorted(products)]
        self.tokens_made = 0.0
        self.data = {
            "products": sorted(products), "rounds": rounds, "seconds": seconds,
            "deepest_offset": min(DEEPEST_OFFSET, max(products) * 9 // 10),
            "machine": {}, "measurements": [], "second_start_s": [], "resident_mb": {}, "pgbench_clients": {},
            "statements": {}, "skipped": {},
        }

    @property
    def small(self) -> Dataset:
        """Orders are placed here."""
        return self.datasets[0]

    @property
    def large(self) -> Dataset:
        return self.datasets[-1]

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)

    def run(self) -> dict:
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self.data["machine"] = machine.facts(self.root, self.java)
            load_before = self.data["machine"]["load_before"]
            if load_before > 0.5:
                self.say(f"other work runs on this machine (load {load_before:.1f}): take the figures with care")
            for dataset in self.datasets:
                self.seed(dataset)
            self.measure_starts()
            for dataset in self.datasets:
                self.open(dataset)
            self.prepare_orders()
            steps = self.steps()
            self.warm_up(steps)
            for n in range(1, self.rounds + 1):
                self.round(n, steps)
            self.audit()
            self.measure_memory()
            return self.data
        finally:
            if self.children.running:
                self.say("stopping what was started")
            self.children.stop_all()
            # They open no door any more in some minutes, but need not lie about.
            (self.work / "tokens.txt").unlink(missing_ok=True)

    # Before the rounds ---------------------------------------------------------------------------------

    def seed(self, dataset: Dataset) -> None:
        """Makes the data. A large shop is only read and so kept for the next run; orders would make the small one grow."""
        made = dataset.folder / "seeded"
        if dataset is not self.small and made.exists():
            self.say(f"the shop of {dataset.products:,} products is there from an earlier run")
            return
        if dataset.folder.exists():
            self.refuse_if_in_use(dataset.folder)
            shutil.rmtree(dataset.folder)
        self.say(f"seeding a shop of {dataset.products:,} products and as many orders"
                 + (" (before that the store is built, if need be)" if dataset is self.small
                    else " (some minutes, the first time only)"))
        log = self.out / f"seed-{dataset.products}.log"
        process = self.children.start(
            [str(self.root / "store"), "seed", "--products", str(dataset.products), "--orders", str(dataset.products)],
            log, env=store.shipped({"STORE_DATA_DIR": str(dataset.folder)}))
        if process.wait() != 0:
            raise store.Unexpected(f"The shop could not be seeded; {log} says why.")
        self.children.stop(process)
        made.write_text("")

    @staticmethod
    def refuse_if_in_use(folder: pathlib.Path) -> None:
        lock = folder / "store.lock"
        if lock.exists():
            with open(lock, "a") as file:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise store.Unexpected(f"A store runs on {folder}: stop it first.") from None

    def measure_starts(self) -> None:
        folder = self.small.folder
        for n in range(STARTS + 1):
            server = store.store(self.children, self.root, self.out / "starts.log", {"STORE_DATA_DIR": str(folder)})
            seconds = server.start(store.FIRST_PATH)
            server.stop()
            # The first start makes what later ones find: the administrator, signing keys.
            if n > 0:
                self.data["second_start_s"].append(seconds)
        times = ", ".join(f"{s:.2f}" for s in self.data["second_start_s"])
        self.say(f"second start to the first answered list: {times} s")

    def open(self, dataset: Dataset) -> None:
        """Starts both stores on a shop and draws the pages to ask for."""
        n = dataset.products
        dataset.cached = store.store(
            self.children, self.root, self.out / f"store-{n}.log", {"STORE_DATA_DIR": str(dataset.folder)})
        dataset.cached.start(store.FIRST_PATH)
        dataset.database = Database(dataset.folder)
        dataset.uncached = store.store(
            self.children, self.root, self.out / f"store-{n}-uncached.log",
            {**dataset.database.as_settings, "STORE_LIMITS_CACHE_BYTES": "0"})
        dataset.uncached.start(store.FIRST_PATH)
        self.data["machine"]["postgresql"] = dataset.database.value("current_setting('server_version')")
        dataset.database.run((self.root / "bench/sql/schema.sql").read_text())

        categories = [c["slug"] for c in dataset.cached.call("GET", "/api/categories/").json()["items"] if c["product_count"]]
        prices = [float(p) for p in dataset.database.value(
            "percentile_disc(ARRAY(SELECT i / 100.0 FROM generate_series(0, 100) AS i)) WITHIN GROUP (ORDER BY price)"
            " FROM product WHERE archived_at IS NULL")]
        dataset.pages = [
            Page(random.choice(categories),
                 f"{random.choice(prices[:51]) + random.randrange(1, 100) / 100:.2f}",
                 f"{random.choice(prices[51:]) + random.randrange(1, 100) / 100:.2f}")
            for _ in range(PAGES)]
        products = [row["id"] for row in dataset.database.rows(
            f"SELECT id FROM product WHERE archived_at IS NULL ORDER BY random() LIMIT {HOT_PRODUCTS}")]
        by_category = [query(category=c, sort="price_asc", limit=10) for c in categories]
        self.write_lines(dataset.file(self.work, "pages"), [page.path for page in dataset.pages])
        self.write_lines(dataset.file(self.work, "hot-pages"), [page.path for page in dataset.pages[:HOT_PAGES]])
        self.write_lines(dataset.file(self.work, "hot-products"), [f"/api/products/{p}" for p in products])
        self.write_lines(dataset.file(self.work, "categories"), by_category)
        self.draw_deep_pages(dataset)
        self.say(f"two stores serve {n:,} products, one of them without a cache")

    def one_more_store(self, name: str, settings: dict) -> store.Server:
        """On the small shop's database, beside its own two."""
        server = store.store(
            self.children, self.root, self.out / f"store-{name}.log",
            # What is asked of it is kept, and the database's connections are for those that ask.
            {**self.small.database.as_settings, "STORE_LIMITS_POOL_SIZE": "4", **settings})
        server.start(store.FIRST_PATH)
        return server

    def draw_deep_pages(self, dataset: Dataset) -> None:
        """The first page, the deepest by offset, and pages at the far end by cursor, each in many variants."""
        def plain(**more):
            return query(sort="price_asc", limit=10, with_total="false", **more)

        lows = [f"{cents / 100:.2f}" for cents in range(CURSORS)]
        deepest = min(DEEPEST_OFFSET, dataset.products * 9 // 10)
        cursors = []
        path = self.linked(dataset.uncached.call("GET", plain()), "last")
        while len(cursors) < CURSORS:
            answer = dataset.uncached.call("GET", path)
            if answer.json()["next_cursor"]:
                cursors.append(answer.json()["next_cursor"])
            path = self.linked(answer, "prev")
        self.write_lines(dataset.file(self.work, "first-pages"), [plain(min_price=low) for low in lows])
        self.write_lines(dataset.file(self.work, "offset-pages"), [plain(min_price=low, offset=deepest) for low in lows])
        self.write_lines(dataset.file(self.work, "cursor-pages"),
                         [plain(min_price=low, cursor=cursor) for low, cursor in zip(lows, cursors)])

    @staticmethod
    def linked(answer: store.Answer, relation: str) -> str:
        for link in answer.header("Link").split(", "):
            target, _, name = link.partition("; rel=")
            if name.strip('"') == relation:
                return target.strip("<>")
        raise store.Unexpected(f"a list has no link to {relation!r}")

    @staticmethod
    def write_lines(file: pathlib.Path, lines) -> None:
        file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    # Orders --------------------------------------------------------------------------------------------

    def prepare_orders(self) -> None:
        """Customers, stock for all that will be ordered, and the pgbench copies of the store's statements."""
        self.sign_up()
        self.small.database.run((self.root / "bench/sql/delivery.sql").read_text())
        items = self.small.database.rows(
            "SELECT p.id, p.sku, p.name, p.price FROM product p JOIN stock s ON s.product_id = p.id"
            " WHERE p.archived_at IS NULL AND s.quantity >= 1000000 ORDER BY p.id")
        self.items = items
        self.hot = items[len(items) // 2]
        self.write_lines(self.work / "products.txt", [item["id"] for item in items])
        self.write_lines(self.work / "hot-product.txt", [self.hot["id"]])
        self.draw_baskets("baskets", lambda orders: random.sample(items, 2 * orders))
        self.draw_baskets("hot_baskets", lambda orders: [self.hot] * orders)
        self.copy_orders()
        self.say("the store's statements are known, and pgbench does the same work with them")

    def sign_up(self) -> None:
        server = self.small.cached

        def register(n):
            body = {"email": f"buyer-{n}@bench.example", "password": PASSWORD, "name": f"Buyer {n}"}
            return server.call("POST", "/api/auth/register", body, expected=201).json()

        with ThreadPoolExecutor(machine.cores()) as pool:
            self.buyers = list(pool.map(register, range(BUYERS)))
        self.sign_in()

    def sign_in(self) -> None:
        if self.tokens_made and time.monotonic() - self.tokens_made < TOKEN_AGE_S:
            return

        def token(buyer):
            body = {"email": buyer["email"], "password": PASSWORD}
            return self.small.cached.call("POST", "/api/auth/login", body).json()["access_token"]

        with ThreadPoolExecutor(machine.cores()) as pool:
            self.tokens = list(pool.map(token, self.buyers))
        self.tokens_made = time.monotonic()
        self.write_lines(self.work / "tokens.txt", self.tokens)

    def draw_baskets(self, table: str, choose) -> None:
        """Fills a table with draws of so many orders as one of them can be asked for at once."""
        file = self.work / f"{table}.csv"
        with open(file, "w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            for n in range(1, DRAWS + 1):
                lines = choose(ORDERS_SHARED)
                width = len(lines) // ORDERS_SHARED
                totals = [sum(line["price"] for line in lines[i:i + width]) for i in range(0, len(lines), width)]
                users = [random.choice(self.buyers)["id"] for _ in range(ORDERS_SHARED)]
                columns = [users, totals, *([line[name] for line in lines] for name in ("id", "sku", "name", "price"))]
                rows.writerow([n, *map(array_literal, columns)])
        self.small.database.run(f"\\copy bench.{table} FROM '{file}' CSV\nANALYZE bench.{table};")

    def baskets(self, orders: int) -> list:
        """Baskets of two products, all of them different in price and name, so that each is known again in a log."""
        distinct = list({item["price"]: item for item in {item["name"]: item for item in self.items}.values()}.values())
        chosen = random.sample([item for item in distinct if item is not self.hot], 2 * orders)
        return [[a["id"], b["id"]] for a, b in zip(chosen[::2], chosen[1::2])]

    def copy_orders(self) -> None:
        database, server = self.small.database, self.small.cached
        other = next(item for item in self.items if item is not self.hot)["id"]
        kinds = (("order", "baskets", self.baskets), ("hot order", "hot_baskets", lambda n: [[self.hot["id"]]] * n))
        self.scripts = {}
        for kind, draw, baskets in kinds:
            function = kind.replace(" ", "_")
            statements, marks = capture.order_statements(database, server, self.tokens[0], baskets(capture.REPEATS))
            self.data["statements"][kind] = [one.sql for one in statements]
            database.run(function_sql(f"{function}_1", statements, draw, 1))
            self.scripts[f"{kind} one call"] = calling_script(f"{function}_1", DRAWS, 1)
            self.scripts[f"{kind} round trips"] = round_trips_script(statements, marks, draw, DRAWS, ROUND_TRIP_ORDERS)
            self.check_copy(f"SELECT bench.{function}_1(1);", baskets(1)[0], 1)

            blocked = other if kind == "hot order" else self.hot["id"]
            shared = capture.shared_statements(database, server, self.tokens, baskets(ORDERS_SHARED), blocked)
            name = f"{kind} {ORDERS_SHARED} a call"
            if isinstance(shared, int):
                self.data["skipped"][name] = (
                    f"{ORDERS_SHARED} orders that wait at the same moment never shared a transaction ({shared} at most)")
                self.say(f"no {name}: {self.data['skipped'][name]}")
                continue
            self.data["statements"][name] = [one.sql for one in shared[0]]
            database.run(function_sql(f"{function}_{ORDERS_SHARED}", shared[0], draw, ORDERS_SHARED))
            self.scripts[name] = calling_script(f"{function}_{ORDERS_SHARED}", DRAWS, ORDERS_SHARED)
            self.check_copy(f"SELECT bench.{function}_{ORDERS_SHARED}(1);", baskets(1)[0], ORDERS_SHARED)

    def check_copy(self, call: str, basket, orders: int) -> None:
        """The copy of an order must write as many rows into each table as an order of the store's does."""
        database = self.small.database

        def rows_written(work) -> dict:
            before = database.rows_of_tables()
            work()
            return {table: n - before[table] for table, n in database.rows_of_tables().items() if n != before[table]}

        wanted = rows_written(lambda: capture.place(self.small.cached, self.tokens[0], basket))
        copied = rows_written(lambda: database.run(call))
        if copied != {table: n * orders for table, n in wanted.items()}:
            raise CannotCopy(f"an order of the store's writes {wanted}, {orders} of its copies {copied}")

    # The steps -----------------------------------------------------------------------------------------

    def steps(self) -> list[list[Step]]:
        """What is measured, in groups that are measured side by side: what is compared with what."""
        answers = self.work / "answers"
        hot_path = self.small.file(self.work, "hot-pages").read_text().splitlines()[0]
        product_path = self.small.file(self.work, "hot-products").read_text().splitlines()[0]
        recorded = {}
        for name, path in (("list", hot_path), ("product", product_path)):
            # The second answer is the one that can be from a cache.
            self.small.cached.call("GET", path)
            recorded[name] = self.small.cached.call("GET", path)
            store.record(recorded[name], answers, name)
        plain = store.plain_server(self.children, self.root, self.java, self.java_options, answers, self.out / "plain.log")
        plain.start("/plain/list")
        for name, answer in recorded.items():
            if not store.same_form(answer, plain.call("GET", f"/floor/{name}")):
                raise store.Unexpected(f"the bare server's answer differs from the store's {name}, see {answers}")
        # The cheapest request there is, once as it is shipped but with a receiver of traces, and once without any.
        traced = self.one_more_store("traced", {"OTEL_EXPORTER_OTLP_ENDPOINT": plain.url})
        untraced = self.one_more_store("untraced", {"OTEL_TRACES_SAMPLER_ARG": "0"})
        queries = [line.partition("?")[2] for line in self.small.file(self.work, "hot-pages").read_text().splitlines()]
        ids = [line.rpartition("/")[2] for line in self.small.file(self.work, "hot-products").read_text().splitlines()]
        # As many bytes a request as the store gets.
        for kind in ("floor", "plain"):
            self.write_lines(self.work / f"{kind}-list.txt", [f"/{kind}/list?{text}" for text in queries])
        self.write_lines(self.work / "floor-product.txt", [f"/floor/product/{text}" for text in ids])

        def reads(name, server, file, dataset=None, connections=CONNECTIONS, check=None):
            def go(seconds):
                return load.wrk(load.wrk_command(server.url, "paths.lua", [file], connections, seconds))
            return Step((name,), dataset.products if dataset else None, go, server,
                        dataset.database if dataset else None, None, check)

        groups = []
        for d in self.datasets:
            script, statements = self.list_script(d)
            groups.append([
                reads("list uncached", d.uncached, d.file(self.work, "pages"), d, check=self.really_uncached(statements)),
                self.copied("list pgbench", d, script)])
        groups.append(
            [reads("list cached", d.cached, d.file(self.work, "hot-pages"), d) for d in self.datasets]
            + [reads("list floor", plain, self.work / "floor-list.txt"),
               reads("list plain", plain, self.work / "plain-list.txt")])
        groups.append(
            [reads("product cached", d.cached, d.file(self.work, "hot-products"), d) for d in self.datasets]
            + [reads("product floor", plain, self.work / "floor-product.txt")])
        groups.append([
            reads("product traced", traced, self.small.file(self.work, "hot-products"), self.small),
            reads("product untraced", untraced, self.small.file(self.work, "hot-products"), self.small)])
        for kind, file, lines in (("order", "products.txt", 2), ("hot order", "hot-product.txt", 1)):
            groups.append([self.orders(kind, self.work / file, lines)] + [
                self.copied(name, self.small, script) for name, script in self.scripts.items()
                if name.removeprefix(kind + " ") in ("one call", "round trips", f"{ORDERS_SHARED} a call")])
        groups.append([self.orders_beside_lists()])
        for d in self.datasets:
            groups.append([reads(name, d.uncached, d.file(self.work, file), d, connections=1)
                           for name, file in (("first page", "first-pages"), ("offset page", "offset-pages"),
                                              ("cursor page", "cursor-pages"))])
        groups.append([reads("list as shipped", d.cached, d.file(self.work, "categories"), d) for d in self.datasets])
        return groups

    def list_script(self, dataset: Dataset) -> tuple[Script, int]:
        """The list in pgbench, and how many statements one takes."""
        file = self.work / f"pages-{dataset.products}.csv"
        with open(file, "w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            for n in range(PAGES // PAGES_A_DRAW):
                pages = dataset.pages[n * PAGES_A_DRAW:(n + 1) * PAGES_A_DRAW]
                rows.writerow([n + 1] + [array_literal(getattr(p, name) for p in pages) for name in ("category", "low", "high")])
        dataset.database.run(f"\\copy bench.pages FROM '{file}' CSV\nANALYZE bench.pages;")
        statements, marks = capture.list_statements(dataset.database, dataset.uncached, dataset.pages)
        self.data["statements"][f"list, {dataset.products} products"] = [one.sql for one in statements]
        return round_trips_script(statements, marks, "pages", PAGES // PAGES_A_DRAW, PAGES_A_DRAW), len(statements)

    @staticmethod
    def really_uncached(statements: int):
        def check(result):
            if result["statements"] < 0.95 * statements:
                raise store.Unexpected(
                    f"a store without a cache ran {result['statements']:.2f} statements a list instead of {statements}")
        return check

    def copied(self, name: str, dataset: Dataset, script: Script) -> Step:
        """A pgbench script, with as many clients as serve it best."""
        file = self.work / f"{name.replace(' ', '-')}-{dataset.products}.sql"

        def go(seconds, clients=None):
            clients = clients or self.data["pgbench_clients"][f"{name}, {dataset.products}"]
            return [load.pgbench(dataset.database.environment, script, file, clients, seconds)]

        return Step((name,), dataset.products, go, None, dataset.database)

    def orders(self, name: str, products: pathlib.Path, lines: int) -> Step:
        def go(seconds):
            with self.counting_orders() as placed:
                results = load.wrk(self.order_command(products, lines, seconds))
                placed(results[0]["requests"])
            return results

        return Step((name,), self.small.products, go, self.small.cached, self.small.database, self.sign_in)

    def order_command(self, products: pathlib.Path, lines: int, seconds: float, threads: int | None = None) -> list[str]:
        return load.wrk_command(self.small.cached.url, "orders.lua", [self.work / "tokens.txt", products, lines],
                                BUYERS, seconds, threads)

    def orders_beside_lists(self) -> Step:
        def go(seconds):
            lists = load.wrk_command(self.small.cached.url, "paths.lua", [self.small.file(self.work, "categories")],
                                     LIST_CONNECTIONS_BESIDE, seconds, 1)
            with self.counting_orders() as placed:
                results = load.wrk(self.order_command(self.work / "products.txt", 2, seconds, 1), lists)
                placed(results[0]["requests"])
            return results

        return Step(("order beside lists", "list beside orders"), self.small.products, go, self.small.cached,
                    self.small.database, self.sign_in)

    @contextlib.contextmanager
    def counting_orders(self):
        """Compares the answers that were counted with the orders that are there: each answer is one, none is missing."""
        database = self.small.database
        since = database.value("clock_timestamp()")
        answered = []
        yield answered.append
        # wrk hangs up while its last requests are still being answered.
        time.sleep(0.3)
        there = database.value(f"count(*) FROM orders WHERE created_at >= '{since}'")
        if not answered[0] <= there <= answered[0] + BUYERS:
            raise store.Unexpected(f"{answered[0]} orders were answered with success, and {there} are there")

    # The rounds ----------------------------------------------------------------------------------------

    def warm_up(self, groups) -> None:
        """Every step once, without counting; pgbench with several numbers of clients, to know with which it is fastest."""
        self.say("warming up, and looking for the number of clients with which pgbench is fastest")
        for step in (step for group in groups for step in group):
            if step.prepare:
                step.prepare()
            if step.server is None and step.database is not None:
                self.data["pgbench_clients"][f"{step.names[0]}, {step.products}"] = self.best_clients(step)
            else:
                # Just-in-time compilers take their time, however short the rounds are.
                step.go(max(WARMING_UP_S, 2 * self.seconds) if self.rounds > 1 else self.seconds)

    def best_clients(self, step: Step) -> int:
        rates = {}
        for clients in CLIENTS_TO_TRY:
            try:
                rates[clients] = step.go(max(1, self.seconds / 3), clients)[0]["per_second"]
            except load.NothingDone:
                # Many clients that wait for one row can keep each other from ending in a second.
                rates[clients] = 0
        return max(rates, key=rates.get)

    def round(self, n: int, groups) -> None:
        self.say(f"round {n} of {self.rounds}")
        for group in groups:
            # Every other round begins at the other end, so that nobody always runs behind the same one.
            for step in group if n % 2 else reversed(group):
                self.measure(n, step)

    def measure(self, n: int, step: Step) -> None:
        if step.prepare:
            step.prepare()
        step.go(SETTLING_S)
        statements = step.database.statements_run() if step.database else 0
        before = self.cpu(step)
        results = step.go(self.seconds)
        after = self.cpu(step)
        requests = sum(result["requests"] for result in results)
        shared = {name: (after[name] - before[name]) / requests for name in before}
        if step.database:
            shared["statements"] = (step.database.statements_run() - statements) / requests
        for name, result in zip(step.names, results):
            measurement = {"step": name, "products": step.products, "round": n, **result, **shared}
            self.data["measurements"].append(measurement)
            if step.check:
                step.check(measurement)
            times = f"p50 {result['p50_ms']:7.1f} ms   p99 {result['p99_ms']:7.1f} ms" if "p99_ms" in result else ""
            size = f"{step.products:,}" if step.products else ""
            self.say(f"  {name:<22} {size:>9}  {result['per_second']:>9,.0f}/s   {times}")

    @staticmethod
    def cpu(step: Step) -> dict:
        """CPU time in microseconds that has been used so far."""
        if not machine.HAS_PROC:
            return {}
        used = {"load_us": machine.ended_children_cpu_us()}
        if step.server:
            used["jvm_us"] = machine.cpu_us(step.server.pid)
        if step.database:
            used["database_us"] = machine.family_cpu_us(step.database.pid)
        return used

    # After the rounds ----------------------------------------------------------------------------------

    def audit(self) -> None:
        """Stock, ledger and orders must agree: of the store's orders and of pgbench's."""
        password = (self.small.folder / "admin-password.txt").read_text().strip()
        server = self.small.cached
        token = server.call("POST", "/api/auth/login", {"email": "admin@store.local", "password": password}).json()["access_token"]
        drift = server.call("GET", "/api/inventory/audit", headers={"Authorization": "Bearer " + token}).json()["items"]
        if drift:
            raise store.Unexpected(f"stock and ledger disagree for {len(drift)} products, such as {json.dumps(drift[0])}")
        orders = self.small.database.value("count(*) FROM orders")
        self.say(f"the audit of {orders:,} orders found nothing wrong")

    def measure_memory(self) -> None:
        if machine.HAS_PROC:
            for dataset in self.datasets:
                self.data["resident_mb"][str(dataset.products)] = machine.resident_mb(dataset.cached.pid)
