package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.TestPropertySource;
import productstore.Client.Answer;

/** A store with narrow limits, pushed beyond each of them. */
@Timeout(60)
@DirtiesContext
@TestPropertySource(
        properties = {
            "store.limits.pool-size=3",
            "store.limits.pool-queue=6",
            "store.limits.pool-wait=2s",
            "store.limits.statement-time=2s",
            "store.limits.lock-time=1s",
            "store.limits.body-read-time=3s"
        })
class LimitsTest extends StoreTest {
    private static final Duration LIMIT = Duration.ofSeconds(50);

    @Autowired
    private DataSource dataSource;

    @LocalManagementPort
    private int managementPort;

    @Test
    void whenAllConnectionsAreTakenAFewWaitAndTheRestIsTurnedAway() throws Exception {
        var taken = new ArrayList<Connection>();
        try {
            for (int n = 0; n < 3; n++) {
                taken.add(dataSource.getConnection());
            }
            Race.of(40, LIMIT, n -> {
                switch (n) {
                    // Busy is not broken: the store stays in service, and can be watched.
                    case 0, 1 ->
                        assertThat(management("/health/ready").ok().string("status"))
                                .isEqualTo("UP");
                    case 2 -> management("/health/live").ok();
                    case 3 -> assertThat(management("/metrics").ok().text()).contains("jvm_");
                    default -> assertOverloaded(anyone().get("/api/products"));
                }
            });
        } finally {
            for (var connection : taken) {
                connection.close();
            }
        }
        anyone().get("/api/products").ok();
    }

    @Test
    void aThousandRequestsAtOnceAllGetAnAnswer() {
        var fine = new AtomicInteger();
        Race.of(1000, LIMIT, n -> {
            var answer = anyone().get("/api/products?limit=1");
            if (answer.status() == 200) {
                fine.incrementAndGet();
            } else {
                assertOverloaded(answer);
            }
        });
        assertThat(fine).hasPositiveValue();
        anyone().get("/api/products").ok();
    }

    @Test
    void aRowThatIsLockedForLongHoldsUpItsOwnOrdersOnlyForAWhile() throws Exception {
        var locked = newProduct(5);
        var free = newProduct(50);
        var buyer = customer();
        try (var other = dataSource.getConnection()) {
            other.setAutoCommit(false);
            try (var statement =
                    other.prepareStatement("SELECT 1 FROM stock WHERE product_id = CAST(? AS uuid) FOR UPDATE")) {
                statement.setString(1, locked);
                statement.execute();
            }
            assertOverloaded(buyer.post("/api/orders", order(locked)));
            buyer.post("/api/orders", order(free)).created();
            other.rollback();
        }
        buyer.post("/api/orders", order(locked)).created();
        assertThat(stockOf(locked)).isEqualTo(4);
        assertNothingDrifted();
    }

    @Test
    void aStatementThatTakesTooLongIsCutShort() {
        var manager = manager();
        db.sql("""
                CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'
                """).update();
        db.sql("CREATE TRIGGER dawdle BEFORE INSERT ON category FOR EACH ROW EXECUTE FUNCTION dawdle()")
                .update();
        var name = "Медленная " + UUID.randomUUID();
        try {
            assertOverloaded(manager.post("/api/categories", Map.of("name", name)));
        } finally {
            db.sql("DROP FUNCTION dawdle CASCADE").update();
        }
        manager.post("/api/categories", Map.of("name", name)).created();
    }

    /** A hundred large bodies at the same moment, with all that is made of them, would take the whole heap. */
    @Test
    void soManyLargeBodiesAtOnceAndNoMore() throws Exception {
        var large = Map.of("email", "a".repeat(200_000), "password", "x");
        anyone().post("/api/auth/login", large).problem(400, "invalid_request");
        var sockets = new ArrayList<Socket>();
        try {
            for (int n = 0; n < 16; n++) {
                var socket = new Socket(InetAddress.getLoopbackAddress(), port);
                sockets.add(socket);
                write(
                        socket,
                        "POST /api/auth/login HTTP/1.1\r\nHost: large\r\nContent-Type: application/json\r\n"
                                + "Content-Length: 200000\r\n\r\n{\"email\":\"" + "a".repeat(100_000));
            }
            var refused = anyone().post("/api/auth/login", large);
            // Those that were sent before it need not have been read before it.
            for (int tries = 0; refused.status() != 503 && tries < 50; tries++) {
                Thread.sleep(100);
                refused = anyone().post("/api/auth/login", large);
            }
            assertOverloaded(refused);
            anyone().post("/api/auth/login", Map.of("email", "a@example.com", "password", "wrong"))
                    .problem(401, "invalid_credentials");
        } finally {
            for (var socket : sockets) {
                socket.close();
            }
        }
        anyone().post("/api/auth/login", large).problem(400, "invalid_request");
    }

    @Test
    void twoHundredSlowClientsDisturbNobody() throws Exception {
        var buyer = customer();
        var product = newProduct(100);
        var sockets = new ArrayList<Socket>();
        var over = new AtomicBoolean();
        try {
            for (int n = 0; n < 200; n++) {
                var socket = new Socket(InetAddress.getLoopbackAddress(), port);
                sockets.add(socket);
                write(socket, "POST /api/auth/login HTTP/1.1\r\nHost: slow\r\n");
                if (n % 2 == 0) {
                    write(socket, "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"email\":\"");
                }
            }
            var trickle = Thread.ofVirtual().start(() -> {
                while (!over.get()) {
                    sockets.forEach(LimitsTest::trickle);
                    try {
                        Thread.sleep(1000);
                    } catch (InterruptedException e) {
                        return;
                    }
                }
            });
            for (int n = 0; n < 20; n++) {
                anyone().get("/api/products/" + product).ok();
                buyer.post("/api/orders", order(product)).created();
            }
            // A body that never ends is not waited for.
            var answer = new byte[12];
            sockets.getFirst().setSoTimeout(30_000);
            assertThat(sockets.getFirst().getInputStream().readNBytes(answer, 0, answer.length))
                    .isEqualTo(answer.length);
            assertThat(new String(answer, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 408");
            over.set(true);
            trickle.interrupt();
            assertThat(trickle.join(LIMIT)).isTrue();
        } finally {
            over.set(true);
            for (var socket : sockets) {
                socket.close();
            }
        }
        assertThat(stockOf(product)).isEqualTo(80);
    }

    @Test
    void theStoreIsReadyOnlyWithAllItsMigrations(@Autowired Flyway flyway) throws Exception {
        assertThat(flyway.info().current()).isNotNull();
        assertReady(200);
        db.sql("UPDATE flyway_schema_history SET success = false").update();
        assertReady(503);
        // A newer program has migrated the database while this one still serves.
        db.sql("""
                INSERT INTO flyway_schema_history
                    (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
                VALUES (9999, '9999', 'from the future', 'SQL', 'V9999__from_the_future.sql', 1, 'x', 1, true)
                """).update();
        assertReady(200);
        db.sql("DELETE FROM flyway_schema_history WHERE installed_rank = 9999").update();
        assertReady(503);
        db.sql("UPDATE flyway_schema_history SET success = true").update();
        assertReady(200);
        db.sql("ALTER TABLE flyway_schema_history RENAME TO elsewhere").update();
        assertReady(503);
        db.sql("ALTER TABLE elsewhere RENAME TO flyway_schema_history").update();
        assertReady(200);
    }

    /** Waits a little, for the last answer may be remembered for a second. */
    private void assertReady(int status) throws InterruptedException {
        for (int tries = 0; management("/health/ready").status() != status; tries++) {
            assertThat(tries).as("tries until /health/ready is " + status).isLessThan(100);
            Thread.sleep(100);
        }
        management("/health/live").ok();
    }

    private Answer management(String path) {
        return new Client("http://127.0.0.1:" + managementPort, null).get(path);
    }

    private static void assertOverloaded(Answer answer) {
        answer.problem(503, "overloaded");
        assertThat(answer.header("Retry-After")).isPresent();
    }

    private static Map<String, Object> order(String product) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", 1)));
    }

    private static void trickle(Socket socket) {
        try {
            write(socket, "x");
        } catch (IOException e) {
            // The store has given up on this one, as it should.
            assertThat(socket.isConnected()).isTrue();
        }
    }

    private static void write(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }
}
