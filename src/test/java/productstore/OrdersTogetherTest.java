package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static productstore.Client.alike;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.core.env.Environment;
import org.springframework.test.context.TestPropertySource;
import productstore.Client.Answer;

/**
 * Orders that wait at the same moment share a transaction, and nobody can tell but by the database. Each test holds up
 * those who place orders until all of its orders are in line.
 */
@Timeout(120)
@TestPropertySource(
        properties = {
            "store.limits.pool-wait=60s",
            "store.limits.lock-time=60s",
            "store.limits.statement-time=60s",
            "store.limits.pool-queue=12"
        })
class OrdersTogetherTest extends StoreTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Autowired
    private Environment environment;

    @LocalManagementPort
    private int managementPort;

    private HeldOrders held;
    private long deadlocksBefore;

    @BeforeEach
    void prepare() {
        held = HeldOrders.written(db, "held");
        deadlocksBefore = deadlocks();
    }

    @AfterEach
    void nothingBroke() {
        held.close();
        assertThat(deadlocks()).isEqualTo(deadlocksBefore);
        assertNothingDrifted();
    }

    @Test
    void whoWaitsGoesTogetherInTheOrderTheyCame() {
        var product = newProduct(Map.of("stock", 5, "price", price("10.00")));
        var buyers = List.of(newCustomer(), newCustomer(), newCustomer());
        var answers = together(IntStream.range(0, 8)
                .mapToObj(n -> call(() -> buyers.get(n % 3).post("/api/orders", order(product, 1))))
                .toList());
        var placed = answers.subList(0, 5).stream().map(Answer::created).toList();
        assertThat(transactions(placed)).hasSize(1);
        // The list shows the newest first, though all of them are of the same moment.
        var listed = new ArrayList<String>();
        manager()
                .get("/api/orders?limit=5")
                .ok()
                .body()
                .get("items")
                .forEach(order -> listed.add(order.get("id").asString()));
        assertThat(listed.reversed())
                .isEqualTo(placed.stream().map(order -> order.string("id")).toList());
        var first = Long.parseLong(placed.getFirst().string("number"));
        for (int n = 0; n < 5; n++) {
            assertThat(placed.get(n).string("number")).isEqualTo(Long.toString(first + n));
        }
        for (var late : answers.subList(5, 8)) {
            assertShort(late, "Wanted 1, there are 0.");
        }
        assertThat(stockOf(product)).isZero();
    }

    @Test
    void whatOneIsRefusedTheNextOnesMayHave() {
        var product = newProduct(5);
        var other = newProduct(1);
        var customer = newCustomer();
        var answers = together(List.of(
                call(() -> customer.post("/api/orders", order(product, 2))),
                call(() -> customer.post("/api/orders", items(line(other, 2), line(product, 1)))),
                call(() -> customer.post("/api/orders", order(product, 2))),
                call(() -> customer.post("/api/orders", order(product, 2))),
                call(() -> customer.post("/api/orders", items(line(other, 1), line(product, 1)))),
                call(() -> customer.post("/api/orders", order(product, 1)))));
        assertThat(transactions(Stream.of(0, 2, 4)
                        .map(answers::get)
                        .map(Answer::created)
                        .toList()))
                .hasSize(1);
        assertShort(answers.get(1), "Wanted 2, there are 1.");
        assertShort(answers.get(3), "Wanted 2, there are 1.");
        assertShort(answers.get(5), "Wanted 1, there are 0.");
        assertThat(stockOf(product)).isZero();
        assertThat(stockOf(other)).isZero();
    }

    @Test
    void oneAloneGoesAtOnceAndByItself() {
        var product = newProduct(10);
        var customer = newCustomer();
        // One of the two who place orders is busy; the other one waits for nobody to fill a transaction.
        var first = send(call(() -> customer.post("/api/orders", commented(newProduct(1), held.comment()))));
        held.await(1);
        var placed = IntStream.range(0, 3)
                .mapToObj(n -> customer.post("/api/orders", order(product, 1)).created())
                .toList();
        assertThat(transactions(placed)).hasSize(3);
        assertThat(first).isNotDone();
        held.letGo();
        join(first).created();
    }

    @Test
    void eachHasItsOwnAnswer() {
        var good = newProduct(Map.of("stock", 100, "price", price("10.00")));
        var archived = newProduct(1);
        assertThat(manager().delete("/api/products/" + archived).status()).isEqualTo(204);
        var dollars = newProduct(Map.of("price", Map.of("amount", "1.00", "currency", "USD")));
        var customer = newCustomer();
        var twice = customer.with("Idempotency-Key", "twice-" + good);
        var known = customer.with("Idempotency-Key", "known-" + good);
        var first = known.post("/api/orders", order(good, 1)).created();
        var locked = newCustomer();
        admin().put("/api/users/" + idOf(locked), Map.of("role", "customer", "active", false))
                .ok();
        var traceId = UUID.randomUUID().toString().replace("-", "");
        var traced = customer.with("traceparent", "00-" + traceId + "-00f067aa0ba902b7-01");

        var answers = together(List.of(
                call(() -> customer.post("/api/orders", order(good, 2))),
                call(() -> customer.post("/api/orders", order(UUID.randomUUID().toString(), 1))),
                call(() -> customer.post("/api/orders", order(archived, 1))),
                call(() -> customer.post("/api/orders", items(line(good, 1), line(dollars, 1)))),
                call(() -> known.post("/api/orders", order(good, 1))),
                call(() -> known.post("/api/orders", order(good, 2))),
                call(() -> twice.post("/api/orders", order(good, 3))),
                call(() -> twice.post("/api/orders", order(good, 3))),
                call(() -> locked.post("/api/orders", order(good, 1))),
                call(() -> traced.post("/api/orders", order(good, 4))),
                call(() -> traced.post("/api/orders", order(good, 4))),
                call(() -> manager().with("Idempotency-Key", "known-" + good).post("/api/orders", order(good, 5)))));

        answers.get(1).problem(409, "product_unavailable");
        answers.get(2).problem(409, "product_unavailable");
        answers.get(3).problem(409, "mixed_currencies");
        assertThat(answers.get(4).created().response().body())
                .isEqualTo(first.response().body());
        assertThat(answers.get(4).header("Idempotent-Replayed")).hasValue("true");
        answers.get(5).problem(422, "idempotency_key_reused");
        assertThat(answers.get(7).problem(409, "idempotency_in_flight").header("Retry-After"))
                .hasValue("1");
        answers.get(8).problem(401, "unauthorized");
        var made = new TreeMap<Integer, Answer>();
        for (var n : List.of(0, 6, 9, 10, 11)) {
            made.put(n, answers.get(n).created());
            assertThat(made.get(n).header("Idempotent-Replayed")).isEmpty();
        }
        assertThat(transactions(made.values())).hasSize(1);
        // The same words of the same customer in the same trace, but two orders.
        assertThat(made.values().stream().map(order -> order.string("id"))).doesNotHaveDuplicates();
        assertThat(answers.get(9).header("X-Trace-Id")).hasValue(traceId);
        var quantities = Map.of(0, 2, 6, 3, 9, 4, 10, 4, 11, 5);
        made.forEach((n, order) -> {
            var buyer = n == 11 ? manager() : customer;
            assertIsWhatItIsReadAs(buyer, order);
            assertWrittenFor(buyer, order, Map.of(good, quantities.getOrDefault(n, 0)));
        });
        assertThat(stockOf(good)).isEqualTo(100 - 1 - 2 - 3 - 4 - 4 - 5);
        // What was in flight is done; its answer is there for whoever asks again.
        var again = twice.post("/api/orders", order(good, 3)).created();
        assertThat(again.response().body()).isEqualTo(answers.get(6).response().body());
        assertThat(again.header("Idempotent-Replayed")).hasValue("true");
    }

    @Test
    void eachIsToldWhatItWouldBeToldAlone() {
        var alone = everyKindOfOrder().stream().map(Call::send).map(OrdersTogetherTest::told);
        var together = together(everyKindOfOrder()).stream().map(OrdersTogetherTest::told);
        assertThat(together).containsExactlyElementsOf(alone.toList());
    }

    /** Orders for things that were made for them, so that the same ones can be sent again. */
    private List<Call> everyKindOfOrder() {
        var plenty = newProduct(Map.of("stock", 100, "price", price("0.10")));
        var scarce = newProduct(Map.of("stock", 3, "price", price("7.77")));
        var archived = newProduct(1);
        assertThat(manager().delete("/api/products/" + archived).status()).isEqualTo(204);
        var yen = newProduct(Map.of("price", Map.of("amount", "500", "currency", "JPY"), "stock", 5));
        var unknown = UUID.randomUUID().toString();
        var customer = newCustomer();
        var keyed = customer.with("Idempotency-Key", "known-" + plenty);
        keyed.post("/api/orders", order(plenty, 1)).created();
        return Stream.<Map<String, ?>>of(
                        items(line(plenty, 3), line(scarce, 1), line(plenty, 4), line(scarce, 1)),
                        items(line(plenty, 1), line(scarce, 2), line(yen, 6)),
                        items(line(plenty, 1), line(scarce, 2)),
                        items(line(unknown, 1), line(plenty, 1), line("no-id", 1), line(archived, 1)),
                        items(line(plenty, 1), line(yen, 6)),
                        order(yen, 3),
                        order(scarce, 1),
                        order(scarce, 1))
                .map(body -> call(() -> customer.post("/api/orders", body)))
                .collect(
                        () -> new ArrayList<>(List.of(
                                call(() -> keyed.post("/api/orders", order(plenty, 1))),
                                call(() -> keyed.post("/api/orders", order(plenty, 2))))),
                        ArrayList::add,
                        ArrayList::addAll);
    }

    /** An answer without what differs from order to order. */
    private static String told(Answer answer) {
        return answer.status() + answer.response().headers().map().keySet().toString() + alike(answer.text());
    }

    @Test
    void eachKeepsItsOwnWords() {
        var product = newProduct(100);
        var customer = newCustomer();
        var words = Arrays.asList(
                null, "", "NULL", "null", "{}", "{\"a\",NULL}", "a\"b", "a\\b\\", "'; --", "\n\t ", "🍏 ёЁ", ",");
        var answers = together(IntStream.range(0, words.size())
                .mapToObj(n -> call(() -> customer.post(
                        "/api/orders", described(product, words.get(n), words.get(words.size() - 1 - n)))))
                .toList());
        assertThat(transactions(answers)).hasSize(1);
        for (int n = 0; n < words.size(); n++) {
            var placed = answers.get(n).created();
            assertThat(text(placed, "comment")).isEqualTo(words.get(n));
            assertThat(text(placed, "shipping_address")).isEqualTo(words.get(words.size() - 1 - n));
            assertIsWhatItIsReadAs(customer, placed);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "CREATE TRIGGER refused BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.comment = 'refuse me') EXECUTE FUNCTION refuse()",
                "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.comment = 'refuse me') EXECUTE FUNCTION refuse()",
                "ALTER TABLE orders ADD CONSTRAINT refused CHECK (comment <> 'refuse me') NOT VALID"
            })
    void oneThatTheDatabaseRefusesHurtsNoOther(String rule) {
        db.sql("""
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''refused by the test''; END'
                """).update();
        db.sql(rule).update();
        try {
            var product = newProduct(100);
            var customer = newCustomer();
            var keyed = IntStream.range(0, 6)
                    .mapToObj(n -> customer.with("Idempotency-Key", n + "-" + product))
                    .toList();
            var answers = together(IntStream.range(0, 6)
                    .mapToObj(n -> call(() ->
                            keyed.get(n).post("/api/orders", commented(product, n % 3 == 1 ? "refuse me" : "keep me"))))
                    .toList());
            for (int n = 0; n < answers.size(); n++) {
                if (n % 3 == 1) {
                    answers.get(n).problem(500, "internal_error");
                } else {
                    assertIsWhatItIsReadAs(customer, answers.get(n).created());
                    assertWrittenFor(customer, answers.get(n), Map.of(product, 1));
                }
            }
            assertThat(stockOf(product)).isEqualTo(100 - 4);
            assertThat(ordersOf(customer)).isEqualTo(4);
            // Nothing was kept for the refused one, and everything for the others.
            keyed.get(0).post("/api/orders", commented(product, "keep me")).created();
            keyed.get(1).post("/api/orders", commented(product, "keep me")).created();
            assertThat(stockOf(product)).isEqualTo(100 - 5);
        } finally {
            db.sql("DROP FUNCTION refuse CASCADE").update();
            db.sql("ALTER TABLE orders DROP CONSTRAINT IF EXISTS refused").update();
        }
    }

    @Test
    void oneThatWaitsForLongDoesNotKeepTheOthersOfItsTransaction() throws SQLException {
        var locked = newProduct(10);
        var free = newProduct(10);
        var customer = newCustomer();
        try (var other = locking(locked)) {
            var waiting = sendTogether(IntStream.range(0, 6)
                    .mapToObj(n -> call(() -> customer.post("/api/orders", order(n == 2 ? locked : free, 1))))
                    .toList());
            // Nobody lets go of the row before the others have been answered.
            for (int n = 0; n < 6; n++) {
                if (n != 2) {
                    join(waiting.get(n)).created();
                }
            }
            assertThat(waiting.get(2)).as("it waits as long as it may").isNotDone();
            other.rollback();
            join(waiting.get(2)).created();
        }
        assertThat(stockOf(locked)).isEqualTo(9);
        assertThat(stockOf(free)).isEqualTo(5);
    }

    /** Each alone in its transaction, they must not take the places of all who place orders. */
    @Test
    void thoseThatWaitForLongDoNotKeepWhoComesAfterThem() throws SQLException {
        var locked = newProduct(10);
        var free = newProduct(10);
        var customer = newCustomer();
        try (var other = locking(locked)) {
            var waiting = new ArrayList<CompletableFuture<Answer>>();
            for (int n = 1; n <= 3; n++) {
                waiting.add(send(call(() -> customer.post("/api/orders", order(locked, 1)))));
                int waiters = n;
                await(() -> lockedOut() == waiters);
            }
            customer.post("/api/orders", order(free, 1)).created();
            assertThat(waiting).noneMatch(CompletableFuture::isDone);
            other.rollback();
            waiting.forEach(one -> join(one).created());
        }
        assertThat(stockOf(locked)).isEqualTo(7);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whereTheConnectionEndsNobodyIsPlacedAndNobodyAgain(boolean committing) {
        var product = newProduct(100);
        var customer = newCustomer();
        var keyed = IntStream.range(0, 5)
                .mapToObj(n -> customer.with("Idempotency-Key", n + "-" + product))
                .toList();
        try (var lost = committing ? HeldOrders.committing(db, "lost") : HeldOrders.written(db, "lost")) {
            var waiting = sendTogether(IntStream.range(0, 5)
                    .mapToObj(n -> call(() ->
                            keyed.get(n).post("/api/orders", commented(product, n == 3 ? lost.comment() : "with it"))))
                    .toList());
            lost.await(1);
            lost.endConnections();
            waiting.forEach(answer -> assertThat(
                            join(answer).problem(503, "database_unavailable").header("Retry-After"))
                    .isPresent());
        }
        assertThat(ordersOf(customer)).isZero();
        assertThat(stockOf(product)).isEqualTo(100);
        keyed.forEach(client -> assertThat(
                        client.post("/api/orders", order(product, 1)).created().header("Idempotent-Replayed"))
                .isEmpty());
        assertThat(stockOf(product)).isEqualTo(95);
    }

    @Test
    void oneMoreThanTheLineHoldsIsTurnedAwayAtOnceAndNothingIsChanged() {
        var product = newProduct(100);
        var customer = newCustomer();
        var keyed = customer.with("Idempotency-Key", "one-more-" + product);
        var answers = together(Stream.concat(
                        IntStream.range(0, 12)
                                .mapToObj(n -> call(() -> customer.post("/api/orders", order(product, 1)))),
                        Stream.of(call(() -> keyed.post("/api/orders", order(product, 1)))))
                .toList());
        assertThat(answers.getLast().problem(503, "overloaded").header("Retry-After"))
                .hasValue("1");
        answers.subList(0, 12).forEach(Answer::created);
        assertThat(stockOf(product)).isEqualTo(88);
        assertThat(ordersOf(customer)).isEqualTo(12);
        assertThat(keyed.post("/api/orders", order(product, 1)).created().header("Idempotent-Replayed"))
                .isEmpty();
    }

    @Test
    void whoWaitsInLineForTooLongIsTurnedAwayAndNothingIsChanged() {
        var product = newProduct(100);
        var customer = newCustomer();
        try (var impatient = SecondStore.beside(
                environment, Map.of("store.limits.pool-wait", "1s", "store.limits.statement-time", "60s"))) {
            var there = impatient.anyone().as(customer.accessToken());
            var first = new ArrayList<CompletableFuture<Answer>>();
            for (int n = 1; n <= 2; n++) {
                first.add(send(call(() -> there.post("/api/orders", commented(newProduct(1), held.comment())))));
                held.await(n);
            }
            Race.of(
                    5,
                    LIMIT,
                    n -> assertThat(there.post("/api/orders", order(product, 1))
                                    .problem(503, "overloaded")
                                    .header("Retry-After"))
                            .hasValue("1"));
            held.letGo();
            // Whoever was begun waited longer than that, and was placed.
            first.forEach(one -> join(one).created());
            there.post("/api/orders", order(product, 1)).created();
        }
        assertThat(ordersOf(customer)).isEqualTo(3);
        assertThat(stockOf(product)).isEqualTo(99);
    }

    /** Something that is asked of the store. */
    @FunctionalInterface
    private interface Call {
        Answer send();
    }

    private static Call call(Call call) {
        return call;
    }

    private static CompletableFuture<Answer> send(Call call) {
        var answer = new CompletableFuture<Answer>();
        Thread.ofVirtual().start(() -> {
            try {
                answer.complete(call.send());
            } catch (Throwable failure) {
                answer.completeExceptionally(failure);
            }
        });
        return answer;
    }

    private static Answer join(CompletableFuture<Answer> answer) {
        return answer.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
    }

    private List<Answer> together(List<Call> calls) {
        return sendTogether(calls).stream().map(OrdersTogetherTest::join).toList();
    }

    /** Sends these into the line, one after the other, while both who place orders are held up, and lets them go. */
    private List<CompletableFuture<Answer>> sendTogether(List<Call> calls) {
        var somebody = newCustomer();
        var first = new ArrayList<CompletableFuture<Answer>>();
        for (int n = 1; n <= 2; n++) {
            // Each another product: they must not wait for one another.
            var product = newProduct(1);
            first.add(send(call(() -> somebody.post("/api/orders", commented(product, held.comment())))));
            held.await(n);
        }
        var answers = new ArrayList<CompletableFuture<Answer>>();
        for (var call : calls) {
            answers.add(send(call));
            // In line, or refused for something that needs no line.
            await(() -> inLine() + done(answers) == answers.size());
        }
        held.letGo();
        first.forEach(one -> join(one).created());
        return answers;
    }

    /** A connection that holds the stock of a product. */
    private Connection locking(String product) throws SQLException {
        var other = DriverManager.getConnection(
                String.valueOf(environment.getProperty("spring.datasource.url")),
                environment.getProperty("spring.datasource.username"),
                environment.getProperty("spring.datasource.password"));
        other.setAutoCommit(false);
        try (var statement = other.createStatement()) {
            statement.execute("SELECT 1 FROM stock WHERE product_id = '" + product + "' FOR UPDATE");
        }
        return other;
    }

    private long lockedOut() {
        return db.sql("""
                        SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%/* stock.lock */%'
                        """).query(Long.class).single();
    }

    private static int done(List<CompletableFuture<Answer>> answers) {
        return (int) answers.stream().filter(CompletableFuture::isDone).count();
    }

    private int inLine() {
        return new Client("http://127.0.0.1:" + managementPort, null)
                .get("/metrics")
                .ok()
                .text()
                .lines()
                .filter(line -> line.startsWith("store_waiting{line=\"orders\"}"))
                .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    private static void await(BooleanSupplier done) {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Shoppers.pause(5);
        }
    }

    /** How many of these orders each transaction wrote. */
    private Map<String, Long> transactions(Iterable<Answer> orders) {
        var written = new HashMap<String, Long>();
        orders.forEach(order -> written.merge(
                db.sql("SELECT CAST(xmin AS text) FROM orders WHERE id = CAST(:id AS uuid)")
                        .param("id", order.string("id"))
                        .query(String.class)
                        .single(),
                1L,
                Long::sum));
        return written;
    }

    private static void assertIsWhatItIsReadAs(Client customer, Answer placed) {
        var read = customer.get(placed.header("Location").orElseThrow()).ok();
        assertThat(placed.response().body()).isEqualTo(read.response().body());
        assertThat(placed.header("ETag")).isPresent().isEqualTo(read.header("ETag"));
    }

    /** Asserts that history and ledger tell of this order, of who placed it and by which request. */
    private void assertWrittenFor(Client customer, Answer placed, Map<String, Integer> quantities) {
        var traceId = placed.header("X-Trace-Id").orElseThrow();
        var history = placed.body().get("history");
        assertThat(history).hasSize(1);
        assertThat(history.get(0).get("by").asString()).isEqualTo(idOf(customer));
        assertThat(history.get(0).get("trace_id").asString()).isEqualTo(traceId);
        assertThat(db.sql("""
                                SELECT product_id || ' ' || delta || ' ' || reason || ' ' || by_user || ' ' || trace_id
                                FROM stock_entry
                                WHERE order_id = CAST(:id AS uuid)
                                """)
                        .param("id", placed.string("id"))
                        .query(String.class)
                        .list())
                .containsExactlyInAnyOrderElementsOf(quantities.entrySet().stream()
                        .map(taken -> "%s -%d order %s %s"
                                .formatted(taken.getKey(), taken.getValue(), idOf(customer), traceId))
                        .toList());
    }

    private static void assertShort(Answer answer, String message) {
        assertThat(answer.problem(409, "insufficient_stock")
                        .body()
                        .get("errors")
                        .get(0)
                        .get("message")
                        .asString())
                .isEqualTo(message);
    }

    private long ordersOf(Client customer) {
        return db.sql("SELECT count(*) FROM orders WHERE customer_id = CAST(:id AS uuid)")
                .param("id", idOf(customer))
                .query(Long.class)
                .single();
    }

    private static String idOf(Client user) {
        return user.get("/api/auth/me").ok().string("id");
    }

    private long deadlocks() {
        return db.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
                .query(Long.class)
                .single();
    }

    private static @Nullable String text(Answer answer, String member) {
        var value = answer.body().get(member);
        return value.isNull() ? null : value.asString();
    }

    private static Map<String, Object> order(String product, int quantity) {
        return items(line(product, quantity));
    }

    private static Map<String, Object> commented(String product, String comment) {
        return described(product, comment, null);
    }

    private static Map<String, Object> described(String product, @Nullable String comment, @Nullable String address) {
        var body = new HashMap<>(order(product, 1));
        if (comment != null) {
            body.put("comment", comment);
        }
        if (address != null) {
            body.put("shipping_address", address);
        }
        return body;
    }

    private static Map<String, Object> items(Object... lines) {
        return Map.of("items", List.of(lines));
    }

    private static Map<String, Object> line(String product, int quantity) {
        return Map.of("product_id", product, "quantity", quantity);
    }

    private static Map<String, String> price(String amount) {
        return Map.of("amount", amount, "currency", "RUB");
    }
}
