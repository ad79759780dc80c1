package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Orders that bear a certain comment, whose transactions the database holds up until they are let go. No lock of a row
 * has a part in it, so that the store's patience with locks has none either; {@code store.limits.statement-time} bounds it.
 */
final class HeldOrders implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    // objsubid: keys of two numbers, as the trigger's is.
    private static final String HELD = """
            FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 1
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND objid = CAST(CAST(hashtext(:comment) AS bigint) & 4294967295 AS oid)
            """;

    private final JdbcClient db;
    private final String comment;

    private HeldOrders(JdbcClient db, String comment) {
        this.db = db;
        this.comment = comment;
    }

    /**
     * Holds them up when they have been written and their locks are held.
     *
     * @param comment a plain word
     */
    static HeldOrders written(JdbcClient db, String comment) {
        return hold(db, comment, "TRIGGER", "");
    }

    /** Holds them up in the middle of their COMMIT. */
    static HeldOrders committing(JdbcClient db, String comment) {
        return hold(db, comment, "CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED");
    }

    private static HeldOrders hold(JdbcClient db, String comment, String trigger, String when) {
        db.sql("CREATE TABLE hold_%1$s AS SELECT 1 AS held".formatted(comment)).update();
        db.sql("""
                CREATE FUNCTION hold_%1$s() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    -- Seen by others, as this transaction's rows are not.
                    PERFORM pg_advisory_xact_lock_shared(1, hashtext('%1$s'));
                    WHILE EXISTS (SELECT FROM hold_%1$s) LOOP
                        PERFORM pg_sleep(0.01);
                    END LOOP;
                    RETURN NULL;
                END
                $$""".formatted(comment)).update();
        db.sql("""
                CREATE %2$s hold_%1$s AFTER INSERT ON orders %3$s
                FOR EACH ROW WHEN (NEW.comment = '%1$s') EXECUTE FUNCTION hold_%1$s()
                """.formatted(comment, trigger, when)).update();
        return new HeldOrders(db, comment);
    }

    String comment() {
        return comment;
    }

    /** Returns as soon as so many transactions are held up. */
    void await(int transactions) {
        var deadline = System.nanoTime() + LIMIT.toNanos();
        while (transactions() != transactions) {
            assertThat(System.nanoTime())
                    .as("%d transactions are held up, not %d", transactions(), transactions)
                    .isLessThan(deadline);
            Shoppers.pause(5);
        }
    }

    void letGo() {
        db.sql("DELETE FROM hold_" + comment).update();
    }

    /** Ends the connections of those who are held up. */
    void endConnections() {
        assertThat(db.sql("SELECT pg_terminate_backend(pid) " + HELD)
                        .param("comment", comment)
                        .query(Boolean.class)
                        .list())
                .isNotEmpty()
                .containsOnly(true);
    }

    private long transactions() {
        return db.sql("SELECT count(*) " + HELD)
                .param("comment", comment)
                .query(Long.class)
                .single();
    }

    /** Lets them go, and forgets the comment. */
    @Override
    public void close() {
        letGo();
        db.sql("DROP FUNCTION hold_%s CASCADE".formatted(comment)).update();
        db.sql("DROP TABLE hold_" + comment).update();
    }
}
