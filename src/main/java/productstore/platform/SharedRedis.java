package productstore.platform;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.opentelemetry.api.trace.Tracer;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Function;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import productstore.telemetry.ClientSpan;
import productstore.telemetry.Failures;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.JedisURIHelper;

/**
 * The Redis that all stores on one database share, where there is one. Whoever asks it goes on without it when it is away,
 * frozen or full: nobody waits for it for long, and after a failure nobody asks it for a while.
 */
@Component
public final class SharedRedis implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SharedRedis.class);
    private static final int CONNECT_MS = 200;
    private static final int ANSWER_MS = 100;
    private static final int CONNECTIONS = 16;
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofSeconds(1);

    private final @Nullable RedisClient redis;
    private final Tracer tracer;
    private final String prefix;
    private final Counter failures;
    private volatile long pausedUntilNanos = System.nanoTime();
    private volatile boolean up = true;

    SharedRedis(@Value("${store.redis-url:}") String url, JdbcClient db, MeterRegistry metrics, Tracer tracer) {
        this.tracer = tracer;
        redis = url.isEmpty() ? null : client(URI.create(url));
        prefix = redis == null ? "" : "store:" + shop(db) + ":";
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

    /** Tells this database's keys from those of another shop that uses the same Redis by mistake. */
    private static String shop(JdbcClient db) {
        return db.sql("""
                        /* shop.name */
                        SELECT md5(concat_ws(' ', current_database(), min(installed_on))) FROM flyway_schema_history
                        """).query(String.class).single();
    }

    public boolean isOn() {
        return redis != null;
    }

    /** A key that no other shop has. */
    public byte[] key(String name) {
        return (prefix + name).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * What it answers.
     *
     * @param operation what the call is named in traces
     * @return null if there is none, or it can't be asked now
     */
    public <T> @Nullable T ask(String operation, Function<RedisClient, T> call) {
        if (redis == null || System.nanoTime() - pausedUntilNanos < 0) {
            return null;
        }
        try (var span = ClientSpan.begin(tracer, "redis", operation)) {
            try {
                var answer = call.apply(redis);
                up = true;
                return answer;
            } catch (JedisException e) {
                span.failed(e);
                // The others lead to the same Redis; each would fail, and cost another pause, when it has long come
                // back.
                redis.getPool().clear();
                failed(e);
                return null;
            }
        }
    }

    private void failed(JedisException failure) {
        failures.increment();
        pausedUntilNanos = System.nanoTime() + PAUSE_AFTER_FAILURE.toNanos();
        if (up) {
            log.warn("the Redis is not used for now: {}", Failures.summary(failure));
        }
        up = false;
    }

    @Override
    public void close() {
        if (redis != null) {
            redis.close();
        }
    }
}
