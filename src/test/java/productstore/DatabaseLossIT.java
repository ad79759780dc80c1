package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.ContextConfiguration;
import org.springframework.test.context.TestPropertySource;
import productstore.Client.Answer;
import productstore.embedded.RestartablePostgres;

/**
 * The database goes away under load in every way it can: everybody is told so (503 and when to try again), nobody waits
 * for ever, the store is well again by itself, and no order is lost or made twice.
 */
@Timeout(120)
@DirtiesContext
@ContextConfiguration(initializers = DatabaseLossIT.OwnPostgres.class, inheritInitializers = false)
@TestPropertySource(
        properties = {
            "store.limits.pool-size=8",
            "store.limits.pool-wait=2s",
            "store.limits.connect-time=2s",
            "store.limits.lock-time=2s"
        })
class DatabaseLossIT extends StoreTest {
    private static final int BUYERS = 10;
    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final RestartablePostgres POSTGRES = RestartablePostgres.create();

    @LocalManagementPort
    private int managementPort;

    /** Puts the store on a server of its own, so that no other test is disturbed. */
    static final class OwnPostgres implements ApplicationContextInitializer<ConfigurableApplicationContext> {
        @Override
        public void initialize(ConfigurableApplicationContext context) {
            var address = POSTGRES.address();
            context.getEnvironment()
                    .getPropertySources()
                    .addFirst(new MapPropertySource(
                            "own postgres",
                            Map.of(
                                    "spring.datasource.url", address.url(),
                                    "spring.datasource.username", address.user(),
                                    "spring.datasource.password", address.password())));
        }
    }

    @AfterAll
    static void stopPostgres() {
        POSTGRES.close();
    }

    @Test
    void stoppedAndStarted() {
        var shoppers = underLoad(() -> {
            POSTGRES.end("INT");
            assertEverybodyIsToldThatTheDatabaseIsAway();
            POSTGRES.start();
        });
        assertThat(shoppers.refusals()).isPositive();
    }

    @Test
    void killedAndStarted() {
        underLoad(() -> {
            POSTGRES.end("KILL");
            POSTGRES.start();
        });
    }

    @Test
    void connectionsAreTerminated() {
        underLoad(() -> {
            for (int round = 0; round < 5; round++) {
                terminateTheStoresConnections();
                Shoppers.pause(300);
            }
        });
    }

    @Test
    void everyConnectionSlotIsTakenByOthers() {
        underLoad(() -> {
            var others = new ArrayList<Connection>();
            try {
                // Ends the store's connections and takes their places, again and again until the store got none of
                // them.
                var rounds = 0;
                do {
                    takeAllSlots(others);
                    terminate(others.getFirst());
                    // A slot is free as soon as its process has ended, and the store wants it back at once.
                    for (int n = 0; n < 20; n++) {
                        takeAllSlots(others);
                        Shoppers.pause(2);
                    }
                    assertThat(rounds++)
                            .as("rounds until the store has no connection")
                            .isLessThan(300);
                } while (ready().status() != 503);
            } finally {
                for (var connection : others) {
                    close(connection);
                }
            }
        });
    }

    @Test
    void rowsAreLockedForLong() {
        var product = newProduct(1_000_000);
        var customer = newCustomer();
        var shoppers = new Shoppers(product, false);
        var over = new AtomicBoolean();
        Race.of(BUYERS + 1, LIMIT, n -> {
            if (n < BUYERS) {
                shoppers.shop(customer, over);
                return;
            }
            try (var other = connect();
                    var statement = other.createStatement()) {
                Shoppers.pause(500);
                other.setAutoCommit(false);
                statement.execute("SELECT 1 FROM stock WHERE product_id = '" + product + "' FOR UPDATE");
                Shoppers.pause(5_000);
                // Who waits for the row gives up in time, and does not pile up before everybody else for ever.
                assertThat(shoppers.refusals()).isPositive();
                other.rollback();
            } finally {
                Shoppers.pause(500);
                over.set(true);
            }
        });
        shoppers.settle(customer);
        assertNothingDrifted();
    }

    private Shoppers underLoad(Runnable disturbance) {
        var product = newProduct(1_000_000);
        var customer = newCustomer();
        var email = UUID.randomUUID() + "@example.com";
        anyone().post("/api/auth/register", Map.of("email", email, "password", PASSWORD, "name", "Борис"))
                .created();
        assertThat(ready().status()).isEqualTo(200);
        var shoppers = new Shoppers(product, false);
        var over = new AtomicBoolean();
        Race.of(BUYERS + 5, LIMIT, n -> {
            switch (n - BUYERS) {
                case 0 -> {
                    try {
                        Shoppers.pause(1_000);
                        disturbance.run();
                        awaitHealth(customer, product);
                    } finally {
                        over.set(true);
                    }
                }
                case 1 -> shoppers.repeat(over, () -> anyone().get("/api/products?limit=3"));
                case 2 -> shoppers.repeat(over, () -> customer.get("/api/auth/me"));
                case 3 ->
                    shoppers.repeat(
                            over, () -> anyone().post("/api/auth/login", Map.of("email", email, "password", PASSWORD)));
                case 4 -> shoppers.repeat(over, () -> management("/health/live"));
                default -> shoppers.shop(customer, over);
            }
        });
        assertThat(shoppers.answered()).isPositive();
        shoppers.settle(customer);
        assertNothingDrifted();
        return shoppers;
    }

    private void assertEverybodyIsToldThatTheDatabaseIsAway() {
        assertNotReady();
        // Many at once, with tokens of a key that this store does not know: only the database could tell.
        Race.of(40, LIMIT, n -> {
            var began = System.nanoTime();
            var answer =
                    n % 2 == 0 ? anyone().as(tokenOfUnknownKey()).get("/api/auth/me") : anyone().get("/api/products");
            answer.problem(503, n % 2 == 0 ? "database_unavailable" : answer.code());
            assertThat(answer.header("Retry-After")).isPresent();
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Shoppers.LONGEST_WAIT);
        });
        management("/health/live").ok();
        management("/metrics").ok();
    }

    private void assertNotReady() {
        for (int tries = 0; ready().status() != 503; tries++) {
            assertThat(tries).as("tries until the store is not ready").isLessThan(100);
            Shoppers.pause(100);
        }
    }

    private void awaitHealth(Client customer, String product) {
        var end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (ready().status() != 200
                || customer.get("/api/products/" + product).status() != 200
                || customer.get("/api/orders?limit=1").status() != 200) {
            assertThat(System.nanoTime()).as("time to get well").isLessThan(end);
            Shoppers.pause(100);
        }
        Shoppers.pause(500);
    }

    private Answer ready() {
        return management("/health/ready");
    }

    private Answer management(String path) {
        return new Client("http://127.0.0.1:" + managementPort, null).get(path);
    }

    private static String tokenOfUnknownKey() {
        var base64 = Base64.getUrlEncoder().withoutPadding();
        return String.join(
                ".",
                List.of(
                        base64.encodeToString("{\"alg\":\"RS256\",\"kid\":\"%s\"}"
                                .formatted(UUID.randomUUID())
                                .getBytes(StandardCharsets.UTF_8)),
                        base64.encodeToString("{\"sub\":\"x\"}".getBytes(StandardCharsets.UTF_8)),
                        base64.encodeToString(new byte[256])));
    }

    private static Connection connect() throws SQLException {
        var address = POSTGRES.address();
        return DriverManager.getConnection(address.url(), address.user(), address.password());
    }

    private static void terminateTheStoresConnections() {
        try (var connection = connect()) {
            terminate(connection);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void terminate(Connection by) {
        try (var statement = by.createStatement()) {
            statement.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'product-store'");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void takeAllSlots(List<Connection> others) {
        while (others.size() < 200) {
            try {
                others.add(connect());
            } catch (SQLException e) {
                assertThat(e.getSQLState()).isEqualTo("53300");
                return;
            }
        }
    }

    private static void close(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
