package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.core.env.Environment;
import tools.jackson.databind.JsonNode;

/** What is kept ready is never wrong: never older than it may be, and never other than what would be made anew. */
class CachingTest extends StoreTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Autowired
    private Environment environment;

    @LocalManagementPort
    private int managementPort;

    @Test
    void aWriteIsSeenByTheNextReadWhileOthersRead() {
        var category = "Кеш " + UUID.randomUUID();
        newCategory(category);
        var product = newProduct(Map.of("stock", 1_000_000, "category", category));
        var customer = newCustomer();
        var paths = List.of("/api/products/" + product, list(category), "/api/categories");
        var over = new AtomicBoolean();
        Race.of(5, LIMIT, n -> {
            if (n > 0) {
                // So that answers are being made at the moment of a write.
                for (int round = 0; !over.get(); round++) {
                    anyone().get(paths.get((round + n) % paths.size())).ok();
                }
                return;
            }
            try {
                for (int round = 1; round <= 40; round++) {
                    var price = round + ".00";
                    manager()
                            .patch("/api/products/" + product, Map.of("price", price(price)))
                            .ok();
                    assertThat(price(anyone().get("/api/products/" + product).body()))
                            .isEqualTo(price);
                    assertThat(price(first(anyone(), category))).isEqualTo(price);
                    customer.post("/api/orders", order(product)).created();
                    assertThat(stockOf(product)).isEqualTo(1_000_000 - round);
                    newProduct(Map.of("category", category));
                    assertThat(anyone().get(list(category)).body().get("total").asInt())
                            .isEqualTo(round + 1);
                    assertThat(count(anyone(), category)).isEqualTo(round + 1);
                }
            } finally {
                over.set(true);
            }
        });
        assertThat(manager().delete("/api/products/" + product).status()).isEqualTo(204);
        anyone().get("/api/products/" + product).problem(404, "not_found");
    }

    @Test
    void whatAnotherStoreWritesIsSeenWithinASecond() {
        var category = "Кеш " + UUID.randomUUID();
        var product = newProduct(Map.of("stock", 100, "category", newCategory(category)));
        var customer = newCustomer();
        try (var second = SecondStore.beside(environment, Map.of())) {
            for (int round = 1; round <= 3; round++) {
                var price = round + "1.00";
                read(second, product, category);
                manager()
                        .patch("/api/products/" + product, Map.of("price", price(price)))
                        .ok();
                customer.post("/api/orders", order(product)).created();
                newProduct(Map.of("category", category));
                Shoppers.pause(1_000);
                assertSeen(second, product, category, price, 100 - round, round + 1);
                assertSeen(null, product, category, price, 100 - round, round + 1);
            }
        }
    }

    @Test
    void whatAPersonWritesWithPsqlIsSeenWithinASecond() {
        var category = "Кеш " + UUID.randomUUID();
        var product = newProduct(Map.of("category", newCategory(category)));
        newProduct(Map.of("category", category));
        assertThat(anyone().get(list(category)).body().get("total").asInt()).isEqualTo(2);
        assertThat(count(anyone(), category)).isEqualTo(2);
        db.sql("UPDATE product SET archived_at = now() WHERE id = CAST(:id AS uuid)")
                .param("id", product)
                .update();
        Shoppers.pause(1_000);
        assertThat(anyone().get(list(category)).body().get("total").asInt()).isEqualTo(1);
        assertThat(count(anyone(), category)).isEqualTo(1);
        anyone().get("/api/products/" + product).problem(404, "not_found");
    }

    @Test
    void aStoreThatCannotHearTheOthersCountsAnew() {
        var category = "Кеш " + UUID.randomUUID();
        newProduct(Map.of("category", newCategory(category)));
        try (var second = SecondStore.beside(environment, Map.of())) {
            assertThat(count(second.anyone(), category)).isEqualTo(1);
            var over = new AtomicBoolean();
            Race.of(2, LIMIT, n -> {
                if (n > 0) {
                    while (!over.get()) {
                        db.sql("""
                                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                        WHERE datname = current_database() AND query ~ '^(LISTEN|NOTIFY) store_'
                                        """).query().listOfRows();
                        Shoppers.pause(5);
                    }
                    return;
                }
                try {
                    for (int round = 2; round <= 3; round++) {
                        Shoppers.pause(1_000);
                        newProduct(Map.of("category", category));
                        Shoppers.pause(1_000);
                        assertThat(count(second.anyone(), category)).isEqualTo(round);
                        assertThat(second.anyone()
                                        .get(list(category))
                                        .body()
                                        .get("total")
                                        .asInt())
                                .isEqualTo(round);
                    }
                } finally {
                    over.set(true);
                }
            });
        }
    }

    @Test
    void aThousandReadersOfAPageThatHasGoneMakeOneQuery() throws SQLException {
        var category = "Кеш " + UUID.randomUUID();
        newProduct(Map.of("category", newCategory(category)));
        var statuses = new ConcurrentLinkedQueue<Integer>();
        try (var connection = DriverManager.getConnection(
                        String.valueOf(environment.getProperty("spring.datasource.url")),
                        environment.getProperty("spring.datasource.username"),
                        environment.getProperty("spring.datasource.password"));
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("LOCK TABLE product IN ACCESS EXCLUSIVE MODE");
            for (int n = 0; n < 1_000; n++) {
                Thread.ofVirtual()
                        .start(() -> statuses.add(anyone().get(list(category)).status()));
            }
            awaitALockedOutConnection();
            // All of them are in the store by now, or will come to the same.
            Shoppers.pause(1_000);
            assertThat(db.sql("""
                                    SELECT count(*) FROM pg_stat_activity
                                    WHERE datname = current_database() AND wait_event_type = 'Lock'
                                    """).query(Long.class).single()).isEqualTo(1);
            connection.rollback();
            await(() -> statuses.size() == 1_000);
        }
        assertThat(statuses).containsOnly(200);
    }

    @Test
    void aReadyAnswerIsTheOneThatWouldBeMade() {
        var category = "Кеш " + UUID.randomUUID();
        var id = newCategory(category);
        var product = newProduct(Map.of("category", id));
        for (var path : List.of(
                "/api/products/" + product,
                list(category),
                list(category) + "&limit=1&sort=price_asc",
                "/api/categories",
                "/api/categories/" + id)) {
            var made = anyone().get(path).ok();
            var ready = anyone().get(path).ok();
            var slashed = anyone().get(path.replaceFirst("(\\?|$)", "/$1")).ok();
            var ordinary = customer().get(path).ok();
            for (var other : List.of(ready, slashed, ordinary)) {
                assertThat(other.text()).isEqualTo(made.text());
                assertThat(constant(other)).as(path).isEqualTo(constant(made));
            }
            assertThat(made.header("Cache-Control")).hasValue("public, max-age=0, s-maxage=1, must-revalidate");
            var tag = made.header("ETag").orElseThrow();
            for (var client : List.of(anyone(), customer())) {
                var same = client.with("If-None-Match", tag).get(path);
                assertThat(same.status()).isEqualTo(304);
                assertThat(same.response().body()).isEmpty();
                assertThat(same.header("ETag")).hasValue(tag);
                assertThat(client.with("If-None-Match", "\"x\", " + tag)
                                .get(path)
                                .status())
                        .isEqualTo(304);
                assertThat(client.with("If-None-Match", "\"x\"").get(path).status())
                        .isEqualTo(200);
            }
        }
    }

    @Test
    void aReadyAnswerIsCountedAndTraced() {
        var path = "/api/products/" + newProduct(1);
        anyone().get(path).ok();
        var before = counted();
        var traceId = UUID.randomUUID().toString().replace("-", "");
        for (int n = 0; n < 20; n++) {
            var ready = anyone().with("traceparent", "00-" + traceId + "-00f067aa0ba902b7-0" + n % 2)
                    .get(path)
                    .ok();
            assertThat(ready.header("X-Trace-Id")).hasValue(traceId);
        }
        assertThat(counted() - before).isEqualTo(20);
        anyone().with("Accept", "text/html").get(path).problem(406, "not_acceptable");
        assertThat(anyone().send("HEAD", path, null).response().body()).isEmpty();
    }

    @Test
    void whoReadsAProductTakesThoseAlongThatAreAskedForOften() {
        var often = newProduct(10);
        var next = newProduct(10);
        anyone().get("/api/products/" + often).ok();
        anyone().get("/api/products/" + often).ok();
        Shoppers.pause(600);
        db.sql("UPDATE stock SET quantity = 9 WHERE product_id = CAST(:id AS uuid)")
                .param("id", often)
                .update();
        var before = queriesForProducts();
        anyone().get("/api/products/" + next).ok();
        assertThat(stockOf(often)).isEqualTo(9);
        assertThat(queriesForProducts() - before).isEqualTo(1);
        db.sql("UPDATE stock SET quantity = 10 WHERE product_id = CAST(:id AS uuid)")
                .param("id", often)
                .update();
    }

    private double queriesForProducts() {
        return Scrape.of(managementPort)
                .sum("db_client_operation_duration_seconds_count", "operation=\"product.find\"");
    }

    @Test
    void anOrderDoesNotLookAtWhatIsKept() {
        var product = newProduct(Map.of("stock", 5, "price", price("10.00")));
        var customer = newCustomer();
        assertThat(price(anyone().get("/api/products/" + product).body())).isEqualTo("10.00");
        db.sql("UPDATE product SET price = 20 WHERE id = CAST(:id AS uuid)")
                .param("id", product)
                .update();
        assertThat(customer.post("/api/orders", order(product))
                        .created()
                        .body()
                        .get("total")
                        .get("amount")
                        .asString())
                .isEqualTo("20.00");
    }

    private void read(SecondStore second, String product, String category) {
        second.anyone().get("/api/products/" + product).ok();
        second.anyone().get(list(category)).ok();
        second.anyone().get("/api/categories").ok();
    }

    private void assertSeen(
            @Nullable SecondStore second, String product, String category, String price, int stock, int total) {
        var client = second == null ? anyone() : second.anyone();
        var page = client.get("/api/products/" + product).ok().body();
        assertThat(price(page)).isEqualTo(price);
        assertThat(page.get("stock").asInt()).isEqualTo(stock);
        var items = client.get(list(category)).ok().body();
        assertThat(items.get("total").asInt()).isEqualTo(total);
        assertThat(price(items.get("items").get(0))).isEqualTo(price);
        assertThat(items.get("items").get(0).get("stock").asInt()).isEqualTo(stock);
        assertThat(count(client, category)).isEqualTo(total);
    }

    private static JsonNode first(Client client, String category) {
        return client.get(list(category)).ok().body().get("items").get(0);
    }

    private static int count(Client client, String category) {
        for (var one : client.get("/api/categories").ok().body().get("items")) {
            if (one.get("name").asString().equals(category)) {
                return one.get("product_count").asInt();
            }
        }
        throw new AssertionError("no category " + category);
    }

    /** The headers that don't change from call to call. */
    private static Map<String, List<String>> constant(Client.Answer answer) {
        var headers = new TreeMap<>(answer.response().headers().map());
        headers.keySet().removeAll(List.of("x-trace-id", "date", "keep-alive", "connection"));
        return headers;
    }

    private double counted() {
        var metrics = new Client("http://127.0.0.1:" + managementPort, null)
                .get("/metrics")
                .ok()
                .text();
        return metrics.lines()
                .filter(line -> line.startsWith("http_server_requests_seconds_count")
                        && line.contains("uri=\"/api/products/{id}\"")
                        && line.contains("method=\"GET\"")
                        && line.contains("status=\"200\""))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    private static void await(BooleanSupplier done) {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Shoppers.pause(10);
        }
    }

    private static String list(String category) {
        return "/api/products?category=" + URLEncoder.encode(category, StandardCharsets.UTF_8)
                + "&sort=price_asc&max_price=1000";
    }

    private static String price(JsonNode product) {
        return product.get("price").get("amount").asString();
    }

    private static Map<String, String> price(String amount) {
        return Map.of("amount", amount, "currency", "RUB");
    }

    private static Map<String, Object> order(String product) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", 1)));
    }
}
