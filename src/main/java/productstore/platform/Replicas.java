package productstore.platform;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.dao.DataAccessException;
import productstore.platform.FreshCache.Stamped;
import productstore.telemetry.Failures;

/**
 * Reads what may be some hundred milliseconds old from a replica of the database, if there is one that is known to be new
 * enough; everything else, and whatever a replica can't answer in time, is read at home, from the primary.
 */
public final class Replicas implements SmartLifecycle, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Replicas.class);
    private static final ScopedValue<Optional<Replica>> CHOSEN = ScopedValue.newInstance();

    private final List<Replica> replicas;
    private final Counter there;
    private final Counter home;
    private final Counter failed;
    private volatile boolean running;

    Replicas(List<Replica> replicas, MeterRegistry metrics) {
        this.replicas = replicas;
        there = counter(metrics, "replica");
        home = counter(metrics, "home");
        failed = counter(metrics, "failed");
        if (isOn()) {
            Gauge.builder(
                            "store.replicas.usable",
                            replicas,
                            all -> all.stream()
                                    .filter(replica -> replica.asOf() != null)
                                    .count())
                    .description("Replicas that are new enough to be read from now")
                    .register(metrics);
        }
    }

    private static Counter counter(MeterRegistry metrics, String result) {
        return Counter.builder("store.replica.reads")
                .description("Reads that may be done at a replica, by where they were done")
                .tag("result", result)
                .register(metrics);
    }

    public boolean isOn() {
        return !replicas.isEmpty();
    }

    /**
     * What is read, with the moment from before which it shows everything that was committed.
     *
     * @param notBefore what was committed before this moment of {@link System#nanoTime()} must be seen
     * @param read by connections outside of a transaction, in this thread; it may be done twice
     */
    public <T> Stamped<T> read(long notBefore, Supplier<T> read) {
        if (isOn()) {
            int first = ThreadLocalRandom.current().nextInt(replicas.size());
            for (int n = 0; n < replicas.size(); n++) {
                var replica = replicas.get((first + n) % replicas.size());
                var asOf = replica.asOf();
                if (asOf != null && asOf - notBefore > 0) {
                    var found = readAt(replica, asOf, read);
                    return found == null ? readAtHome(read) : found;
                }
            }
            home.increment();
        }
        return readAtHome(read);
    }

    private <T> @Nullable Stamped<T> readAt(Replica replica, long asOf, Supplier<T> read) {
        try {
            var found = ScopedValue.where(CHOSEN, Optional.of(replica)).call(read::get);
            there.increment();
            return new Stamped<>(found, asOf);
        } catch (DataAccessException | Problem e) {
            // What is missing may only not have come yet.
            if (e instanceof Problem problem && problem.code() != ProblemCode.NOT_FOUND) {
                throw e;
            }
            log.debug("a replica could not answer: {}", Failures.summary(e));
            failed.increment();
            return null;
        }
    }

    private static <T> Stamped<T> readAtHome(Supplier<T> read) {
        var born = System.nanoTime();
        return new Stamped<>(atHome(read), born);
    }

    /** Reads from the primary, inside of a read from a replica too. */
    public static <T> T atHome(Supplier<T> read) {
        return CHOSEN.isBound() && CHOSEN.get().isPresent()
                ? ScopedValue.where(CHOSEN, Optional.<Replica>empty()).call(read::get)
                : read.get();
    }

    /** The replica that this thread reads from now; null for home. */
    static @Nullable Replica chosen() {
        return CHOSEN.isBound() ? CHOSEN.get().orElse(null) : null;
    }

    @Override
    public void start() {
        running = true;
        replicas.forEach(Replica::watch);
    }

    @Override
    public void stop() {
        running = false;
        replicas.forEach(Replica::rest);
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void close() {
        replicas.forEach(Replica::close);
    }
}
