package productstore.platform;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.opentelemetry.api.trace.Tracer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import productstore.telemetry.ClientSpan;

/**
 * What the statements cost that the store sends to the database, by their names. A name stands in a comment at the
 * beginning of the SQL, so that the server's log and {@code pg_stat_statements} have it too.
 */
final class Operations {
    static final String UNNAMED = "unnamed";
    private static final Logger log = LoggerFactory.getLogger(Operations.class);

    // "/* thing.verb */ SELECT ...": what it is about, and what is done with it.
    private static final String BEGIN = "/* ";
    private static final String END = " */";
    private static final Pattern NAME = Pattern.compile("[a-z_]+(\\.[a-z_]+)+");

    /** Names are constants in the sources, some two hundred of them; SQL put together wrongly must not make more. */
    private static final int MOST = 500;

    private static final Duration[] BUCKETS = {
        Duration.ofMillis(1),
        Duration.ofMillis(5),
        Duration.ofMillis(10),
        Duration.ofMillis(50),
        Duration.ofMillis(100),
        Duration.ofMillis(500),
        Duration.ofSeconds(1),
        Duration.ofSeconds(5)
    };

    private final MeterRegistry registry;
    private final Tracer tracer;
    private final ConcurrentHashMap<String, Operation> named = new ConcurrentHashMap<>();
    private final Operation unnamed;
    private final Operation commit;
    private final Operation rollback;

    Operations(MeterRegistry registry, Tracer tracer) {
        this.registry = registry;
        this.tracer = tracer;
        this.unnamed = register(UNNAMED);
        this.commit = register("commit");
        this.rollback = register("rollback");
    }

    /** The one that this SQL names. */
    Operation of(String sql) {
        var name = nameIn(sql);
        if (name != null) {
            var operation = named.get(name);
            if (operation == null && named.size() < MOST && NAME.matcher(name).matches()) {
                operation = named.computeIfAbsent(name, this::register);
            }
            if (operation != null) {
                return operation;
            }
        }
        log.debug("a statement without a name: {}", sql);
        return unnamed;
    }

    Operation commit() {
        return commit;
    }

    Operation rollback() {
        return rollback;
    }

    // Looked up by the name and not by the whole SQL, which is put together anew for each call: its hash would cost
    // more.
    private static @Nullable String nameIn(String sql) {
        if (!sql.startsWith(BEGIN)) {
            return null;
        }
        int end = sql.indexOf(END, BEGIN.length());
        return end < 0 ? null : sql.substring(BEGIN.length(), end);
    }

    private Operation register(String name) {
        return new Operation(
                name,
                tracer,
                Timer.builder("db.client.operation.duration")
                        .description(
                                "How long statements of this name ran, failed ones included; without the wait for a"
                                        + " connection")
                        .tag("operation", name)
                        .serviceLevelObjectives(BUCKETS)
                        .register(registry),
                Counter.builder("db.client.operation.errors")
                        .description("Statements of this name that failed")
                        .tag("operation", name)
                        .register(registry));
    }

    /** Something that is sent to the database and waited for. */
    @FunctionalInterface
    interface Execution<T extends @Nullable Object> {
        T run() throws SQLException;
    }

    /** One name, and what it has cost so far. */
    static final class Operation {
        private final String name;
        private final Tracer tracer;
        private final Timer duration;
        private final Counter errors;

        private Operation(String name, Tracer tracer, Timer duration, Counter errors) {
            this.name = name;
            this.tracer = tracer;
            this.duration = duration;
            this.errors = errors;
        }

        <T extends @Nullable Object> T measure(Execution<T> execution) throws SQLException {
            long begin = System.nanoTime();
            boolean failed = true;
            try {
                var result = execution.run();
                failed = false;
                return result;
            } finally {
                record(System.nanoTime() - begin, failed);
            }
        }

        /** As {@link #measure}, with a span of its own. */
        <T extends @Nullable Object> T trace(Execution<T> execution) throws SQLException {
            try (var span = span()) {
                try {
                    return measure(execution);
                } catch (SQLException | RuntimeException e) {
                    span.failed(e);
                    throw e;
                }
            }
        }

        ClientSpan span() {
            return ClientSpan.begin(tracer, "postgresql", name);
        }

        void record(long nanos, boolean failed) {
            duration.record(nanos, TimeUnit.NANOSECONDS);
            if (failed) {
                errors.increment();
            }
        }
    }
}
