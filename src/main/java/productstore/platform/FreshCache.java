package productstore.platform;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Weigher;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A bounded cache that gives values while they are fresh. Where many ask for one that is not there, or no longer fresh,
 * one of them makes it and the others wait.
 */
public final class FreshCache<K, V> {
    private final AsyncCache<K, Stamped<V>> values;
    private final Predicate<Stamped<V>> fresh;
    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();

    // Of those that are due for renewal, so that a cache full of what nobody asks for again costs no more than this.
    private static final int LOOKED_AT = 1_000;

    /** A value, and when the making of it began; its data are at least as new. */
    public static final class Stamped<V> {
        private final V value;
        private final long bornNanos;
        private volatile boolean askedAgain;

        /** @param bornNanos by {@link System#nanoTime()} */
        public Stamped(V value, long bornNanos) {
            this.value = value;
            this.bornNanos = bornNanos;
        }

        public V value() {
            return value;
        }

        /** When its making began, or from when its data are. */
        public long bornNanos() {
            return bornNanos;
        }

        /** Another value of the same moment. */
        public <W> Stamped<W> with(W other) {
            return new Stamped<>(other, bornNanos);
        }

        public boolean youngerThan(Duration age) {
            return System.nanoTime() - bornNanos < age.toNanos();
        }

        private V given() {
            // Not written each time: many processors read it.
            if (!askedAgain) {
                askedAgain = true;
            }
            return value;
        }
    }

    /**
     * A cache.
     *
     * @param most the weight of all values at most
     * @param longest how long a value is kept, fresh or not
     */
    public FreshCache(long most, Weigher<K, Stamped<V>> weigher, Duration longest, Predicate<Stamped<V>> fresh) {
        this.values = Caffeine.newBuilder()
                .maximumWeight(most)
                .weigher(weigher)
                .expireAfterWrite(longest)
                .recordStats()
                .buildAsync();
        this.fresh = fresh;
    }

    /** The value, made now by this thread or another one if there is none. What making it throws, all who wait get. */
    public V get(K key, Supplier<Stamped<V>> make) {
        while (true) {
            var there = values.getIfPresent(key);
            if (there == null) {
                var mine = new CompletableFuture<Stamped<V>>();
                there = values.asMap().putIfAbsent(key, mine);
                if (there == null) {
                    misses.increment();
                    return made(mine, make);
                }
            }
            if (!isStale(there)) {
                hits.increment();
                return value(there).given();
            }
            values.asMap().remove(key, there);
        }
    }

    private static <V> V made(CompletableFuture<Stamped<V>> promise, Supplier<Stamped<V>> make) {
        try {
            promise.complete(make.get());
        } catch (Throwable failure) {
            // Thrown below; the cache forgets a promise that failed.
            promise.completeExceptionally(failure);
        }
        return value(promise).value();
    }

    private static <V> Stamped<V> value(CompletableFuture<Stamped<V>> promise) {
        try {
            return promise.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** The value if it is there and fresh; nobody waits here. */
    public @Nullable V ready(K key) {
        var there = values.getIfPresent(key);
        var value = there == null ? null : settled(there);
        if (value == null || !fresh.test(value)) {
            return null;
        }
        hits.increment();
        return value.given();
    }

    /**
     * The oldest of the values that were asked for again since they were made: whoever makes some anyway may make these
     * anew before they are missed.
     *
     * @param age that they have at least
     */
    public Map<K, Stamped<V>> askedAgain(Predicate<K> which, Duration age, int most) {
        return values.synchronous()
                .policy()
                .expireAfterWrite()
                .map(policy -> policy.oldest(oldest -> oldest.limit(LOOKED_AT)
                        .takeWhile(entry -> !entry.getValue().youngerThan(age))
                        .filter(entry -> entry.getValue().askedAgain && which.test(entry.getKey()))
                        .limit(most)
                        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue))))
                .orElse(Map.of());
    }

    /**
     * Puts a new value in the place of an old one, unless that was forgotten or replaced meanwhile, or is newer; nobody waits
     * here.
     */
    public void renew(K key, Stamped<V> old, Stamped<V> renewed) {
        var there = values.getIfPresent(key);
        // Not by the values' own map: it would wait for one that is being made.
        if (there != null && old.equals(settled(there)) && renewed.bornNanos - old.bornNanos >= 0) {
            values.asMap().replace(key, there, CompletableFuture.completedFuture(renewed));
        }
    }

    /** Forgets a value, also one that is being made: it may be of data that were read before. */
    public void forget(K key) {
        values.asMap().remove(key);
    }

    /** Forgets all values, also those that are being made. */
    public void forgetAll() {
        values.asMap().clear();
    }

    /** Has the cache measured under the names that Micrometer gives to every cache. Waiting for another's making is a hit. */
    public void measure(MeterRegistry metrics, String name) {
        FunctionCounter.builder("cache.gets", hits, LongAdder::sum)
                .tags("cache", name, "result", "hit")
                .register(metrics);
        FunctionCounter.builder("cache.gets", misses, LongAdder::sum)
                .tags("cache", name, "result", "miss")
                .register(metrics);
        FunctionCounter.builder(
                        "cache.evictions",
                        values,
                        cache -> cache.synchronous().stats().evictionCount())
                .tags("cache", name)
                .register(metrics);
        Gauge.builder("cache.size", values, cache -> cache.synchronous().estimatedSize())
                .tags("cache", name)
                .register(metrics);
        Gauge.builder(
                        "cache.weight",
                        values,
                        cache -> cache.synchronous()
                                .policy()
                                .eviction()
                                .map(eviction -> eviction.weightedSize().orElse(0))
                                .orElse(0L))
                .tags("cache", name)
                .register(metrics);
    }

    private boolean isStale(CompletableFuture<Stamped<V>> there) {
        var value = settled(there);
        return value != null && !fresh.test(value);
    }

    /** What was made; null while it is being made, and where that failed. */
    private static <V> @Nullable Stamped<V> settled(CompletableFuture<Stamped<V>> promise) {
        return promise.isDone() && !promise.isCompletedExceptionally() ? promise.join() : null;
    }
}
