package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A store that is told to stop, as a process of its own: nobody who is served by it, or still sent to it, is turned away. */
@Timeout(180)
class DrainIT {
    private static final String GET = "GET /api/products/ HTTP/1.1\r\nHost: store\r\n\r\n";
    private static final String LOGIN = """
            POST /api/auth/login HTTP/1.1\r
            Host: store\r
            Content-Type: application/json\r
            Content-Length: 39\r
            \r
            {"email":"a@b.ru",""";

    @TempDir
    Path scratch;

    @Test
    void itSaysThatItIsNotReadyAndServesOnUntilThatIsKnown() throws Exception {
        try (var store = StoreProcess.start(scratch, Map.of("STORE_LIMITS_DRAIN_TIME", "3s"))
                .ready()) {
            assertThat(Wire.send(store.port, GET).headers()).doesNotContainEntry("connection", "close");
            // Under way when the signal comes, and still when the time is over.
            var slow = CompletableFuture.supplyAsync(
                    () -> Wire.send(store.port, 4_500, LOGIN, "\"password\":\"1234567\"}"));
            Thread.sleep(300);
            var told = System.nanoTime();
            store.process.destroy();
            awaitReadiness(store, 503, Duration.ofMillis(1_000));
            while (since(told).toMillis() < 2_500) {
                var answer = Wire.send(store.port, GET);
                assertThat(answer.status()).isEqualTo(200);
                assertThat(answer.headers()).containsEntry("connection", "close");
                assertThat(StoreProcess.status("http://localhost:" + store.managementPort + "/health/live"))
                        .isEqualTo(200);
                Thread.sleep(50);
            }
            assertThat(slow.join().status()).isEqualTo(401);
            assertThat(store.ended()).isEqualTo(143);
            assertThat(since(told)).isBetween(Duration.ofSeconds(4), Duration.ofSeconds(20));
            assertThat(store.err()).isEmpty();
        }
    }

    @Test
    void withoutThatTimeItStopsAtOnce() throws Exception {
        try (var store = StoreProcess.start(scratch, Map.of()).ready()) {
            var told = System.nanoTime();
            store.process.destroy();
            assertThat(store.ended()).isEqualTo(143);
            assertThat(since(told)).isLessThan(Duration.ofSeconds(3));
        }
    }

    private static void awaitReadiness(StoreProcess store, int status, Duration limit) throws InterruptedException {
        var began = System.nanoTime();
        while (StoreProcess.status("http://localhost:" + store.managementPort + "/health/ready") != status) {
            assertThat(since(began)).as("until it answers " + status).isLessThan(limit);
            Thread.sleep(20);
        }
    }

    private static Duration since(long nanos) {
        return Duration.ofNanos(System.nanoTime() - nanos);
    }
}
