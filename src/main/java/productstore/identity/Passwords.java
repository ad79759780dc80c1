package productstore.identity;

import java.text.Normalizer;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.springframework.security.crypto.argon2.Argon2PasswordEncoder;
import org.springframework.stereotype.Component;
import productstore.platform.Limits;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;

/**
 * Hashes passwords with Argon2id (RFC 9106). A hash takes tens of milliseconds of a whole core, so they are computed by
 * few threads of their own with a bounded queue: a flood of sign-ins waits for itself and not for the rest of the
 * store. Never call this while holding a database connection.
 */
@Component
class Passwords implements AutoCloseable {
    // OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
    private static final int MEMORY_KIB = 19_456;
    private static final int PASSES = 2;
    private static final int LANES = 1;
    private static final int SALT_BYTES = 16;
    private static final int HASH_BYTES = 32;

    private final Argon2PasswordEncoder argon2 =
            new Argon2PasswordEncoder(SALT_BYTES, HASH_BYTES, LANES, MEMORY_KIB, PASSES);
    private final ThreadPoolExecutor threads;
    final String nobodysHash = "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
            .formatted(MEMORY_KIB, PASSES, LANES, zeros(SALT_BYTES), zeros(HASH_BYTES));

    Passwords(Limits limits) {
        int count = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        threads = new ThreadPoolExecutor(
                count,
                count,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(limits.hashQueue()),
                Thread.ofPlatform().daemon().name("password-hash-", 0).factory());
    }

    /**
     * The password's hash with its parameters and a new salt, as text.
     *
     * @throws Problem {@code overloaded} if too many wait already
     */
    String hash(String password) {
        return compute(() -> encode(password));
    }

    /**
     * Whether this is the password, at the same cost for an account that does not exist.
     *
     * @param hash null if there is no such account; the answer is then false
     * @param begins run right before the hash is computed, on one of the few threads that do so; it may throw a problem
     * @throws Problem {@code overloaded} if too many wait already, or what {@code begins} throws
     */
    boolean matches(String password, @Nullable String hash, Runnable begins) {
        return compute(() -> {
            begins.run();
            boolean same = argon2.matches(normal(password), hash == null ? nobodysHash : hash);
            return same && hash != null;
        });
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }

    private String encode(String password) {
        var hash = argon2.encode(normal(password));
        if (hash == null) {
            throw new IllegalStateException("no hash of a password");
        }
        return hash;
    }

    private <T> T compute(Callable<T> work) {
        try {
            var result = threads.submit(work);
            try {
                return result.get();
            } finally {
                result.cancel(false);
            }
        } catch (RejectedExecutionException e) {
            throw Problem.of(ProblemCode.OVERLOADED, "Too many sign-ins at once. Try again.", e)
                    .retryAfter(Duration.ofSeconds(2));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Problem.of(ProblemCode.OVERLOADED, "The store is stopping. Try again.", e)
                    .retryAfter(Duration.ofSeconds(2));
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Problem refused ? refused : new IllegalStateException(e.getCause());
        }
    }

    // One keyboard types й as a single character and another as и with a breve (NIST SP 800-63B, 3.1.1.2).
    private static String normal(String password) {
        return Normalizer.normalize(password, Normalizer.Form.NFKC);
    }

    private static String zeros(int bytes) {
        return Base64.getEncoder().withoutPadding().encodeToString(new byte[bytes]);
    }
}
