package productstore.identity;

import io.github.bucket4j.Bucket;
import io.github.bucket4j.ConsumptionProbe;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** What one caller may still ask of this store, and what of it the other stores have not been told yet. */
final class RequestBudget {
    private final String caller;
    private final int size;
    private final Bucket bucket;
    private final AtomicInteger untold = new AtomicInteger();
    private final AtomicBoolean noted = new AtomicBoolean();

    RequestBudget(String caller, int size, Duration window) {
        this.caller = caller;
        this.size = size;
        bucket = Bucket.builder()
                .addLimit(limit -> limit.capacity(size).refillGreedy(size, window))
                .build();
    }

    String caller() {
        return caller;
    }

    ConsumptionProbe take() {
        return bucket.tryConsumeAndReturnRemaining(1);
    }

    /**
     * Notes a request to be told of. One that was refused is, too: with it this store hears what was used elsewhere since.
     *
     * @return whether it is the first one since the last time
     */
    boolean note(boolean admitted) {
        if (admitted) {
            untold.getAndIncrement();
        }
        // Not written each time: many processors read it.
        return !noted.get() && noted.compareAndSet(false, true);
    }

    /** How many requests are to be told; they count as told from now on. */
    int tell() {
        noted.set(false);
        return untold.getAndSet(0);
    }

    /** Pieces of the budget that are used now, as far as this store knows. */
    long used() {
        return size - bucket.getAvailableTokens();
    }

    /** Takes off what was used at other stores, also beyond what is left: it has to be earned again then. */
    void takeOff(long requests) {
        if (requests > 0) {
            bucket.consumeIgnoringRateLimits(requests);
        }
    }
}
