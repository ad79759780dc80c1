package productstore.platform;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
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
    private final RoundTrip.Trips trips;
    private final TransactionTemplate transaction;
    private final JsonMapper json;
    private final Counter replays;

    Idempotency(
            JdbcClient db,
            RoundTrip.Trips trips,
            TransactionTemplate transaction,
            JsonMapper json,
            MeterRegistry registry) {
        this.db = db;
        this.trips = trips;
        this.transaction = transaction;
        this.json = json;
        this.replays = Counter.builder("store.idempotent.replays")
                .description("Requests that came again with their Idempotency-Key and got the first answer")
                .register(registry);
    }

    private record Key(UUID userId, String text) {}

    private record Kept(Key key, String requestHash, ResponseEntity<byte[]> answer) {}

    /** A request that bears a key, and the hash of what it asks for. */
    public static final class Request {
        private final Key key;
        private final String hash;

        private Request(Key key, String hash) {
            this.key = key;
            this.hash = hash;
        }
    }

    /** What the keys of some requests say, until the transaction that claimed them ends. */
    public final class Claims {
        private final Set<Key> free;
        private final Map<Key, Kept> kept;

        private Claims(Set<Key> free, Map<Key, Kept> kept) {
            this.free = free;
            this.kept = kept;
        }

        /**
         * Asks whether to run a request; once for each request.
         *
         * @return the first answer, to be replayed; null if the request is to be run now
         * @throws Problem {@code idempotency_in_flight} while the first request runs, {@code idempotency_key_reused} if
         *     it was another one
         */
        public @Nullable ResponseEntity<byte[]> firstAnswer(Request request) {
            var before = kept.get(request.key);
            if (before == null) {
                if (!free.remove(request.key)) {
                    throw Problem.of(
                                    ProblemCode.IDEMPOTENCY_IN_FLIGHT, "Wait for its answer, or ask again in a moment.")
                            .retryAfter(Duration.ofSeconds(1));
                }
                return null;
            }
            if (!before.requestHash().equals(request.hash)) {
                throw Problem.of(
                        ProblemCode.IDEMPOTENCY_KEY_REUSED,
                        "This Idempotency-Key came with another request before. Make a new key for each request.");
            }
            return replayed(before.answer());
        }
    }

    /**
     * Reads a request's key.
     *
     * @param key the {@code Idempotency-Key} header; null for none
     * @param call what is called, for example {@code POST /api/orders}
     * @param body as it was understood
     * @return null if there is no key
     * @throws Problem {@code invalid_request} if it is not one
     */
    public @Nullable Request request(@Nullable String key, UUID userId, String call, Object body) {
        if (key == null) {
            return null;
        }
        if (key.isBlank() || key.length() > LONGEST_KEY || !isPrintable(key)) {
            throw Problem.invalid(
                    "Idempotency-Key", "invalid", "1 to " + LONGEST_KEY + " printable ASCII characters are needed.");
        }
        return new Request(new Key(userId, key), hash(call, body));
    }

    /** Whether a key is of printable ASCII only. */
    public static boolean isPrintable(String key) {
        return key.chars().allMatch(c -> c >= 0x20 && c <= 0x7e);
    }

    /**
     * Runs the action in a transaction, once for each key of a user; the parameters are those of {@link #request}.
     *
     * @throws Problem as {@link #request} and {@link Claims#firstAnswer}
     */
    public ResponseEntity<byte[]> once(
            @Nullable String key, UUID userId, String call, Object body, Supplier<ResponseEntity<byte[]>> action) {
        var request = request(key, userId, call, body);
        if (request == null) {
            return transaction.execute(_ -> action.get());
        }
        return transaction.execute(_ -> {
            var trip = trips.named("idempotency.claim");
            var claims = claim(List.of(request), trip);
            trip.go();
            var first = claims.get().firstAnswer(request);
            if (first != null) {
                return first;
            }
            var answer = action.get();
            var keeping = trips.named("idempotency.keep");
            keep(Map.of(request, answer), keeping);
            keeping.go();
            return answer;
        });
    }

    /**
     * Claims the keys of these requests until the caller's transaction ends.
     *
     * @return what they say, once the trip is over
     */
    public Supplier<Claims> claim(Collection<Request> requests, RoundTrip trip) {
        if (requests.isEmpty()) {
            return () -> new Claims(Set.of(), Map.of());
        }
        var keys = requests.stream().map(request -> request.key).distinct().toList();
        // First the locks: an answer that was kept while we had none must not be missed.
        var free = lock(keys, trip);
        var kept = find(keys, trip);
        return () -> new Claims(
                new HashSet<>(free.get()),
                kept.get().stream().collect(Collectors.toMap(Kept::key, Function.identity())));
    }

    /** Keeps the answers to requests that were claimed in this transaction. */
    public void keep(Map<Request, ResponseEntity<byte[]>> answers, RoundTrip trip) {
        if (answers.isEmpty()) {
            return;
        }
        var requests = List.copyOf(answers.keySet());
        var kept = requests.stream().map(answers::get).toList();
        trip.sql("""
                        /* idempotency.keep */
                        INSERT INTO idempotency_key (user_id, key, request_hash, status, location, body, created_at)
                        SELECT user_id, key, request_hash, status, location, body, now()
                        FROM unnest(CAST(:users AS uuid[]), CAST(:keys AS text[]), CAST(:hashes AS text[]),
                                    CAST(:statuses AS smallint[]), CAST(:locations AS text[]), CAST(:bodies AS bytea[]))
                            AS answer (user_id, key, request_hash, status, location, body)
                        ON CONFLICT (user_id, key) DO UPDATE SET
                            request_hash = EXCLUDED.request_hash, status = EXCLUDED.status,
                            location = EXCLUDED.location, body = EXCLUDED.body, created_at = EXCLUDED.created_at
                        """)
                .param("users", texts(requests, request -> request.key.userId().toString()))
                .param("keys", texts(requests, request -> request.key.text()))
                .param("hashes", texts(requests, request -> request.hash))
                .param(
                        "statuses",
                        texts(
                                kept,
                                answer ->
                                        Integer.toString(answer.getStatusCode().value())))
                .param("locations", texts(kept, answer -> answer.getHeaders().getFirst(HttpHeaders.LOCATION)))
                .param("bodies", kept.stream().map(ResponseEntity::getBody).toArray(byte[][]::new))
                .update();
    }

    @Scheduled(fixedDelayString = "PT10M", initialDelayString = "PT1M")
    void purge() {
        db.sql("/* idempotency.purge */ DELETE FROM idempotency_key WHERE created_at < :before")
                .param("before", Timestamp.from(Instant.now().minus(KEPT)))
                .update();
    }

    // The lock ends with the transaction, and so with a crash too. Two keys of one hash would only cost a needless 409.
    private static Supplier<List<Key>> lock(List<Key> keys, RoundTrip trip) {
        return trip.sql("""
                        /* idempotency.lock */
                        SELECT user_id, key
                        FROM unnest(CAST(:users AS uuid[]), CAST(:keys AS text[])) AS wanted (user_id, key)
                        WHERE pg_try_advisory_xact_lock(hashtextextended(user_id || '/' || key, 0))
                        """)
                .param("users", texts(keys, key -> key.userId().toString()))
                .param("keys", texts(keys, Key::text))
                .query((row, _) -> key(row));
    }

    private static Supplier<List<Kept>> find(List<Key> keys, RoundTrip trip) {
        return trip.sql("""
                        /* idempotency.find */
                        SELECT user_id, key, request_hash, status, location, body
                        FROM unnest(CAST(:users AS uuid[]), CAST(:keys AS text[])) AS wanted (user_id, key)
                        JOIN idempotency_key USING (user_id, key)
                        WHERE created_at >= :since
                        """)
                .param("users", texts(keys, key -> key.userId().toString()))
                .param("keys", texts(keys, Key::text))
                .param("since", Timestamp.from(Instant.now().minus(KEPT)))
                .query((row, _) -> new Kept(
                        key(row),
                        row.getString("request_hash"),
                        EntityTags.answer(
                                HttpStatus.valueOf(row.getInt("status")),
                                row.getString("location"),
                                row.getBytes("body"))));
    }

    private static Key key(ResultSet row) throws SQLException {
        return new Key(row.getObject("user_id", UUID.class), row.getString("key"));
    }

    private static <T> @Nullable String[] texts(List<T> values, Function<T, @Nullable String> text) {
        return values.stream().map(text).toArray(String[]::new);
    }

    private ResponseEntity<byte[]> replayed(ResponseEntity<byte[]> first) {
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
