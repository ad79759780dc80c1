package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import productstore.Client.Answer;
import tools.jackson.databind.JsonNode;

/** Nothing is ever oversold, and no two requests lock each other out, whatever 64 threads do at the same moment. */
class OversellTest extends StoreTest {
    private static final int THREADS = 64;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Queue<String> failures = new ConcurrentLinkedQueue<>();
    private long deadlocksBefore;

    @BeforeEach
    void countDeadlocks() {
        deadlocksBefore = deadlocks();
    }

    @AfterEach
    void nothingBroke() {
        assertThat(failures).as("answers that are 5xx").isEmpty();
        assertThat(deadlocks()).isEqualTo(deadlocksBefore);
        assertNothingDrifted();
    }

    /** What the shop floor did, as the answers told it. */
    private final class Shop {
        final List<String> products;
        final Map<String, AtomicLong> delivered = new ConcurrentHashMap<>();
        final Map<String, Set<String>> ordersByKey = new ConcurrentHashMap<>();
        final Queue<String> orders = new ConcurrentLinkedQueue<>();
        final List<Client> customers = new ArrayList<>();
        final AtomicInteger cancelled = new AtomicInteger();
        final AtomicInteger refused = new AtomicInteger();
        final AtomicInteger returned = new AtomicInteger();
        final AtomicInteger counted = new AtomicInteger();

        Shop(int... stocks) {
            var made = new ArrayList<String>();
            var category = newCategory("Склад " + UUID.randomUUID());
            for (var stock : stocks) {
                var product = newProduct(Map.of("stock", stock, "category", category));
                made.add(product);
                delivered.put(product, new AtomicLong(stock));
            }
            products = List.copyOf(made);
            for (int n = 0; n < 8; n++) {
                customers.add(newCustomer());
            }
        }

        void buy(Client customer, Random random) {
            var key = UUID.randomUUID().toString();
            var once = customer.with("Idempotency-Key", key);
            var body = basket(random);
            if (random.nextInt(3) == 0) {
                // An impatient client: the same request several times at the same moment.
                Race.of(3, LIMIT, n -> place(once, key, body));
            }
            var order = place(once, key, body);
            if (order == null) {
                refused.incrementAndGet();
                return;
            }
            orders.add(order);
            if (random.nextInt(5) < 2) {
                Race.of(2, LIMIT, n -> {
                    var answer = seen(customer.delete("/api/orders/" + order));
                    assertThat(answer.status()).as(answer.text()).isIn(200, 409);
                    if (answer.status() == 200) {
                        assertThat(answer.string("status")).isEqualTo("cancelled");
                        cancelled.incrementAndGet();
                    }
                });
            }
        }

        private Map<String, Object> basket(Random random) {
            var lines = new ArrayList<Map<String, Object>>();
            // Everybody wants the first one.
            lines.add(line(products.getFirst(), 1));
            for (int n = random.nextInt(4); n > 0; n--) {
                lines.add(line(products.get(random.nextInt(products.size())), 1 + random.nextInt(2)));
            }
            Collections.shuffle(lines, random);
            return Map.of("items", lines);
        }

        /** The order's id, null if it was refused. */
        private @Nullable String place(Client once, String key, Map<String, ?> body) {
            for (int tries = 0; tries < 200; tries++) {
                var answer = seen(once.post("/api/orders", body));
                if (answer.status() == 201) {
                    var id = answer.string("id");
                    ordersByKey
                            .computeIfAbsent(key, first -> ConcurrentHashMap.newKeySet())
                            .add(id);
                    return id;
                }
                assertThat(answer.status()).as(answer.text()).isEqualTo(409);
                if (!answer.code().equals("idempotency_in_flight")) {
                    assertThat(answer.code()).isEqualTo("insufficient_stock");
                    return null;
                }
                pause(5);
            }
            throw new AssertionError("in flight for ever: " + key);
        }

        void handle(Random random) {
            var order = orders.poll();
            for (int tries = 0; order == null && tries < 200; tries++) {
                pause(10);
                order = orders.poll();
            }
            if (order == null) {
                return;
            }
            for (var status : List.of("confirmed", "shipped", "delivered", "returned")) {
                var answer = seen(manager().put("/api/orders/" + order, Map.of("status", status)));
                if (answer.status() == 409) {
                    assertThat(answer.code()).isEqualTo("illegal_transition");
                    return;
                }
                assertThat(answer.ok().string("status")).isEqualTo(status);
                if (status.equals("returned")) {
                    returned.incrementAndGet();
                }
                if (random.nextInt(6) == 0) {
                    return;
                }
            }
        }

        void deliver(Random random) {
            var product = products.get(random.nextInt(products.size()));
            var delta = random.nextInt(4) == 0 ? -1 - random.nextInt(2) : 1 + random.nextInt(3);
            var once = manager().with("Idempotency-Key", UUID.randomUUID().toString());
            var body = Map.of("delta", delta, "reason", delta < 0 ? "loss" : "delivery");
            var answer = seen(once.post("/api/products/" + product + "/stock", body));
            if (answer.status() == 409) {
                assertThat(answer.code()).isEqualTo("insufficient_stock");
                return;
            }
            answer.ok();
            delivered(product).addAndGet(delta);
            if (random.nextBoolean()) {
                assertThat(seen(once.post("/api/products/" + product + "/stock", body))
                                .ok()
                                .header("Idempotent-Replayed"))
                        .hasValue("true");
            }
        }

        /** A count of the shelf. If-Match makes sure that the test knows what the correction was. */
        void count(Random random) {
            var product = products.get(random.nextInt(products.size()));
            for (int tries = 0; tries < 5; tries++) {
                var before = seen(anyone().get("/api/products/" + product)).ok();
                var known = manager().with("If-Match", before.header("ETag").orElseThrow());
                long counted = Math.max(0, before.body().get("stock").asLong() + random.nextInt(5) - 2);
                Answer answer;
                if (random.nextBoolean()) {
                    answer = seen(known.patch("/api/products/" + product, Map.of("stock", counted)));
                } else {
                    var whole = new HashMap<String, Object>();
                    for (var member : List.of("sku", "name")) {
                        whole.put(member, before.string(member));
                    }
                    whole.put("price", before.body().get("price"));
                    whole.put("category", before.body().get("category").get("id"));
                    whole.put("stock", counted);
                    answer = seen(known.put("/api/products/" + product, whole));
                }
                if (answer.status() == 200) {
                    assertThat(answer.body().get("stock").asLong()).isEqualTo(counted);
                    delivered(product)
                            .addAndGet(counted - before.body().get("stock").asLong());
                    this.counted.incrementAndGet();
                    return;
                }
                answer.problem(412, "precondition_failed");
            }
        }

        private AtomicLong delivered(String product) {
            return delivered.computeIfAbsent(product, unknown -> new AtomicLong());
        }

        /** Compares what there is with what the answers said. */
        void settle() {
            assertThat(ordersByKey.values()).allSatisfy(ids -> assertThat(ids).hasSize(1));
            var known = new HashSet<String>();
            ordersByKey.values().forEach(known::addAll);
            assertThat(known).hasSameSizeAs(ordersByKey.keySet());
            var sold = new HashMap<String, Long>();
            var found = new HashSet<String>();
            for (var customer : customers) {
                for (var order : allOrders(customer)) {
                    found.add(order.get("id").asString());
                    if (!Set.of("cancelled", "returned")
                            .contains(order.get("status").asString())) {
                        order.get("items")
                                .forEach(line -> sold.merge(
                                        line.get("product_id").asString(),
                                        line.get("quantity").asLong(),
                                        Long::sum));
                    }
                    var times = new ArrayList<Instant>();
                    order.get("history")
                            .forEach(event ->
                                    times.add(Instant.parse(event.get("at").asString())));
                    assertThat(times).as("history of " + order.get("id")).isSorted();
                }
            }
            assertThat(found)
                    .as("orders there are, and orders somebody was told of")
                    .isEqualTo(known);
            for (var product : products) {
                assertThat(stockOf(product))
                        .as("stock = delivered - sold of " + product)
                        .isEqualTo(delivered(product).get() - sold.getOrDefault(product, 0L));
            }
        }
    }

    @Test
    void fewUnitsAndManyHands() {
        var shop = new Shop(12, 9, 9, 9, 9, 9);
        manager();
        var over = new AtomicBoolean();
        var samples = new AtomicInteger();
        var sampler = Thread.ofVirtual().start(() -> sample(shop, over, samples));
        try {
            Race.of(THREADS, LIMIT, n -> {
                var random = new Random(n);
                for (int step = 0; step < 8; step++) {
                    switch (n % 8) {
                        case 0 -> shop.deliver(random);
                        case 1 -> shop.count(random);
                        case 2, 3 -> shop.handle(random);
                        default -> shop.buy(shop.customers.get(random.nextInt(shop.customers.size())), random);
                    }
                }
            });
        } finally {
            over.set(true);
            join(sampler);
        }
        assertThat(samples).as("samples taken").hasPositiveValue();
        // The race was one: there was too much to buy for some, and too little for others.
        assertThat(shop.ordersByKey).hasSizeGreaterThan(10);
        assertThat(shop.refused).as("refused").hasPositiveValue();
        assertThat(shop.cancelled).as("cancelled").hasPositiveValue();
        assertThat(shop.returned).as("returned").hasPositiveValue();
        assertThat(shop.counted).as("counted").hasPositiveValue();
        shop.settle();
    }

    @Test
    void theLastPieceHasOneBuyer() {
        var shop = new Shop(1);
        var body = Map.of("items", List.of(line(shop.products.getFirst(), 1)));
        Race.of(
                THREADS,
                LIMIT,
                n -> shop.place(shop.customers.get(n % 8).with("Idempotency-Key", "last-" + n), "last-" + n, body));
        assertThat(shop.ordersByKey).hasSize(1);
        assertThat(stockOf(shop.products.getFirst())).isZero();
        shop.settle();
    }

    @Test
    void pairsInOppositeOrderAndLongOrdersNeverLockEachOther() {
        var stocks = new int[100];
        Arrays.fill(stocks, 40);
        var shop = new Shop(stocks);
        var a = shop.products.get(0);
        var b = shop.products.get(1);
        Race.of(THREADS, LIMIT, n -> {
            var customer = shop.customers.get(n % 8);
            var random = new Random(n);
            for (int step = 0; step < 3; step++) {
                var lines = new ArrayList<Map<String, Object>>();
                if (n % 4 == 0) {
                    shop.products.forEach(product -> lines.add(line(product, 1)));
                    Collections.shuffle(lines, random);
                } else {
                    lines.add(line(n % 2 == 0 ? a : b, 1));
                    lines.add(line(n % 2 == 0 ? b : a, 1));
                }
                var key = UUID.randomUUID().toString();
                var order = shop.place(customer.with("Idempotency-Key", key), key, Map.of("items", lines));
                if (order != null && random.nextInt(3) > 0) {
                    seen(customer.delete("/api/orders/" + order)).ok();
                }
            }
        });
        shop.settle();
    }

    @Test
    void anOrderHasThePriceThatBelongsToTheStockItTakes() {
        var product = newProduct(Map.of("stock", 0, "price", price("100.00")));
        var customer = newCustomer();
        var over = new AtomicBoolean();
        var placed = new AtomicInteger();
        // There is something to buy at 200 only.
        Race.of(THREADS / 4, LIMIT, n -> {
            if (n == 0) {
                try {
                    for (int step = 0; step < 24; step++) {
                        var change = step % 2 == 0
                                ? Map.of("price", price("200.00"), "stock", 4)
                                : Map.of("price", price("100.00"), "stock", 0);
                        seen(manager().patch("/api/products/" + product, change))
                                .ok();
                    }
                } finally {
                    over.set(true);
                }
                return;
            }
            while (!over.get()) {
                var answer = seen(customer.post("/api/orders", Map.of("items", List.of(line(product, 1)))));
                if (answer.status() == 201) {
                    placed.incrementAndGet();
                    assertThat(new BigDecimal(
                                    answer.body().get("total").get("amount").asString()))
                            .isEqualByComparingTo("200");
                } else {
                    answer.problem(409, "insufficient_stock");
                }
            }
        });
        assertThat(placed).hasPositiveValue();
    }

    @Test
    void anArchivedProductIsNotSoldAnyMore() {
        var shop = new Shop(500, 500);
        var gone = shop.products.getFirst();
        var archived = new AtomicBoolean();
        Race.of(THREADS, LIMIT, n -> {
            if (n == 0) {
                pause(100);
                assertThat(seen(manager().delete("/api/products/" + gone)).status())
                        .isEqualTo(204);
                archived.set(true);
                return;
            }
            for (int step = 0; step < 200; step++) {
                var wasArchived = archived.get();
                var key = UUID.randomUUID().toString();
                var answer = seen(shop.customers
                        .get(n % 8)
                        .with("Idempotency-Key", key)
                        .post("/api/orders", Map.of("items", List.of(line(shop.products.get(1), 1), line(gone, 1)))));
                if (answer.status() == 201) {
                    assertThat(wasArchived).as("sold after it was archived").isFalse();
                    shop.ordersByKey.put(key, Set.of(answer.string("id")));
                } else if (answer.code().equals("product_unavailable")) {
                    return;
                } else {
                    answer.problem(409, "insufficient_stock");
                }
            }
        });
        // What is gone from the shop can still come back to its shelf.
        var first = shop.ordersByKey.values().iterator().next().iterator().next();
        seen(manager().delete("/api/orders/" + first)).ok();
        assertThat(db.sql("SELECT quantity FROM stock WHERE product_id = CAST(:id AS uuid)")
                        .param("id", gone)
                        .query(Long.class)
                        .single())
                .isEqualTo(500 - shop.ordersByKey.size() + 1);
        assertThat(stockOf(shop.products.get(1))).isEqualTo(500 - shop.ordersByKey.size() + 1);
    }

    @Test
    void aCategoryIsDeletedWhileProductsAreMadeInIt() {
        for (int round = 0; round < 12; round++) {
            var category = newCategory("Распродажа " + UUID.randomUUID());
            var other = newCategory("Остальное " + UUID.randomUUID());
            var moving = newProduct(Map.of("category", other));
            var made = new ConcurrentLinkedQueue<String>();
            var deleted = new AtomicInteger();
            Race.of(12, LIMIT, n -> {
                if (n < 3) {
                    var answer = seen(manager().delete("/api/categories/" + category));
                    if (answer.status() == 204) {
                        deleted.incrementAndGet();
                    } else if (answer.status() == 404) {
                        answer.problem(404, "not_found");
                    } else {
                        answer.problem(409, "category_not_empty");
                    }
                } else if (n == 3) {
                    var answer = seen(manager().patch("/api/products/" + moving, Map.of("category", category)));
                    if (answer.status() == 200) {
                        made.add(moving);
                    } else {
                        answer.problem(400, "invalid_request");
                    }
                } else {
                    var answer = seen(manager().post("/api/products", productInput(Map.of("category", category))));
                    if (answer.status() == 201) {
                        made.add(answer.string("id"));
                    } else {
                        answer.problem(400, "invalid_request");
                        assertThat(answer.body()
                                        .get("errors")
                                        .get(0)
                                        .get("code")
                                        .asString())
                                .isEqualTo("unknown_category");
                    }
                }
            });
            assertThat(deleted.get()).isEqualTo(made.isEmpty() ? 1 : 0);
            assertThat(made)
                    .allSatisfy(product -> assertThat(anyone().get("/api/products/" + product)
                                    .ok()
                                    .body()
                                    .get("category")
                                    .get("id")
                                    .asString())
                            .isEqualTo(category));
        }
    }

    @Test
    void aCategoryOfArchivedProductsIsDeletedWhileTheirOrdersAreCancelled() {
        var customer = newCustomer();
        for (int round = 0; round < 6; round++) {
            var category = newCategory("Архив " + UUID.randomUUID());
            var products = new ArrayList<String>();
            for (int n = 0; n < 10; n++) {
                products.add(newProduct(Map.of("category", category, "stock", 1)));
            }
            var orders = new ArrayList<String>();
            for (int n = 0; n < 10; n += 5) {
                var lines = new ArrayList<Map<String, Object>>();
                products.subList(n, n + 5).forEach(product -> lines.add(line(product, 1)));
                orders.add(customer.post("/api/orders", Map.of("items", lines))
                        .created()
                        .string("id"));
            }
            Collections.shuffle(products, new Random(round));
            products.forEach(product -> assertThat(
                            manager().delete("/api/products/" + product).status())
                    .isEqualTo(204));
            Race.of(3, LIMIT, n -> {
                if (n == 2) {
                    assertThat(seen(manager().delete("/api/categories/" + category))
                                    .status())
                            .isEqualTo(204);
                } else {
                    seen(customer.delete("/api/orders/" + orders.get(n))).ok();
                }
            });
        }
    }

    /** Reads what there is as one snapshot, over and over; SQL of its own, not the audit's. */
    private void sample(Shop shop, AtomicBoolean over, AtomicInteger samples) {
        while (!over.get()) {
            db.sql("""
                            SELECT s.quantity,
                                (SELECT sum(delta) FROM stock_entry e WHERE e.product_id = s.product_id AND order_id IS NULL) AS delivered,
                                (SELECT coalesce(sum(l.quantity), 0) FROM order_line l JOIN orders o ON o.id = l.order_id
                                 WHERE l.product_id = s.product_id AND o.status NOT IN ('cancelled', 'returned')) AS sold
                            FROM stock s
                            WHERE s.product_id = ANY (CAST(:products AS uuid[]))
                            """).param("products", shop.products.toArray(String[]::new)).query(row -> {
                long stock = row.getLong("quantity");
                long delivered = row.getLong("delivered");
                long sold = row.getLong("sold");
                if (stock < 0 || sold > delivered || stock != delivered - sold) {
                    failures.add("at some moment %d in stock, %d delivered, %d sold".formatted(stock, delivered, sold));
                }
            });
            if (stockOf(shop.products.getFirst()) < 0) {
                failures.add("a client saw a negative stock");
            }
            samples.incrementAndGet();
            pause(20);
        }
    }

    private Answer seen(Answer answer) {
        if (answer.status() >= 500) {
            failures.add(answer.status() + " " + answer.text());
        }
        return answer;
    }

    private List<JsonNode> allOrders(Client customer) {
        var all = new ArrayList<JsonNode>();
        var cursor = "";
        do {
            var page = seen(customer.get("/api/orders?limit=100" + cursor)).ok().body();
            page.get("items").forEach(all::add);
            cursor = page.get("next_cursor").isNull()
                    ? ""
                    : "&cursor=" + page.get("next_cursor").asString();
        } while (!cursor.isEmpty());
        return all;
    }

    private long deadlocks() {
        return db.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
                .query(Long.class)
                .single();
    }

    private static Map<String, Object> line(String product, int quantity) {
        return Map.of("product_id", product, "quantity", quantity);
    }

    private static Map<String, String> price(String amount) {
        return Map.of("amount", amount, "currency", "RUB");
    }

    private static void pause(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static void join(Thread thread) {
        try {
            assertThat(thread.join(LIMIT)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
