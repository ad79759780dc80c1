package productstore.platform;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.opentelemetry.api.trace.Tracer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.flyway.autoconfigure.FlywayConfigurationCustomizer;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** The way to PostgreSQL: a bounded pool, bounded statements, and a bounded, fair queue in front. */
@Configuration(proxyBeanMethods = false)
class Database {
    // What the driver looks for where an address names several servers. One that only reads is of no use, first of all
    // where a primary came back as a replica.
    private static final String PRIMARY = "primary";
    private static final String ANY = "any";
    // Two machines that don't answer at all are given up before the whole attempt is.
    private static final String CONNECT_SECONDS = "2";
    private static final String LOGIN_SECONDS = "5";
    private static final String READ_ONLY = "25006";
    private static final Pattern HOSTS = Pattern.compile("jdbc:postgresql://(?<hosts>[^/?]+)(?<rest>.*)");

    @Bean
    FairGate dataSource(DataSourceProperties properties, Limits limits, MeterRegistry registry, Tracer tracer) {
        return new FairGate(
                pool(properties, limits), limits.poolSize(), limits.poolQueue(), limits.poolWait(), registry, tracer);
    }

    /**
     * Migrations have connections of their own: the pool's bound how long a statement may take, which is for requests, and what
     * migrations set would stay on them.
     */
    @Bean
    FlywayConfigurationCustomizer migrationsPastThePool(DataSourceProperties properties) {
        var primary = new PGSimpleDataSource();
        primary.setTargetServerType(PRIMARY);
        primary.setUrl(properties.determineUrl());
        if (properties.determineUsername() != null) {
            primary.setUser(properties.determineUsername());
            primary.setPassword(properties.determinePassword());
        }
        return flyway -> flyway.dataSource(primary);
    }

    /** Opens connections beside the pool, for what holds one all the time. */
    @FunctionalInterface
    interface Dialer {
        /**
         * A new connection.
         *
         * @param answerSeconds how long any answer on it may take
         */
        Connection dial(int answerSeconds) throws SQLException;
    }

    @Bean
    Dialer dialer(DataSourceProperties properties) {
        return dialer(properties, properties.determineUrl(), PRIMARY);
    }

    private static Dialer dialer(DataSourceProperties properties, String url, String serverType) {
        return answerSeconds -> {
            var settings = new Properties();
            // What is not set the address says, or is not needed.
            if (properties.determineUsername() != null) {
                settings.setProperty("user", properties.determineUsername());
            }
            if (properties.determinePassword() != null) {
                settings.setProperty("password", properties.determinePassword());
            }
            settings.setProperty("ApplicationName", "product-store");
            settings.setProperty("targetServerType", serverType);
            settings.setProperty("connectTimeout", CONNECT_SECONDS);
            settings.setProperty("loginTimeout", LOGIN_SECONDS);
            settings.setProperty("socketTimeout", Integer.toString(answerSeconds));
            return DriverManager.getConnection(url, settings);
        };
    }

    /** Each replica by itself, as each has replayed as far as it has. */
    @Bean
    Replicas replicas(
            @Value("${store.replica-url:}") String url,
            DataSourceProperties properties,
            Limits limits,
            Dialer primary,
            MeterRegistry registry) {
        var replicas = oneByOne(url).stream()
                .map(one -> new Replica(replicaPool(properties, one, limits), primary, dialer(properties, one, ANY)))
                .toList();
        return new Replicas(replicas, registry);
    }

    /** The addresses of the servers that a JDBC address names together. */
    static List<String> oneByOne(String url) {
        var hosts = HOSTS.matcher(url);
        return hosts.matches()
                ? Arrays.stream(hosts.group("hosts").split(",", -1))
                        .map(host -> "jdbc:postgresql://" + host + hosts.group("rest"))
                        .toList()
                : List.of();
    }

    private static HikariDataSource replicaPool(DataSourceProperties properties, String url, Limits limits) {
        var config = new HikariConfig();
        config.setPoolName("replica");
        config.setJdbcUrl(url);
        config.setUsername(properties.determineUsername());
        config.setPassword(properties.determinePassword());
        config.setReadOnly(true);
        config.setMaximumPoolSize(limits.poolSize());
        config.setMinimumIdle(1);
        // Who can't be answered here in a second goes home: that is where to wait.
        config.setConnectionTimeout(250);
        config.setValidationTimeout(250);
        config.setInitializationFailTimeout(-1);
        config.addDataSourceProperty("ApplicationName", "product-store");
        config.addDataSourceProperty("connectTimeout", "1");
        config.addDataSourceProperty("loginTimeout", "1");
        config.addDataSourceProperty("socketTimeout", "1");
        config.addDataSourceProperty("preparedStatementCacheQueries", "512");
        config.addDataSourceProperty("logServerErrorDetail", "false");
        config.setConnectionInitSql("SET statement_timeout = 1000");
        return new HikariDataSource(config);
    }

    private static HikariDataSource pool(DataSourceProperties properties, Limits limits) {
        var config = new HikariConfig();
        config.setPoolName("store");
        config.setJdbcUrl(properties.determineUrl());
        config.setUsername(properties.determineUsername());
        config.setPassword(properties.determinePassword());
        config.setExceptionOverride(new ReadOnlyIsLost());
        config.setMaximumPoolSize(limits.poolSize() + FairGate.SPARE);
        config.setMinimumIdle(Math.min(2, limits.poolSize()));
        config.setConnectionTimeout(limits.connectTime().toMillis());
        config.setValidationTimeout(Math.min(1000, limits.connectTime().toMillis()));
        // Flyway is the first to connect; it says in one sentence what is wrong.
        config.setInitializationFailTimeout(-1);
        config.addDataSourceProperty("ApplicationName", "product-store");
        config.addDataSourceProperty("targetServerType", PRIMARY);
        config.addDataSourceProperty("connectTimeout", CONNECT_SECONDS);
        config.addDataSourceProperty("loginTimeout", LOGIN_SECONDS);
        config.addDataSourceProperty("tcpKeepAlive", "true");
        // A database machine that vanishes without a word: give up some time after the statement must have ended.
        config.addDataSourceProperty(
                "socketTimeout", Long.toString(limits.statementTime().toSeconds() + 60));
        config.addDataSourceProperty("preparedStatementCacheQueries", "512");
        config.addDataSourceProperty("reWriteBatchedInserts", "true");
        // It would be in the messages of failures, and holds the values of rows.
        config.addDataSourceProperty("logServerErrorDetail", "false");
        config.setConnectionInitSql(
                "SET statement_timeout = %d; SET lock_timeout = %d; SET idle_in_transaction_session_timeout = 30000"
                        .formatted(
                                limits.statementTime().toMillis(),
                                limits.lockTime().toMillis()));
        return new HikariDataSource(config);
    }

    /** Has a connection thrown away that has become read-only: it leads to a server that is not the primary any more. */
    private static final class ReadOnlyIsLost implements SQLExceptionOverride {
        // Hikari's enum hides the annotation's short name.
        @java.lang.Override
        public SQLExceptionOverride.Override adjudicate(SQLException failure) {
            return READ_ONLY.equals(failure.getSQLState())
                    ? SQLExceptionOverride.Override.MUST_EVICT
                    : SQLExceptionOverride.Override.CONTINUE_EVICT;
        }
    }

    /**
     * Lets as many threads in as there are connections, in the order they came. The pool itself hands a connection to
     * whoever asks at the right moment, which under load makes the slowest one in a hundred three times slower.
     */
    static final class FairGate extends DelegatingDataSource implements AutoCloseable {
        /** Connections that the pool has beyond those the gate gives out. */
        static final int SPARE = 1;

        private static final Duration[] WAIT_BUCKETS = {
            Duration.ofMillis(1),
            Duration.ofMillis(10),
            Duration.ofMillis(100),
            Duration.ofMillis(500),
            Duration.ofSeconds(1),
            Duration.ofSeconds(5)
        };

        private final HikariDataSource pool;
        private final Semaphore permits;
        private final int queue;
        private final Duration wait;
        private final Operations operations;
        private final Timer waits;
        private final Counter refusals;

        FairGate(
                HikariDataSource pool,
                int connections,
                int queue,
                Duration wait,
                MeterRegistry registry,
                Tracer tracer) {
            super(pool);
            this.pool = pool;
            this.permits = new Semaphore(connections, true);
            this.queue = queue;
            this.wait = wait;
            this.operations = new Operations(registry, tracer);
            this.waits = Timer.builder("store.database.wait")
                    .description("How long requests waited for their turn at the database, in vain too")
                    .serviceLevelObjectives(WAIT_BUCKETS)
                    .register(registry);
            this.refusals = Counter.builder("store.database.refused")
                    .description("Requests turned away because too many waited for the database, or they for too long")
                    .register(registry);
            Gauge.builder("store.database.waiting", permits, Semaphore::getQueueLength)
                    .description("Requests that wait for their turn at the database now")
                    .register(registry);
        }

        @Override
        public Connection getConnection() throws SQLException {
            var replica = Replicas.chosen();
            if (replica != null) {
                return new MeasuredConnection(replica.connection(), operations, () -> {});
            }
            enter();
            var entered = true;
            try {
                var connection = new MeasuredConnection(super.getConnection(), operations, permits::release);
                entered = false;
                return connection;
            } finally {
                if (entered) {
                    permits.release();
                }
            }
        }

        /**
         * A connection past the gate, for whoever must be answered while everybody waits there; one at a time.
         *
         * @throws SQLException as {@link #getConnection()}, but never for the gate's sake
         */
        Connection getSpareConnection() throws SQLException {
            return new MeasuredConnection(super.getConnection(), operations, () -> {});
        }

        @Override
        public void close() {
            pool.close();
        }

        private void enter() {
            long begin = System.nanoTime();
            try {
                // Without a wait first: a queue of length 0 still lets in whoever need not queue.
                if (permits.tryAcquire(0, TimeUnit.NANOSECONDS)
                        || (permits.getQueueLength() < queue
                                && permits.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS))) {
                    return;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                waits.record(System.nanoTime() - begin, TimeUnit.NANOSECONDS);
            }
            refusals.increment();
            throw Problem.of(ProblemCode.OVERLOADED, "Too many requests wait for the database; nothing was changed.")
                    .retryAfter(Duration.ofSeconds(1));
        }
    }
}
