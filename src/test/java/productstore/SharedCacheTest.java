package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.core.env.Environment;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** Two stores that share their answers in a Redis, and what becomes of them when it is killed, frozen or full. */
@Tag("redis")
@DirtiesContext
class SharedCacheTest extends StoreTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final RedisServer REDIS = RedisServer.start();

    @Autowired
    private Environment environment;

    @LocalManagementPort
    private int managementPort;

    private SecondStore second;

    @DynamicPropertySource
    static void redis(DynamicPropertyRegistry properties) {
        properties.add("store.redis-url", REDIS::url);
    }

    @BeforeEach
    void startSecondStore() {
        second = SecondStore.beside(environment, Map.of("store.redis-url", REDIS.url()));
        await(() -> metric("store_redis_up") == 1);
    }

    @AfterEach
    void stopSecondStore() {
        second.close();
    }

    @AfterAll
    static void stopRedis() {
        REDIS.close();
    }

    @Test
    void whatOneStoreHasMadeTheOtherGivesWithoutTheDatabase() throws SQLException {
        var path = "/api/products/" + newProduct(7);
        try (var connection = DriverManager.getConnection(
                        String.valueOf(environment.getProperty("spring.datasource.url")),
                        environment.getProperty("spring.datasource.username"),
                        environment.getProperty("spring.datasource.password"));
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            // Warm, so that the answer is still young when the second store asks for it.
            second.anyone().get("/api/products?limit=1").ok();
            var made = anyone().get(path).ok();
            statement.execute("LOCK TABLE product IN ACCESS EXCLUSIVE MODE");
            var given = second.anyone().get(path).ok();
            assertThat(given.text()).isEqualTo(made.text());
            assertThat(given.header("ETag")).isEqualTo(made.header("ETag"));
            connection.rollback();
        }
    }

    @Test
    void aStoreDoesNotGetBackWhatItHasMadeOutOfDate() {
        var category = "Общий " + UUID.randomUUID();
        var product = newProduct(Map.of("stock", 1_000_000, "category", newCategory(category)));
        var customer = newCustomer();
        var paths = List.of("/api/products/" + product, list(category));
        var over = new AtomicBoolean();
        Race.of(4, LIMIT, n -> {
            if (n > 0) {
                for (int round = 0; !over.get(); round++) {
                    second.anyone().get(paths.get(round % 2)).ok();
                }
                return;
            }
            try {
                for (int round = 1; round <= 30; round++) {
                    var price = Map.of("amount", round + ".00", "currency", "RUB");
                    manager()
                            .patch("/api/products/" + product, Map.of("price", price))
                            .ok();
                    assertPrice(anyone(), paths.getFirst(), round);
                    assertPrice(anyone(), paths.getLast(), round);
                    customer.post("/api/orders", Map.of("items", List.of(Map.of("product_id", product, "quantity", 1))))
                            .created();
                    assertThat(stockOf(product)).isEqualTo(1_000_000 - round);
                }
            } finally {
                over.set(true);
            }
        });
    }

    @Test
    void killedAndStarted() {
        whileRedisIsAway(REDIS::kill, REDIS::startAgain);
    }

    @Test
    void frozenAndThawed() {
        whileRedisIsAway(() -> REDIS.signal("STOP"), () -> REDIS.signal("CONT"));
    }

    @Test
    void full() {
        whileRedisIsAway(() -> REDIS.command("CONFIG SET maxmemory 1"), () -> REDIS.command("CONFIG SET maxmemory 0"));
    }

    private void whileRedisIsAway(Runnable away, Runnable back) {
        var category = "Общий " + UUID.randomUUID();
        var product = newProduct(Map.of("category", newCategory(category)));
        var paths = List.of("/api/products/" + product, list(category));
        var failures = metric("store_redis_failures_total");
        for (var path : paths) {
            anyone().get(path).ok();
            second.anyone().get(path).ok();
        }
        away.run();
        write(product, paths, 1);
        write(product, paths, 2);
        assertThat(metric("store_redis_failures_total")).isGreaterThan(failures);
        back.run();
        // What stood in a frozen Redis' way in comes out now, long out of date.
        write(product, paths, 3);
        await(() -> {
            anyone().get("/api/products?limit=" + (1 + System.nanoTime() % 100)).ok();
            return metric("store_redis_up") == 1;
        });
        write(product, paths, 4);
    }

    /** Changes the price in the first store; it is seen there at once, and in both within a second. */
    private void write(String product, List<String> paths, int roubles) {
        var price = Map.of("amount", roubles + ".00", "currency", "RUB");
        manager().patch("/api/products/" + product, Map.of("price", price)).ok();
        paths.forEach(path -> assertPrice(anyone(), path, roubles));
        Shoppers.pause(1_000);
        paths.forEach(path -> assertPrice(second.anyone(), path, roubles));
        paths.forEach(path -> assertPrice(anyone(), path, roubles));
    }

    private static void assertPrice(Client client, String path, int roubles) {
        var body = client.get(path).ok().body();
        var product = body.has("items") ? body.get("items").get(0) : body;
        assertThat(product.get("price").get("amount").asString()).isEqualTo(roubles + ".00");
    }

    private double metric(String name) {
        return new Client("http://127.0.0.1:" + managementPort, null)
                .get("/metrics")
                .ok()
                .text()
                .lines()
                .filter(line -> line.startsWith(name))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    private static String list(String category) {
        return "/api/products?category=" + java.net.URLEncoder.encode(category, StandardCharsets.UTF_8);
    }

    private static void await(BooleanSupplier done) {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Shoppers.pause(50);
        }
    }
}
