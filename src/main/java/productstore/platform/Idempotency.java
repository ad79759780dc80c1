package productstore.platform;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;
import org.springframework.transaction.support.TransactionTemplate;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes a POST safe to repeat (draft-ietf-httpapi-idempotency-key-header): the first successful answer is written in the
 * transaction of what it made, so that after a crash there are both or neither, and is replayed for 24 hours.
 */
@Component
public class Idempotency {
    private static final int LONGEST_KEY = 255;
    private static final Duration KEPT = Duration.ofHours(24);

    private final JdbcClient db;
    private final TransactionTemplate transaction;
    private final JsonMapper json;
    private final Counter replays;

    Idempotency(JdbcClient db, TransactionTemplate transaction, JsonMapper json, MeterRegistry registry) {
        this.db = db;
        this.transaction = transaction;
        this.json = json;
        this.replays = Counter.builder("store.idempotent.replays")
                .description("Requests that came again with their Idempotency-Key and got the first answer")
                .register(registry);
    }

    private record Kept(String requestHash, ResponseEntity<byte[]> answer) {}

    /**
     * Runs the action in a transaction, once for each key of a user.
     *
     * @param key the {@code Idempotency-Key} header; null for none
     * @param call what is called, for example {@code POST /api/orders}
     * @param request the body as it was understood
     * @throws Problem {@code idempotency_in_flight} while the first request runs, {@code idempotency_key_reused} if it
     *     was another one
     */
    public ResponseEntity<byte[]> once(
            @Nullable String key, UUID userId, String call, Object request, Supplier<ResponseEntity<byte[]>> action) {
        if (key == null) {
            return transaction.execute(status -> action.get());
        }
        if (key.isBlank() || key.length() > LONGEST_KEY || !key.chars().allMatch(c -> c >= 0x20 && c <= 0x7e)) {
            throw Problem.invalid(
                    "Idempotency-Key", "invalid", "1 to " + LONGEST_KEY + " printable ASCII characters are needed.");
        }
        var hash = hash(call, request);
        return transaction.execute(status -> {
            var locked = lock(userId, key);
            var kept = find(userId, key);
            if (!locked && kept == null) {
                throw Problem.of(ProblemCode.IDEMPOTENCY_IN_FLIGHT, "Wait for its answer, or ask again in a moment.")
                        .retryAfter(Duration.ofSeconds(1));
            }
            if (kept == null) {
                var answer = action.get();
                keep(userId, key, hash, answer);
                return answer;
            }
            if (!kept.requestHash().equals(hash)) {
                throw Problem.of(
                        ProblemCode.IDEMPOTENCY_KEY_REUSED,
                        "This Idempotency-Key came with another request before. Make a new key for each request.");
            }
            return replayed(kept.answer());
        });
    }

    @Scheduled(fixedDelayString = "PT10M", initialDelayString = "PT1M")
    void purge() {
        db.sql("/* idempotency.purge */ DELETE FROM idempotency_key WHERE created_at < :before")
                .param("before", java.sql.Timestamp.from(Instant.now().minus(KEPT)))
                .update();
    }

    // The lock ends with the transaction, and so with a crash too. Two keys of one hash would only cost a needless 409.
    private boolean lock(UUID userId, String key) {
        return db.sql("""
                /* idempotency.lock */
                SELECT pg_try_advisory_xact_lock(hashtextextended(:user_id || '/' || :key, 0))
                """)
                .param("user_id", userId.toString())
                .param("key", key)
                .query(Boolean.class)
                .single();
    }

    private @Nullable Kept find(UUID userId, String key) {
        return db.sql("""
                        /* idempotency.find */
                        SELECT request_hash, status, location, body
                        FROM idempotency_key
                        WHERE user_id = :user_id AND key = :key AND created_at >= :since
                        """)
                .param("user_id", userId)
                .param("key", key)
                .param("since", java.sql.Timestamp.from(Instant.now().minus(KEPT)))
                .query((row, n) -> new Kept(
                        row.getString("request_hash"),
                        EntityTags.answer(
                                HttpStatus.valueOf(row.getInt("status")),
                                row.getString("location"),
                                row.getBytes("body"))))
                .optional()
                .orElse(null);
    }

    private void keep(UUID userId, String key, String hash, ResponseEntity<byte[]> answer) {
        db.sql("""
                        /* idempotency.keep */
                        INSERT INTO idempotency_key (user_id, key, request_hash, status, location, body, created_at)
                        VALUES (:user_id, :key, :hash, :status, :location, :body, now())
                        ON CONFLICT (user_id, key) DO UPDATE SET
                            request_hash = EXCLUDED.request_hash, status = EXCLUDED.status,
                            location = EXCLUDED.location, body = EXCLUDED.body, created_at = EXCLUDED.created_at
                        """)
                .param("user_id", userId)
                .param("key", key)
                .param("hash", hash)
                .param("status", answer.getStatusCode().value())
                .param("location", answer.getHeaders().getFirst(HttpHeaders.LOCATION))
                .param("body", answer.getBody())
                .update();
    }

    /** The answer to a request that came again, given the one it got first; it counts as a replay. */
    public ResponseEntity<byte[]> replayed(ResponseEntity<byte[]> first) {
        replays.increment();
        return ResponseEntity.status(first.getStatusCode())
                .headers(first.getHeaders())
                .header("Idempotent-Replayed", "true")
                .body(first.getBody());
    }

    // Over what was understood, so that white space or the order of members doesn't make it another request.
    private String hash(String call, Object request) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            digest.update(json.writeValueAsBytes(call));
            return HexFormat.of().formatHex(digest.digest(json.writeValueAsBytes(request)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
