package productstore.identity;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.stereotype.Component;
import productstore.platform.Limits;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Problems;

/**
 * Bounds the requests of each user, and of each address for those not signed in, and tells clients of it as
 * draft-ietf-httpapi-ratelimit-headers says. Each store counts for itself and, where they share a Redis, learns from
 * {@link SharedRates} what the others have counted.
 */
@Component
public class RateLimit {
    static final Duration WINDOW = Duration.ofMinutes(1);
    private static final int ENTRIES = 100_000;

    private final boolean on;
    private final int requests;
    private final String policy;
    private final SharedRates shared;
    // A budget unused for a whole window is full again, so forgetting it changes nothing; one that other stores have
    // used up
    // is less than nothing for longer, but the next talk with them tells that again.
    private final Cache<Caller, RequestBudget> budgets =
            Caffeine.newBuilder().maximumSize(ENTRIES).expireAfterAccess(WINDOW).build();

    RateLimit(Limits limits, @Value("${store.rate-limit:on}") boolean on, SharedRates shared) {
        this.on = on;
        this.shared = shared;
        requests = limits.requestsPerMinute();
        policy = "\"default\";q=%d;w=%d".formatted(requests, WINDOW.toSeconds());
    }

    private record Caller(boolean signedIn, String name) {}

    /** Counts a request of this user. False if it was one too many: it is answered then. */
    boolean admits(CurrentUser user, HttpServletRequest request, HttpServletResponse response) throws IOException {
        return admits(new Caller(true, user.getName()), request, response);
    }

    /** Counts a request of nobody known, by its address. False if it was one too many: it is answered then. */
    public boolean admits(HttpServletRequest request, HttpServletResponse response) throws IOException {
        return admits(new Caller(false, ClientAddress.of(request)), request, response);
    }

    private boolean admits(Caller caller, HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (!on) {
            return true;
        }
        var budget = budgets.get(
                caller,
                who -> new RequestBudget((who.signedIn() ? "user:" : "address:") + who.name(), requests, WINDOW));
        var probe = budget.take();
        // What was used elsewhere may have made it less than nothing.
        var left = Math.max(0, probe.getRemainingTokens());
        response.setHeader("RateLimit-Policy", policy);
        response.setHeader("RateLimit", "\"default\";r=" + left + ";t=" + seconds(probe.getNanosToWaitForReset()));
        shared.note(budget, probe.isConsumed());
        if (probe.isConsumed()) {
            return true;
        }
        Problems.write(
                request,
                response,
                Problem.of(ProblemCode.RATE_LIMITED, "At most " + requests + " requests a minute.")
                        .retryAfter(Duration.ofNanos(probe.getNanosToWaitForRefill())));
        return false;
    }

    private static long seconds(long nanos) {
        return Duration.ofNanos(nanos).plusNanos(999_999_999).toSeconds();
    }
}
