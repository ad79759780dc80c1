package productstore.identity;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import productstore.platform.Limits;
import productstore.platform.SharedRedis;
import productstore.telemetry.Failures;

/**
 * Has all stores that share a Redis count requests together, without any request waiting for it: each store tells the
 * Redis four times a second what its callers have used since, and hears what they have used in all. Until then a caller
 * of several stores may use at each of them what that one knows to be left; what was too much is taken off what comes
 * next, so that in the long run it is one limit. Without the Redis each store counts for itself.
 */
@Component
class SharedRates implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(SharedRates.class);
    private static final Duration BETWEEN_TALKS = Duration.ofMillis(250);
    private static final int CALLERS_TOGETHER = 500;

    /**
     * Keeps, for each caller, the moment at which the whole budget will be there again: each request puts it off by what it
     * takes to earn one (GCRA). KEYS are callers, ARGV the microseconds for one request, then each caller's requests. By
     * the clock of the Redis alone.
     */
    private static final byte[] COUNT = """
            local time = redis.call('TIME')
            local now = time[1] * 1000000 + time[2]
            local each = tonumber(ARGV[1])
            local used = {}
            for n, caller in ipairs(KEYS) do
                local whole = math.max(now, tonumber(redis.call('GET', caller) or 0)) + each * ARGV[n + 1]
                redis.call('SET', caller, string.format('%.0f', whole), 'PX', math.ceil((whole - now) / 1000) + 1)
                used[n] = math.floor((whole - now) / each)
            end
            return used
            """.getBytes(StandardCharsets.UTF_8);

    private final SharedRedis redis;
    private final byte[] microsForOne;
    private final Queue<RequestBudget> toTell = new ConcurrentLinkedQueue<>();
    private volatile @Nullable Thread thread;

    SharedRates(SharedRedis redis, Limits limits) {
        this.redis = redis;
        microsForOne =
                bytes((double) TimeUnit.NANOSECONDS.toMicros(RateLimit.WINDOW.toNanos()) / limits.requestsPerMinute());
    }

    /** Notes a request. */
    void note(RequestBudget budget, boolean admitted) {
        if (redis.isOn() && budget.note(admitted)) {
            toTell.add(budget);
        }
    }

    private void talkUntilStopped() {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                Thread.sleep(BETWEEN_TALKS);
                // Those who ask again meanwhile are told of the next time.
                for (int left = toTell.size(); left > 0; left -= CALLERS_TOGETHER) {
                    talkAbout(next(Math.min(left, CALLERS_TOGETHER)));
                }
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                // The next ones may fare better, and nobody is refused for want of it.
                log.warn("requests are not counted together for now: {}", Failures.summary(e));
            }
        }
    }

    private List<RequestBudget> next(int most) {
        var next = new ArrayList<RequestBudget>();
        for (RequestBudget budget; next.size() < most && (budget = toTell.poll()) != null; ) {
            next.add(budget);
        }
        return next;
    }

    /** What a Redis that is away was not told is forgotten: it will be earned again in a minute at most. */
    private void talkAbout(List<RequestBudget> budgets) {
        var callers = new ArrayList<byte[]>();
        var numbers = new ArrayList<byte[]>();
        numbers.add(microsForOne);
        var usedHere = new ArrayList<Long>();
        for (var budget : budgets) {
            callers.add(redis.key("rate:" + budget.caller()));
            numbers.add(bytes(budget.tell()));
            // A request that comes in between hides one of another store's until the next talk, no longer.
            usedHere.add(budget.used());
        }
        var used = (List<?>) redis.ask("redis count", client -> client.eval(COUNT, callers, numbers));
        for (int n = 0; used != null && n < budgets.size(); n++) {
            if (used.get(n) instanceof Long inAll) {
                budgets.get(n).takeOff(inAll - usedHere.get(n));
            }
        }
    }

    private static byte[] bytes(Number number) {
        return number.toString().getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void start() {
        if (redis.isOn()) {
            var talking = Thread.ofVirtual().name("shared-rates").unstarted(this::talkUntilStopped);
            thread = talking;
            talking.start();
        }
    }

    @Override
    public void stop() {
        var talking = thread;
        thread = null;
        if (talking != null) {
            talking.interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return thread != null;
    }

    @Override
    public int getPhase() {
        return 0;
    }
}
