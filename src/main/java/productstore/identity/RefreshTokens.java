package productstore.identity;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.platform.Ids;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * Refresh tokens: 256 random bits, valid for 30 days and once. All that follow from one sign-in are a family; whoever
 * shows a used one may have stolen it, and nobody knows who of the two that is, so the family ends (RFC 9700, section
 * 4.14.2).
 */
@Component
class RefreshTokens {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int TOKEN_BYTES = 32;
    private static final int LIFE_DAYS = 30;
    private static final int PURGE_BATCH = 5_000;

    private final JdbcClient db;
    private final TransactionTemplate transaction;

    RefreshTokens(JdbcClient db, TransactionTemplate transaction) {
        this.db = db;
        this.transaction = transaction;
    }

    /** What one refresh gives: a new token and the user it is for. */
    record Renewed(User user, String token) {}

    private record State(User user, boolean revoked, boolean used, boolean expired) {}

    /** The first token of a new family; nothing if the user is not active any more. */
    Optional<String> begin(UUID userId) {
        return Optional.ofNullable(transaction.execute(_ -> {
            var family = Ids.next();
            // FOR SHARE waits for a deactivation that is under way, so that none of its user's families escapes it.
            int made = db.sql("""
                    /* refresh_family.insert */
                    INSERT INTO refresh_family (id, user_id, created_at)
                    SELECT :id, u.id, now() FROM app_user u WHERE u.id = :user AND u.active FOR SHARE
                    """).param("id", family).param("user", userId).update();
            return made == 0 ? null : add(family);
        }));
    }

    /** Changes a token for the next one; nothing if it is not valid. A used one ends its family. */
    Optional<Renewed> renew(String token) {
        // A refusal is no failure of the transaction: the end of the family must be committed.
        return Optional.ofNullable(transaction.execute(_ -> {
            var hash = hash(token);
            var family = lockFamily(hash);
            if (family.isEmpty()) {
                return null;
            }
            var state = state(hash).orElse(null);
            if (state == null
                    || state.revoked()
                    || state.expired()
                    || !state.user().active()) {
                return null;
            }
            if (state.used()) {
                Journal.warning("refresh-token-reused")
                        .with(Field.USER_ID, state.user().id())
                        .say("a refresh token was used twice; that sign-in ends");
                revoke(family.get());
                return null;
            }
            db.sql("/* refresh_token.use */ UPDATE refresh_token SET used_at = now() WHERE token_hash = :hash")
                    .param("hash", hash)
                    .update();
            return new Renewed(state.user(), add(family.get()));
        }));
    }

    /** Ends the token's family, if there is one. */
    void end(String token) {
        transaction.executeWithoutResult(_ -> lockFamily(hash(token)).ifPresent(this::revoke));
    }

    /** Ends all sign-ins of a user, in the caller's transaction. */
    void endAll(UUID userId) {
        db.sql("""
                /* refresh_family.revoke_all */
                UPDATE refresh_family SET revoked_at = now() WHERE user_id = :user AND revoked_at IS NULL
                """).param("user", userId).update();
    }

    /** Deletes tokens whose time is over, and families that have none left. */
    @Scheduled(fixedDelayString = "PT1H", initialDelayString = "PT5M")
    void purge() {
        // In batches, and past what another store is deleting: no statement runs long, no lock is held long.
        int deleted;
        do {
            deleted = db.sql("""
                    /* refresh_token.purge */
                    DELETE FROM refresh_token WHERE token_hash IN (
                        SELECT token_hash FROM refresh_token WHERE expires_at < now()
                        ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)
                    """).param("batch", PURGE_BATCH).update();
        } while (deleted == PURGE_BATCH);
        do {
            deleted = db.sql("""
                    /* refresh_family.purge */
                    DELETE FROM refresh_family WHERE id IN (
                        SELECT f.id FROM refresh_family f
                        WHERE NOT EXISTS (SELECT FROM refresh_token t WHERE t.family_id = f.id)
                        LIMIT :batch FOR UPDATE SKIP LOCKED)
                    """).param("batch", PURGE_BATCH).update();
        } while (deleted == PURGE_BATCH);
    }

    private Optional<UUID> lockFamily(byte[] hash) {
        return db.sql("""
                /* refresh_family.lock */
                SELECT f.id FROM refresh_family f JOIN refresh_token t ON t.family_id = f.id
                WHERE t.token_hash = :hash FOR UPDATE OF f
                """).param("hash", hash).query(UUID.class).optional();
    }

    // A statement of its own after lockFamily(): the one that waited for the lock still saw the token as unused.
    private Optional<State> state(byte[] hash) {
        return db.sql("""
                /* refresh_token.find */
                SELECT u.id, u.email, u.name, u.role, u.active, u.created_at,
                       f.revoked_at IS NOT NULL AS revoked, t.used_at IS NOT NULL AS used, t.expires_at <= now() AS expired
                FROM refresh_token t JOIN refresh_family f ON f.id = t.family_id JOIN app_user u ON u.id = f.user_id
                WHERE t.token_hash = :hash
                """)
                .param("hash", hash)
                .query((row, _) -> new State(
                        UserRepository.user(row),
                        row.getBoolean("revoked"),
                        row.getBoolean("used"),
                        row.getBoolean("expired")))
                .optional();
    }

    private void revoke(UUID family) {
        db.sql("""
                /* refresh_family.revoke */
                UPDATE refresh_family SET revoked_at = now() WHERE id = :id AND revoked_at IS NULL
                """).param("id", family).update();
    }

    private String add(UUID family) {
        var bytes = new byte[TOKEN_BYTES];
        RANDOM.nextBytes(bytes);
        var token = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        db.sql("""
                /* refresh_token.insert */
                INSERT INTO refresh_token (token_hash, family_id, expires_at)
                VALUES (:hash, :family, now() + make_interval(days => :days))
                """)
                .param("hash", hash(token))
                .param("family", family)
                .param("days", LIFE_DAYS)
                .update();
        return token;
    }

    // No salt and no slow hash: 256 random bits can't be guessed.
    private static byte[] hash(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
