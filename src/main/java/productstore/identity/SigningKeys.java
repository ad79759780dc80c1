package productstore.identity;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.platform.Problem;
import productstore.telemetry.Failures;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * The RSA keys of the access tokens. They live in the database, so that every store on it signs with the same key and
 * knows the others'. One key signs; those it replaced still verify until the last token they signed has ended.
 */
@Component
class SigningKeys implements InitializingBean {
    private static final Logger log = LoggerFactory.getLogger(SigningKeys.class);
    private static final int KEY_BITS = 2048;
    // Any number, the same in every store: whoever makes a key holds this advisory lock.
    private static final long LOCK = 0x73746f72_6b657973L;
    // A token's 15 minutes, plus the minute in which another store may still sign with the old key, plus four for
    // clocks that differ.
    private static final Duration RETIRED_KEY_LIFE = AccessTokens.LIFE.plusMinutes(5);
    private static final Duration SHORTEST_TIME_BETWEEN_SEARCHES = Duration.ofSeconds(1);

    private final JdbcClient db;
    private final TransactionTemplate transaction;
    private volatile @Nullable Ring ring;
    private @Nullable RuntimeException lastSearchFailure;
    private long lastSearchNanos = System.nanoTime() - SHORTEST_TIME_BETWEEN_SEARCHES.toNanos();

    SigningKeys(JdbcClient db, TransactionTemplate transaction) {
        this.db = db;
        this.transaction = transaction;
    }

    /** The keys as they were read last, ready for use. */
    record Ring(String kid, JWSSigner signer, Map<String, JWSVerifier> verifiers, Map<String, Object> jwks) {}

    private record Row(String kid, PrivateKey privateKey, RSAPublicKey publicKey, boolean retired) {}

    /** Reads the keys, and makes the first one on an empty database. */
    @Override
    public void afterPropertiesSet() {
        if (rows().stream().allMatch(Row::retired)) {
            // Made before the lock is taken: it can take a second.
            var first = newKey();
            transaction.executeWithoutResult(_ -> {
                lock();
                if (rows().stream().allMatch(Row::retired)) {
                    insert(first);
                }
            });
        }
        reload();
    }

    /** The keys to sign and to verify with. */
    Ring ring() {
        var current = ring;
        if (current == null) {
            throw new IllegalStateException("used before it was started");
        }
        return current;
    }

    /**
     * What verifies tokens of this key id. An unknown one may be another store's new key, so the database is asked, but
     * not more than once a second, as anybody can invent key ids.
     *
     * @return null if there is no such key
     */
    @Nullable
    JWSVerifier verifier(String kid) {
        var known = ring().verifiers().get(kid);
        if (known != null) {
            return known;
        }
        searchAgain();
        return ring().verifiers().get(kid);
    }

    /** The public keys as a JWK set (RFC 7517), the signing one first. */
    Map<String, Object> jwks() {
        return ring().jwks();
    }

    /** Replaces the signing key, in this store at once and in others within a minute. */
    void rotate(UUID by) {
        var next = newKey();
        transaction.executeWithoutResult(_ -> {
            lock();
            db.sql("/* signing_key.retire */ UPDATE signing_key SET retired_at = now() WHERE retired_at IS NULL")
                    .update();
            insert(next);
            db.sql("""
                /* signing_key.purge */
                DELETE FROM signing_key WHERE retired_at < now() - make_interval(secs => :life)
                """).param("life", RETIRED_KEY_LIFE.toSeconds()).update();
        });
        reload();
        Journal.of("signing-key-rotated")
                .with(Field.USER_ID, by)
                .say("access tokens are signed with a new key from now on");
    }

    /** Reads the keys anew, for other stores' rotations and for old keys whose time is over. */
    @Scheduled(fixedDelayString = "PT1M", initialDelayString = "PT1M")
    void refresh() {
        try {
            reload();
        } catch (DataAccessException | Problem e) {
            log.warn("the signing keys can't be read now, the known ones stay in use: {}", Failures.summary(e));
        }
    }

    /** Who waited here for another's search takes its outcome, a failure too, so that they don't search one by one. */
    private synchronized void searchAgain() {
        if (System.nanoTime() - lastSearchNanos < SHORTEST_TIME_BETWEEN_SEARCHES.toNanos()) {
            if (lastSearchFailure != null) {
                throw lastSearchFailure;
            }
            return;
        }
        lastSearchFailure = null;
        try {
            reload();
        } catch (DataAccessException | Problem e) {
            lastSearchFailure = e;
            throw e;
        } finally {
            lastSearchNanos = System.nanoTime();
        }
    }

    private synchronized void reload() {
        var rows = rows();
        var signing = rows.stream()
                .filter(row -> !row.retired())
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("the database has no signing key"));
        var verifiers = new HashMap<String, JWSVerifier>();
        rows.forEach(row -> verifiers.put(row.kid(), new RSASSAVerifier(row.publicKey())));
        var jwks = new JWKSet(rows.stream()
                .<JWK>map(row -> new RSAKey.Builder(row.publicKey())
                        .keyID(row.kid())
                        .keyUse(KeyUse.SIGNATURE)
                        .algorithm(JWSAlgorithm.RS256)
                        .build())
                .toList());
        ring = new Ring(
                signing.kid(),
                new RSASSASigner(signing.privateKey()),
                Map.copyOf(verifiers),
                jwks.toJSONObject(/* publicKeysOnly= */ true));
    }

    private void lock() {
        db.sql("/* signing_key.lock */ SELECT pg_advisory_xact_lock(:lock)")
                .param("lock", LOCK)
                .query((_, _) -> true)
                .single();
    }

    private List<Row> rows() {
        return db.sql("""
                /* signing_key.list */
                SELECT kid, private_key, public_key, retired_at IS NOT NULL AS retired
                FROM signing_key
                WHERE retired_at IS NULL OR retired_at > now() - make_interval(secs => :life)
                ORDER BY retired_at DESC NULLS FIRST, created_at DESC, kid
                """)
                .param("life", RETIRED_KEY_LIFE.toSeconds())
                .query((row, _) -> row(row))
                .list();
    }

    private void insert(KeyPair pair) {
        db.sql("""
                /* signing_key.insert */
                INSERT INTO signing_key (kid, private_key, public_key, created_at)
                VALUES (:kid, :privateKey, :publicKey, now())
                """)
                .param("kid", kid((RSAPublicKey) pair.getPublic()))
                .param("privateKey", pair.getPrivate().getEncoded())
                .param("publicKey", pair.getPublic().getEncoded())
                .update();
    }

    private static Row row(ResultSet row) throws SQLException {
        try {
            var rsa = KeyFactory.getInstance("RSA");
            return new Row(
                    row.getString("kid"),
                    rsa.generatePrivate(new PKCS8EncodedKeySpec(row.getBytes("private_key"))),
                    (RSAPublicKey) rsa.generatePublic(new X509EncodedKeySpec(row.getBytes("public_key"))),
                    row.getBoolean("retired"));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("signing key " + row.getString("kid") + " can't be read", e);
        }
    }

    private static KeyPair newKey() {
        try {
            var rsa = KeyPairGenerator.getInstance("RSA");
            rsa.initialize(KEY_BITS);
            return rsa.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has RSA", e);
        }
    }

    // The key's thumbprint (RFC 7638): no two keys share one.
    private static String kid(RSAPublicKey key) {
        try {
            return new RSAKey.Builder(key).build().computeThumbprint().toString();
        } catch (JOSEException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
