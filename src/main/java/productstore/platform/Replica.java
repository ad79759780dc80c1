package productstore.platform;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import productstore.telemetry.Failures;

/**
 * One replica: connections to it, and of which moment its data are at least. It asks the primary how far its log goes and
 * the replica how far it has replayed that, several times a second. Whatever was committed before a question to the
 * primary is in the log up to its answer; so a replica that has replayed as far shows it.
 */
final class Replica implements AutoCloseable {
    /** The age of the oldest data that are read. */
    static final Duration OLDEST = Duration.ofMillis(450);

    private static final Logger log = LoggerFactory.getLogger(Replica.class);
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(150);
    private static final String HOW_FAR = "/* replica.primary */ SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
    private static final String REPLAYED = """
            /* replica.replayed */
            SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint ELSE -1 END
            """;
    private static final int NO_REPLICA = -1;

    private final HikariDataSource pool;
    private final Database.Dialer primary;
    private final Database.Dialer replica;
    private volatile @Nullable Thread thread;
    private volatile @Nullable Long asOfNanos;
    private boolean told;

    /**
     * A replica, not read from before it is watched.
     *
     * @param pool connections for reads, which must not wait for long
     */
    Replica(HikariDataSource pool, Database.Dialer primary, Database.Dialer replica) {
        this.pool = pool;
        this.primary = primary;
        this.replica = replica;
    }

    void watch() {
        var looking = Thread.ofVirtual().name("replica").unstarted(this::lookUntilStopped);
        thread = looking;
        looking.start();
    }

    void rest() {
        var looking = thread;
        thread = null;
        if (looking != null) {
            looking.interrupt();
        }
    }

    /**
     * The moment, by {@link System#nanoTime()}, from before which everything that was committed can be seen here.
     *
     * @return null if that is too long ago, or not known
     */
    @Nullable
    Long asOf() {
        var moment = asOfNanos;
        return moment == null || System.nanoTime() - moment >= OLDEST.toNanos() ? null : moment;
    }

    Connection connection() throws SQLException {
        return pool.getConnection();
    }

    private void lookUntilStopped() {
        while (!Thread.currentThread().isInterrupted()) {
            try (var there = primary.dial(1);
                    var here = replica.dial(1);
                    var thereStatement = there.createStatement();
                    var hereStatement = here.createStatement()) {
                compare(thereStatement, hereStatement);
            } catch (SQLException | RuntimeException e) {
                if (!told) {
                    log.warn("a replica is not read from for now: {}", Failures.summary(e));
                    told = true;
                }
            } catch (InterruptedException e) {
                return;
            } finally {
                asOfNanos = null;
            }
            try {
                Thread.sleep(BETWEEN_LOOKS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** The log's end at a moment. */
    private record Mark(long nanos, long lsn) {}

    private void compare(Statement there, Statement here) throws SQLException, InterruptedException {
        var notReached = new ArrayDeque<Mark>();
        while (true) {
            var asked = System.nanoTime();
            notReached.add(new Mark(asked, number(there, HOW_FAR)));
            var replayed = number(here, REPLAYED);
            if (replayed == NO_REPLICA) {
                throw new SQLException("it is no replica, or not any more");
            }
            for (Mark mark; (mark = notReached.peek()) != null && mark.lsn() <= replayed; notReached.remove()) {
                asOfNanos = mark.nanos();
                told = false;
            }
            // Of no use any more, should they be reached.
            notReached.removeIf(mark -> asked - mark.nanos() > OLDEST.toNanos());
            Thread.sleep(BETWEEN_LOOKS);
        }
    }

    private static long number(Statement statement, String sql) throws SQLException {
        try (var row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Override
    public void close() {
        rest();
        pool.close();
    }
}
