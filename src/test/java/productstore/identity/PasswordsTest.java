package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import productstore.platform.Limits;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;

class PasswordsTest {
    private static final Duration ANY = Duration.ofSeconds(1);

    @Test
    void moreThanTheQueueHoldsIsRefusedAtOnce() throws Exception {
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        int queue = 2;
        var limits = new Limits(1, ANY, 1, 1, ANY, ANY, ANY, ANY, queue, 1, ANY);
        var release = new CountDownLatch(1);
        var begun = new CountDownLatch(threads);
        try (var passwords = new Passwords(limits);
                var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < threads; i++) {
                clients.execute(() -> passwords.matches("x", null, () -> {
                    begun.countDown();
                    await(release);
                }));
            }
            begun.await();
            var waiting = clients.submit(() -> passwords.hash("x"));
            clients.execute(() -> passwords.hash("y"));
            Thread.sleep(200);
            try {
                assertThatThrownBy(() -> passwords.hash("z")).isInstanceOfSatisfying(Problem.class, refused -> {
                    assertThat(refused.code()).isEqualTo(ProblemCode.OVERLOADED);
                    assertThat(refused.headers().getFirst("Retry-After")).isEqualTo("2");
                });
            } finally {
                release.countDown();
            }
            assertThat(passwords.matches("x", waiting.get(), () -> {})).isTrue();
        }
    }

    /** An account that does not exist is compared with a hash of the same cost; what is measured would depend on the day. */
    @Test
    void anAccountThatDoesNotExistCostsAsMuch() {
        try (var passwords = new Passwords(new Limits(1, ANY, 1, 1, ANY, ANY, ANY, ANY, 100, 1, ANY))) {
            assertThat(cost(passwords.nobodysHash)).isEqualTo(cost(passwords.hash("correct")));
        }
    }

    /** Algorithm, version, memory, passes and lanes of a hash, with the lengths of its salt and its value. */
    private static List<Object> cost(String hash) {
        var parts = hash.split("\\$", -1);
        return List.of(parts[1], parts[2], parts[3], parts[4].length(), parts[5].length());
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
