package productstore.identity;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.github.bucket4j.Bucket;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.stereotype.Component;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;
import productstore.telemetry.Networks;

/**
 * Bounds failed sign-ins: 10 for an account, existing or not, and 100 from an address, in 15 minutes. Each store counts
 * for itself; where they share a Redis, all of them count there too.
 */
@Component
class LoginThrottle {
    private static final Duration WINDOW = Duration.ofMinutes(15);
    private static final int FAILURES_PER_ACCOUNT = 10;
    private static final int FAILURES_PER_ADDRESS = 100;
    private static final int ENTRIES = 100_000;

    private final Cache<String, Bucket> accounts = buckets();
    private final Cache<String, Bucket> addresses = buckets();
    private final boolean byAddress;
    private final SharedFailures shared;
    private final Counter refusals;

    LoginThrottle(@Value("${store.rate-limit:on}") boolean byAddress, SharedFailures shared, MeterRegistry registry) {
        this.byAddress = byAddress;
        this.shared = shared;
        this.refusals = Counter.builder("store.logins.throttled")
                .description("Sign-ins turned away unread, because too many failed before")
                .register(registry);
    }

    /** One sign-in that is under way. */
    final class Attempt {
        private final Bucket account;
        private final Bucket address;
        private final String from;
        private final Map<String, Integer> counters;
        private volatile boolean countedTogether;

        private Attempt(String email, String from) {
            this.account = accounts.get(email, _ -> bucket(FAILURES_PER_ACCOUNT));
            this.address = addresses.get(from, _ -> bucket(FAILURES_PER_ADDRESS));
            this.from = from;
            this.counters = byAddress
                    ? Map.of("account " + email, FAILURES_PER_ACCOUNT, "address " + from, FAILURES_PER_ADDRESS)
                    : Map.of("account " + email, FAILURES_PER_ACCOUNT);
        }

        /**
         * Refuses the attempt if there were too many failures, at no cost.
         *
         * @throws Problem {@code too_many_attempts}
         */
        void check() {
            check(account);
            if (byAddress) {
                check(address);
            }
            refuseIfFull(shared.look(counters, WINDOW));
        }

        /**
         * Counts the attempt as failed until it succeeds, so that many at once don't all pass before the first of them
         * has failed.
         *
         * @throws Problem {@code too_many_attempts}
         */
        void begin() {
            take(account);
            if (byAddress) {
                try {
                    take(address);
                } catch (Problem refused) {
                    account.addTokens(1);
                    throw refused;
                }
            }
            var outcome = shared.count(counters, WINDOW);
            countedTogether = outcome.counted();
            if (outcome.delay().isPositive()) {
                giveBack();
                refuseIfFull(outcome);
            }
        }

        /** It did not fail, so it does not count. */
        void succeeded() {
            giveBack();
            if (countedTogether) {
                shared.takeBack(counters.keySet());
            }
        }

        private void giveBack() {
            account.addTokens(1);
            if (byAddress) {
                address.addTokens(1);
            }
        }

        private void refuseIfFull(SharedFailures.Outcome outcome) {
            if (outcome.delay().isPositive()) {
                throw refusal(outcome.delay().toNanos());
            }
        }

        private void check(Bucket bucket) {
            var probe = bucket.estimateAbilityToConsume(1);
            if (!probe.canBeConsumed()) {
                throw refusal(probe.getNanosToWaitForRefill());
            }
        }

        private void take(Bucket bucket) {
            var probe = bucket.tryConsumeAndReturnRemaining(1);
            if (!probe.isConsumed()) {
                throw refusal(probe.getNanosToWaitForRefill());
            }
        }

        private Problem refusal(long waitNanos) {
            refusals.increment();
            Journal.warning("sign-in-throttled")
                    .with(Field.CLIENT_IP, Networks.of(from))
                    .say("a sign-in was turned away: too many failed before");
            return Problem.of(ProblemCode.TOO_MANY_ATTEMPTS, "Too many sign-ins failed. Wait, then try again.")
                    .retryAfter(Duration.ofNanos(waitNanos));
        }
    }

    Attempt attempt(String email, String address) {
        return new Attempt(email, address);
    }

    // A bucket unused for a whole window is full again, so forgetting it changes nothing.
    private static Cache<String, Bucket> buckets() {
        return Caffeine.newBuilder()
                .maximumSize(ENTRIES)
                .expireAfterAccess(WINDOW)
                .build();
    }

    private static Bucket bucket(int failures) {
        return Bucket.builder()
                .addLimit(limit -> limit.capacity(failures).refillIntervally(failures, WINDOW))
                .build();
    }
}
