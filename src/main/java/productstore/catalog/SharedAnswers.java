package productstore.catalog;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.opentelemetry.api.trace.Tracer;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import productstore.platform.Answer;
import productstore.platform.FreshCache.Stamped;
import productstore.telemetry.ClientSpan;
import productstore.telemetry.Failures;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.JedisURIHelper;

/**
 * The answers of all stores on one database, in a Redis: what one of them has made, the others need not make. How old
 * an answer is, is told by the clock of the Redis alone, and one that is too old is not given, whatever Redis does. So
 * without Redis, or with a full or frozen one, a store is slower, never wrong.
 */
@Component
class SharedAnswers implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SharedAnswers.class);
    private static final int CONNECT_MS = 200;
    private static final int ANSWER_MS = 100;
    private static final int CONNECTIONS = 16;
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofSeconds(1);
    /** The time, in seconds and microseconds, and the value. */
    private static final byte[] FIND = """
            local now = redis.call('TIME')
            return {now[1], now[2], redis.call('GET', KEYS[1])}
            """.getBytes(StandardCharsets.UTF_8);

    private final @Nullable RedisClient redis;
    private final Tracer tracer;
    private final String prefix;
    private final Counter hits;
    private final Counter misses;
    private final Counter failures;
    private volatile long pausedUntilNanos = System.nanoTime();
    private volatile boolean up = true;

    SharedAnswers(@Value("${store.redis-url:}") String url, JdbcClient db, MeterRegistry metrics, Tracer tracer) {
        this.tracer = tracer;
        redis = url.isEmpty() ? null : client(URI.create(url));
        prefix = redis == null ? "" : "store:" + shop(db) + ":";
        hits = metrics.counter("cache.gets", "cache", "shared", "result", "hit");
        misses = metrics.counter("cache.gets", "cache", "shared", "result", "miss");
        failures = metrics.counter("store.redis.failures");
        if (redis != null) {
            Gauge.builder("store.redis.up", () -> up ? 1 : 0).register(metrics);
        }
    }

    private static RedisClient client(URI url) {
        var pool = new GenericObjectPoolConfig<Connection>();
        pool.setMaxTotal(CONNECTIONS);
        pool.setMaxWait(Duration.ofMillis(ANSWER_MS));
        pool.setJmxEnabled(false);
        return RedisClient.builder()
                .hostAndPort(JedisURIHelper.getHostAndPort(url))
                .clientConfig(DefaultJedisClientConfig.builder()
                        .user(JedisURIHelper.getUser(url))
                        .password(JedisURIHelper.getPassword(url))
                        .database(JedisURIHelper.getDBIndex(url))
                        .ssl(JedisURIHelper.isRedisSSLScheme(url))
                        .connectionTimeoutMillis(CONNECT_MS)
                        .socketTimeoutMillis(ANSWER_MS)
                        .build())
                .poolConfig(pool)
                .build();
    }

    /** Tells this database's answers from those of another shop that uses the same Redis by mistake. */
    private static String shop(JdbcClient db) {
        return db.sql("""
                        /* shop.name */
                        SELECT md5(concat_ws(' ', current_database(), min(installed_on))) FROM flyway_schema_history
                        """).query(String.class).single();
    }

    boolean isOn() {
        return redis != null;
    }

    /**
     * An answer that any store has made, or else one made now, for all stores.
     *
     * @param notBefore answers born before this moment of {@link System#nanoTime()} are not taken
     */
    Stamped<Answer> get(String key, long notBefore, Supplier<Stamped<Answer>> make) {
        if (redis == null || System.nanoTime() - pausedUntilNanos < 0) {
            return make.get();
        }
        var asked = System.nanoTime();
        var found = find(redis, key);
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
        put(redis, key, made.value().bytes(found.nowMicros()));
        return made;
    }

    /** What was found, and when it was born; both by the Redis' clock. */
    private record Found(
            long nowMicros, long bornMicros, @Nullable Answer answer) {}

    private @Nullable Found find(RedisClient client, String key) {
        return traced("redis get", () -> {
            var reply = (List<?>) client.eval(FIND, List.of(bytes(prefix + key)), List.of());
            var now = TimeUnit.SECONDS.toMicros(number(reply.get(0))) + number(reply.get(1));
            up = true;
            return reply.get(2) instanceof byte[] value
                    ? new Found(now, Answer.bornMicros(value), Answer.of(value))
                    : new Found(now, 0, null);
        });
    }

    private void put(RedisClient client, String key, byte[] value) {
        traced(
                "redis set",
                () -> client.set(
                        bytes(prefix + key), value, SetParams.setParams().px(CatalogAnswers.LIFE.toMillis())));
    }

    private <T> @Nullable T traced(String operation, Supplier<T> call) {
        try (var span = ClientSpan.begin(tracer, "redis", operation)) {
            try {
                return call.get();
            } catch (JedisException e) {
                span.failed(e);
                failed(e);
                return null;
            }
        }
    }

    private void failed(JedisException failure) {
        failures.increment();
        pausedUntilNanos = System.nanoTime() + PAUSE_AFTER_FAILURE.toNanos();
        if (up) {
            log.warn("the shared cache is not used for now: {}", Failures.summary(failure));
        }
        up = false;
    }

    private static long number(@Nullable Object text) {
        return text instanceof byte[] digits ? Long.parseLong(new String(digits, StandardCharsets.US_ASCII)) : 0;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        if (redis != null) {
            redis.close();
        }
    }
}
