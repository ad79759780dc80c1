package productstore.catalog;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import productstore.platform.Answer;
import productstore.platform.FreshCache.Stamped;
import productstore.platform.SharedRedis;
import redis.clients.jedis.params.SetParams;

/**
 * The answers of all stores on one database, in a Redis: what one of them has made, the others need not make. How old
 * an answer is, is told by the clock of the Redis alone, and one that is too old is not given, whatever Redis does. So
 * without Redis, or with a full or frozen one, a store is slower, never wrong.
 */
@Component
class SharedAnswers {
    /** The time, in seconds and microseconds, and the value. */
    private static final byte[] FIND = """
            local now = redis.call('TIME')
            return {now[1], now[2], redis.call('GET', KEYS[1])}
            """.getBytes(StandardCharsets.UTF_8);

    private final SharedRedis redis;
    private final Counter hits;
    private final Counter misses;

    SharedAnswers(SharedRedis redis, MeterRegistry metrics) {
        this.redis = redis;
        hits = metrics.counter("cache.gets", "cache", "shared", "result", "hit");
        misses = metrics.counter("cache.gets", "cache", "shared", "result", "miss");
    }

    boolean isOn() {
        return redis.isOn();
    }

    /**
     * An answer that any store has made, or else one made now, for all stores.
     *
     * @param notBefore answers born before this moment of {@link System#nanoTime()} are not taken
     */
    Stamped<Answer> get(String key, long notBefore, Supplier<Stamped<Answer>> make) {
        var asked = System.nanoTime();
        var found = find(key);
        if (found == null) {
            return make.get();
        }
        if (found.answer() != null) {
            var born = asked - TimeUnit.MICROSECONDS.toNanos(found.nowMicros() - found.bornMicros());
            // Born after it was asked for: the clock was set back.
            if (born - notBefore > 0 && born - asked <= 0 && asked - born < CatalogAnswers.LIFE.toNanos()) {
                hits.increment();
                return new Stamped<>(found.answer(), born);
            }
        }
        misses.increment();
        var made = make.get();
        // A replica's data may be older than this question.
        var older = Math.max(0, TimeUnit.NANOSECONDS.toMicros(asked - made.bornNanos()));
        put(key, made.value().bytes(found.nowMicros() - older));
        return made;
    }

    /** What was found, and when it was born; both by the Redis' clock. */
    private record Found(
            long nowMicros, long bornMicros, @Nullable Answer answer) {}

    private @Nullable Found find(String key) {
        return redis.ask("redis get", client -> {
            var reply = (List<?>) client.eval(FIND, List.of(redis.key(key)), List.of());
            var now = TimeUnit.SECONDS.toMicros(number(reply.get(0))) + number(reply.get(1));
            return reply.get(2) instanceof byte[] value
                    ? new Found(now, Answer.bornMicros(value), Answer.of(value))
                    : new Found(now, 0, null);
        });
    }

    private void put(String key, byte[] value) {
        redis.ask(
                "redis set",
                client ->
                        client.set(redis.key(key), value, SetParams.setParams().px(CatalogAnswers.LIFE.toMillis())));
    }

    private static long number(@Nullable Object text) {
        return text instanceof byte[] digits ? Long.parseLong(new String(digits, StandardCharsets.US_ASCII)) : 0;
    }
}
