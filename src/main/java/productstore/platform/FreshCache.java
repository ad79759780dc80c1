package productstore.platform;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Weigher;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import java.util.function.Supplier;
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

    /**
     * A value, and when the making of it began; its data are at least as new.
     *
     * @param bornNanos by {@link System#nanoTime()}
     */
    public record Stamped<V>(V value, long bornNanos) {
        public boolean youngerThan(Duration age) {
            return System.nanoTime() - bornNanos < age.toNanos();
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
                return value(there);
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
        return value(promise);
    }

    private static <V> V value(CompletableFuture<Stamped<V>> promise) {
        try {
            return promise.join().value();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** The value if it is there and fresh; nobody waits here. */
    public @Nullable V ready(K key) {
        var there = values.getIfPresent(key);
        if (there == null || !there.isDone() || there.isCompletedExceptionally()) {
            return null;
        }
        var value = there.join();
        if (!fresh.test(value)) {
            return null;
        }
        hits.increment();
        return value.value();
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
        return there.isDone() && !there.isCompletedExceptionally() && !fresh.test(there.join());
    }
}
