package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The store as a person runs it, on its embedded PostgreSQL, killed and stopped under load: what it acknowledged is there
 * after the next start, and nothing is there twice.
 */
class CrashIT {
    private static final String ADMIN = "root@store.test";
    private static final String PASSWORD = "correct horse battery";
    private static final int BUYERS = 12;
    // Of a start too: how fast that is on a machine of its own is measured elsewhere.
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path folder = Path.of("");

    /** How a running store is ended. */
    @FunctionalInterface
    private interface End {
        void of(Process store) throws IOException;
    }

    /** One store's process, and where it listens. */
    private record Running(Process process, int port, int managementPort) implements AutoCloseable {
        Client anyone() {
            return new Client("http://127.0.0.1:" + port, null);
        }

        Client signIn(String email) {
            return anyone().as(anyone().post("/api/auth/login", Map.of("email", email, "password", PASSWORD))
                    .ok()
                    .string("access_token"));
        }

        boolean isReady() {
            try {
                return new Client("http://127.0.0.1:" + managementPort, null)
                                .get("/health/ready")
                                .status()
                        == 200;
            } catch (UncheckedIOException e) {
                return false;
            }
        }

        @Override
        public void close() {
            process.destroy();
            assertThat(gone(process)).isTrue();
        }
    }

    @Test
    @Timeout(400)
    void whatWasAcknowledgedOutlivesTheStore() throws IOException {
        String product;
        String email = UUID.randomUUID() + "@example.com";
        try (var store = start()) {
            var admin = store.signIn(ADMIN);
            var category = admin.post("/api/categories", Map.of("name", "Хлеб"))
                    .created()
                    .string("id");
            product = admin.post(
                            "/api/products",
                            Map.of(
                                    "sku",
                                    "bread",
                                    "name",
                                    "Хлеб",
                                    "category",
                                    category,
                                    "price",
                                    Map.of("amount", "50.00", "currency", "RUB"),
                                    "stock",
                                    1_000_000))
                    .created()
                    .string("id");
            store.anyone()
                    .post("/api/auth/register", Map.of("email", email, "password", PASSWORD, "name", "Анна"))
                    .created();
        }
        // One shopper for all of them, for what the first end left must outlive the last one too.
        var shoppers = new Shoppers(product, true);
        end(shoppers, email, Process::destroyForcibly);
        if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
            end(shoppers, email, store -> signal("KILL", "-" + store.pid()));
        }
        end(shoppers, email, Process::destroy);
        try (var store = start()) {
            shoppers.settle(store.signIn(email));
            assertNothingDrifted(store);
        }
    }

    /** Starts the store, lets everybody shop, and ends it in the middle of that. */
    private void end(Shoppers shoppers, String email, End end) throws IOException {
        try (var store = start()) {
            var customer = store.signIn(email);
            shoppers.settle(customer);
            assertNothingDrifted(store);
            int answered = shoppers.answered();
            int broken = shoppers.brokenConnections();
            var over = new AtomicBoolean();
            Race.of(BUYERS + 1, LIMIT, n -> {
                if (n < BUYERS) {
                    shoppers.shop(customer, over);
                    return;
                }
                try {
                    Shoppers.pause(2_000);
                    end.of(store.process());
                    assertThat(gone(store.process())).isTrue();
                } finally {
                    over.set(true);
                }
            });
            assertThat(shoppers.answered()).isGreaterThan(answered);
            assertThat(shoppers.brokenConnections()).isGreaterThan(broken);
        }
    }

    private static void assertNothingDrifted(Running store) {
        assertThat(store.signIn(ADMIN).get("/api/inventory/audit").ok().body().get("items"))
                .isEmpty();
    }

    private Running start() throws IOException {
        int port = freePort();
        int managementPort = freePort();
        var command = new ArrayList<String>();
        if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
            // A process group of its own, as a terminal gives one to what it runs.
            command.add("setsid");
        }
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "productstore.Store",
                "run"));
        var builder = new ProcessBuilder(command);
        builder.environment()
                .putAll(Map.of(
                        "STORE_PORT",
                        Integer.toString(port),
                        "STORE_MANAGEMENT_PORT",
                        Integer.toString(managementPort),
                        "STORE_DATA_DIR",
                        folder.resolve("data").toString(),
                        "STORE_DEMO",
                        "false",
                        "STORE_RATE_LIMIT",
                        "off",
                        "STORE_ADMIN_EMAIL",
                        ADMIN,
                        "STORE_ADMIN_PASSWORD",
                        PASSWORD));
        var log = folder.resolve("store.log");
        builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        var began = System.nanoTime();
        var running = new Running(builder.start(), port, managementPort);
        while (!running.isReady()) {
            var took = Duration.ofNanos(System.nanoTime() - began);
            if (!running.process().isAlive() || took.compareTo(LIMIT) > 0) {
                running.process().destroyForcibly();
                throw new AssertionError("the store does not start: " + Files.readString(log));
            }
            Shoppers.pause(50);
        }
        return running;
    }

    private static boolean gone(Process process) {
        try {
            return process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static void signal(String name, String target) throws IOException {
        var kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + target)
                .inheritIO()
                .start();
        assertThat(gone(kill)).isTrue();
        assertThat(kill.exitValue()).isZero();
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
