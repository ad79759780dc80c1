package productstore.platform;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * What a request's body takes of the memory that there is for large ones. Few calls send one, but many at the same moment,
 * each with what is made of it, would take all of the heap, and with it the store.
 */
final class LargeBody implements AutoCloseable {
    /** From here on a body is a large one; an order of a hundred lines takes a tenth of it. */
    static final int LARGE_BYTES = 64 * 1024;

    static final int AT_ONCE = 16;
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Semaphore ROOM = new Semaphore(AT_ONCE, true);

    private boolean has;

    /**
     * Notes how much was read, and waits for room if that is much.
     *
     * @throws Problem {@code overloaded} if there is none for too long
     */
    void read(long bytes) {
        if (has || bytes <= LARGE_BYTES) {
            return;
        }
        try {
            has = ROOM.tryAcquire(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!has) {
            throw Problem.of(ProblemCode.OVERLOADED, "Too many large bodies arrive at once; nothing was changed.")
                    .retryAfter(Duration.ofSeconds(1))
                    .with("Connection", "close");
        }
    }

    /** The request is answered. */
    @Override
    public void close() {
        if (has) {
            has = false;
            ROOM.release();
        }
    }
}
