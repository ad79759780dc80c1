package productstore.identity;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.springframework.stereotype.Component;
import productstore.platform.SharedRedis;

/**
 * Failed sign-ins at all stores that share a Redis. A sign-in is rare and slow enough to wait for it, so nobody gets more
 * tries by going from store to store; without the Redis it stops nobody.
 */
@Component
class SharedFailures {
    /** How long until there is room; else 0 and, with ARGV[1] = 1, counts one. KEYS are counters, ARGV[3…] their limits. */
    private static final byte[] COUNT = """
            for n, counter in ipairs(KEYS) do
                if tonumber(redis.call('GET', counter) or 0) >= tonumber(ARGV[n + 2]) then
                    return math.max(1, redis.call('PTTL', counter))
                end
            end
            if ARGV[1] == '1' then
                for _, counter in ipairs(KEYS) do
                    if redis.call('INCR', counter) == 1 then
                        redis.call('PEXPIRE', counter, ARGV[2])
                    end
                end
            end
            return 0
            """.getBytes(StandardCharsets.UTF_8);

    private static final byte[] TAKE_BACK = """
            for _, counter in ipairs(KEYS) do
                if tonumber(redis.call('GET', counter) or 0) > 0 then
                    redis.call('DECR', counter)
                end
            end
            return 0
            """.getBytes(StandardCharsets.UTF_8);

    private final SharedRedis redis;

    SharedFailures(SharedRedis redis) {
        this.redis = redis;
    }

    /**
     * What happened.
     *
     * @param counted whether the attempt was counted
     * @param delay how long until there is room for it, zero if there is
     */
    record Outcome(boolean counted, Duration delay) {}

    /** Whether there is room for one more failure in each of these counters. */
    Outcome look(Map<String, Integer> limits, Duration window) {
        return ask(false, limits, window);
    }

    /** Counts a failure in each of these counters, or in none of them if one is full. */
    Outcome count(Map<String, Integer> limits, Duration window) {
        return ask(true, limits, window);
    }

    private Outcome ask(boolean count, Map<String, Integer> limits, Duration window) {
        var keys = new ArrayList<byte[]>();
        var arguments = new ArrayList<byte[]>();
        arguments.add(bytes(count ? 1 : 0));
        arguments.add(bytes(window.toMillis()));
        limits.forEach((counter, limit) -> {
            keys.add(key(counter));
            arguments.add(bytes(limit));
        });
        return redis.ask("redis count", client -> client.eval(COUNT, keys, arguments)) instanceof Long wait
                ? new Outcome(count && wait == 0, Duration.ofMillis(wait))
                : new Outcome(false, Duration.ZERO);
    }

    /** Takes back what was counted. */
    void takeBack(Iterable<String> counters) {
        var keys = new ArrayList<byte[]>();
        counters.forEach(counter -> keys.add(key(counter)));
        redis.ask("redis count", client -> client.eval(TAKE_BACK, keys, List.of()));
    }

    /** Nobody's e-mail is to stand in the Redis. */
    private byte[] key(String counter) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(counter.getBytes(StandardCharsets.UTF_8));
            return redis.key("failures:" + HexFormat.of().formatHex(hash));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static byte[] bytes(Number number) {
        return number.toString().getBytes(StandardCharsets.US_ASCII);
    }
}
