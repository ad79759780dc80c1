package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.core.env.Environment;
import org.springframework.test.context.TestPropertySource;
import productstore.Client.Answer;

/**
 * Orders that wait at the same moment share a transaction, and nobody can tell but by the database. Each test holds up
 * those who place orders until all of its orders are in line.
 */
@TestPropertySource(properties = {"store.limits.pool-wait=30s", "store.limits.lock-time=30s"})
class OrdersTogetherTest extends StoreTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Autowired
    private Environment environment;

    @LocalManagementPort
    private int managementPort;

    private Connection other;

    @BeforeEach
    void connect() throws SQLException {
        other = DriverManager.getConnection(
                String.valueOf(environment.getProperty("spring.datasource.url")),
                environment.getProperty("spring.datasource.username"),
                environment.getProperty("spring.datasource.password"));
        other.setAutoCommit(false);
    }

    @AfterEach
    void disconnect() throws SQLException {
        other.close();
        assertNothingDrifted();
    }

    @Test
    void whoWaitsGoesTogetherInTheOrderTheyCame() {
        var product = newProduct(Map.of("stock", 5, "price", price("10.00")));
        var buyers = List.of(newCustomer(), newCustomer(), newCustomer());
        var sent = new ArrayList<Client>();
        for (int n = 0; n < 8; n++) {
            sent.add(buyers.get(n % 3));
        }
        var answers = together(sent.stream()
                .map(buyer -> call(() -> buyer.post("/api/orders", order(product, 1))))
                .toList());
        var numbers = new ArrayList<Long>();
        for (var placed : answers.subList(0, 5)) {
            placed.created();
            numbers.add(Long.parseLong(placed.string("number")));
        }
        // Numbered as they came, and written at the same moment: that of their transaction.
        assertThat(numbers).isSorted().doesNotHaveDuplicates();
        assertThat(new HashSet<>(answers.subList(0, 5).stream()
                        .map(placed -> placed.string("created_at"))
                        .toList()))
                .hasSize(1);
        for (var late : answers.subList(5, 8)) {
            assertThat(late.problem(409, "insufficient_stock").text()).contains("Wanted 1, there are 0.");
        }
        assertThat(stockOf(product)).isZero();
    }

    @Test
    void eachHasItsOwnAnswer() {
        var good = newProduct(Map.of("stock", 100, "price", price("10.00")));
        var short1 = newProduct(1);
        var archived = newProduct(1);
        assertThat(manager().delete("/api/products/" + archived).status()).isEqualTo(204);
        var dollars = newProduct(Map.of("price", Map.of("amount", "1.00", "currency", "USD")));
        var customer = newCustomer();
        var twice = customer.with("Idempotency-Key", "twice-" + good);
        var known = customer.with("Idempotency-Key", "known-" + good);
        var first = known.post("/api/orders", order(good, 1)).created();
        var locked = newCustomer();
        admin().put(
                        "/api/users/" + locked.get("/api/auth/me").string("id"),
                        Map.of("role", "customer", "active", false))
                .ok();
        var traceId = UUID.randomUUID().toString().replace("-", "");
        var traced = customer.with("traceparent", "00-" + traceId + "-00f067aa0ba902b7-01");
        var both = Map.of("items", List.of(line(good, 1), line(dollars, 1)));

        var answers = together(List.of(
                call(() -> customer.post("/api/orders", order(good, 2))),
                call(() -> customer.post("/api/orders", order(short1, 2))),
                call(() -> customer.post("/api/orders", order(UUID.randomUUID().toString(), 1))),
                call(() -> customer.post("/api/orders", order(archived, 1))),
                call(() -> customer.post("/api/orders", both)),
                call(() -> known.post("/api/orders", order(good, 1))),
                call(() -> known.post("/api/orders", order(good, 2))),
                call(() -> twice.post("/api/orders", order(good, 3))),
                call(() -> twice.post("/api/orders", order(good, 3))),
                call(() -> locked.post("/api/orders", order(good, 1))),
                call(() -> traced.post("/api/orders", order(good, 4))),
                call(() -> traced.post("/api/orders", order(good, 4)))));

        answers.get(1).problem(409, "insufficient_stock");
        answers.get(2).problem(409, "product_unavailable");
        answers.get(3).problem(409, "product_unavailable");
        answers.get(4).problem(409, "mixed_currencies");
        assertThat(answers.get(5).created().text()).isEqualTo(first.text());
        assertThat(answers.get(5).header("Idempotent-Replayed")).hasValue("true");
        answers.get(6).problem(422, "idempotency_key_reused");
        answers.get(8).problem(409, "idempotency_in_flight");
        answers.get(9).problem(401, "unauthorized");
        var made = new HashMap<String, Integer>();
        for (var expected : Map.of(0, 2, 7, 3, 10, 4, 11, 4).entrySet()) {
            var placed = answers.get(expected.getKey()).created();
            made.put(placed.string("id"), expected.getValue());
            var read = customer.get("/api/orders/" + placed.string("id")).ok();
            assertThat(placed.text()).isEqualTo(read.text());
            assertThat(placed.header("ETag")).isEqualTo(read.header("ETag"));
            assertThat(placed.header("X-Trace-Id"))
                    .hasValue(
                            placed.body().get("history").get(0).get("trace_id").asString());
        }
        // The same words of the same customer in the same trace, but two orders.
        assertThat(made).hasSize(4);
        assertThat(answers.get(10).header("X-Trace-Id")).hasValue(traceId);
        made.forEach((id, quantity) -> assertThat(
                        db.sql("""
                                SELECT delta || ' ' || product_id || ' ' || (e.trace_id = h.trace_id) || ' ' || (e.by_user = o.customer_id)
                                FROM stock_entry e JOIN orders o ON o.id = e.order_id JOIN order_event h ON h.order_id = o.id
                                WHERE e.order_id = CAST(:id AS uuid)
                                """).param("id", id).query(String.class).list())
                .containsExactly("-" + quantity + " " + good + " true true"));
        assertThat(stockOf(good)).isEqualTo(100 - 1 - 2 - 3 - 4 - 4);
        assertThat(stockOf(short1)).isEqualTo(1);
    }

    @Test
    void oneThatTheDatabaseRefusesHurtsNoOther() {
        db.sql("""
                        CREATE FUNCTION refuse_order() RETURNS trigger LANGUAGE plpgsql AS $$
                        BEGIN
                            RAISE EXCEPTION 'refused by the test';
                        END
                        $$
                        """).update();
        db.sql("""
                        CREATE TRIGGER refused BEFORE INSERT ON orders
                        FOR EACH ROW WHEN (NEW.comment = 'refuse me') EXECUTE FUNCTION refuse_order()
                        """).update();
        try {
            var product = newProduct(100);
            var customer = newCustomer();
            var answers = together(IntStream.range(0, 12)
                    .mapToObj(n -> call(() -> customer.with("Idempotency-Key", n + "-" + product)
                            .post(
                                    "/api/orders",
                                    Map.of(
                                            "items",
                                            List.of(line(product, 1)),
                                            "comment",
                                            n == 5 ? "refuse me" : "keep me"))))
                    .toList());
            for (int n = 0; n < answers.size(); n++) {
                if (n == 5) {
                    answers.get(n).problem(500, "internal_error");
                } else {
                    answers.get(n).created();
                }
            }
            assertThat(stockOf(product)).isEqualTo(100 - 11);
        } finally {
            db.sql("DROP TRIGGER refused ON orders").update();
            db.sql("DROP FUNCTION refuse_order").update();
        }
    }

    @Test
    void oneThatWaitsForLongDoesNotKeepTheOthers() throws SQLException {
        var held = newProduct(10);
        var free = newProduct(10);
        var customer = newCustomer();
        hold(held);
        var waiting = new ArrayList<CompletableFuture<Answer>>();
        for (int n = 0; n < 6; n++) {
            var product = n % 2 == 0 ? held : free;
            waiting.add(send(call(() -> customer.post("/api/orders", order(product, 1)))));
        }
        // While the held ones still wait: nobody lets go of the row before the free ones have been answered.
        for (int n = 1; n < 6; n += 2) {
            waiting.get(n).orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join().created();
        }
        assertThat(waiting.get(4).isDone()).as("it waits as long as it may").isFalse();
        other.rollback();
        for (int n = 0; n < 6; n += 2) {
            var answer = waiting.get(n).join();
            if (answer.status() != 201) {
                answer.problem(503, "overloaded");
            }
        }
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

    /** Sends these one after the other into the line, while both who place orders wait for a row that is held here. */
    private List<Answer> together(List<Call> calls) {
        try {
            var busy = newProduct(2);
            var somebody = newCustomer();
            hold(busy);
            var first = new ArrayList<CompletableFuture<Answer>>();
            for (int n = 1; n <= 2; n++) {
                first.add(send(call(() -> somebody.post("/api/orders", order(busy, 1)))));
                int waiters = n;
                await(() -> lockedOut() == waiters);
            }
            var answers = new ArrayList<CompletableFuture<Answer>>();
            for (var call : calls) {
                var answer = send(call);
                answers.add(answer);
                // In line, or already refused for something that needs no line.
                await(() -> inLine() + done(answers) == answers.size());
            }
            other.rollback();
            first.forEach(one -> one.join().created());
            return answers.stream().map(CompletableFuture::join).toList();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void hold(String product) throws SQLException {
        try (var statement = other.createStatement()) {
            statement.execute("SELECT 1 FROM stock WHERE product_id = '" + product + "' FOR UPDATE");
        }
    }

    private long lockedOut() {
        return db.sql("""
                        SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '/* stock.lock */%'
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
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Shoppers.pause(5);
        }
    }

    private static Map<String, Object> order(String product, int quantity) {
        return Map.of("items", List.of(line(product, quantity)));
    }

    private static Map<String, Object> line(String product, int quantity) {
        return Map.of("product_id", product, "quantity", quantity);
    }

    private static Map<String, String> price(String amount) {
        return Map.of("amount", amount, "currency", "RUB");
    }
}
