package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Several stores on one database, which at first has no key. */
class SigningKeysTest extends IdentityTest {
    private final String schema = "keys_" + UUID.randomUUID().toString().replace('-', '_');
    private final User user = new User(UUID.randomUUID(), "a@example.com", "Анна", Role.CUSTOMER, true, Instant.EPOCH);

    @Autowired
    TransactionTemplate transaction;

    @Autowired
    DataSourceProperties address;

    @BeforeEach
    void anEmptyTableOfItsOwn() {
        db.sql("CREATE SCHEMA " + schema).update();
        db.sql("CREATE TABLE %s.signing_key (LIKE public.signing_key INCLUDING ALL)".formatted(schema))
                .update();
    }

    @AfterEach
    void dropIt() {
        db.sql("DROP SCHEMA " + schema + " CASCADE").update();
    }

    @Test
    void storesThatStartAtOnceEndWithOneKey() throws Exception {
        var stores = IntStream.range(0, 6).mapToObj(_ -> keys()).toList();
        var nobodyWrites = new CountDownLatch(1);
        var starts = stores.stream()
                .<Callable<Boolean>>map(store -> () -> {
                    nobodyWrites.await();
                    store.afterPropertiesSet();
                    return true;
                })
                .collect(Collectors.toCollection(ArrayList::new));
        starts.add(() -> transaction.execute(_ -> {
            // Reading goes on, writing waits, until every store has seen that there is no key and made one.
            db.sql("LOCK TABLE %s.signing_key IN SHARE MODE".formatted(schema)).update();
            nobodyWrites.countDown();
            awaitWaiting(stores.size());
            return true;
        }));
        together(starts);
        assertThat(signing()).isEqualTo(1);
        assertThat(stores.stream().map(store -> store.ring().kid()).distinct()).hasSize(1);
        var token = new AccessTokens(stores.getFirst()).issue(user);
        assertThat(new AccessTokens(stores.getLast()).verify(token)).contains(user.id());
        var later = started();
        assertThat(later.ring().kid()).isEqualTo(stores.getFirst().ring().kid());
    }

    @Test
    void aStoreLearnsOfAnothersRotationByTheFirstTokenOfTheNewKey() {
        var one = started();
        var other = started();
        var before = new AccessTokens(one).issue(user);
        one.rotate(UUID.randomUUID());
        var after = new AccessTokens(one).issue(user);
        assertThat(new AccessTokens(other).verify(after)).contains(user.id());
        assertThat(other.ring().kid()).isEqualTo(one.ring().kid());
        assertThat(new AccessTokens(other).verify(before)).contains(user.id());
    }

    @Test
    void inventedKeyIdsDoNotReachTheDatabaseMoreThanOnceASecond() {
        var store = started();
        assertThat(store.verifier("invented")).isNull();
        var rings = IntStream.range(0, 100)
                .mapToObj(i -> {
                    assertThat(store.verifier("invented " + i)).isNull();
                    return store.ring();
                })
                .distinct()
                .toList();
        assertThat(rings).as("read anew").hasSizeLessThanOrEqualTo(2);
    }

    @Test
    void rotationsAtOnceLeaveOneKeyThatSigns() throws Exception {
        var stores = List.of(started(), started(), started());
        together(stores.stream()
                .<Callable<Boolean>>map(store -> () -> {
                    store.rotate(UUID.randomUUID());
                    return true;
                })
                .toList());
        assertThat(signing()).isEqualTo(1);
        stores.forEach(SigningKeys::refresh);
        assertThat(stores.stream().map(store -> store.ring().kid()).distinct()).hasSize(1);
    }

    private int signing() {
        return db.sql("SELECT count(*) FROM %s.signing_key WHERE retired_at IS NULL".formatted(schema))
                .query(Integer.class)
                .single();
    }

    private void awaitWaiting(int stores) {
        var waiting = db.sql("""
                SELECT count(*) FROM pg_locks
                WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """).query(Integer.class);
        var deadline = Instant.now().plusSeconds(60);
        while (waiting.single() < stores) {
            assertThat(Instant.now()).as("all stores wait for a lock by").isBefore(deadline);
            LockSupport.parkNanos(10_000_000);
        }
    }

    private SigningKeys started() {
        var keys = keys();
        keys.afterPropertiesSet();
        return keys;
    }

    private SigningKeys keys() {
        var source = new PGSimpleDataSource();
        source.setUrl(address.determineUrl());
        source.setUser(address.determineUsername());
        source.setPassword(address.determinePassword());
        source.setCurrentSchema(schema);
        return new SigningKeys(JdbcClient.create(source), new TransactionTemplate(new JdbcTransactionManager(source)));
    }
}
