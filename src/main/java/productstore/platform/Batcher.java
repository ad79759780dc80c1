package productstore.platform;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.NestedExceptionUtils;
import productstore.telemetry.SharedSpan;

/**
 * Does work for the database that waits at the same moment together, in the order it came. A few workers take whatever
 * waits: one piece alone at once, many under load in one go, so that they share the cost of its statements.
 *
 * @param <Q> a piece of work
 * @param <A> what comes of it
 */
public final class Batcher<Q, A> implements SmartLifecycle, MeterBinder {
    private static final Logger log = LoggerFactory.getLogger(Batcher.class);

    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final String name;
    private final int workers;
    private final int together;
    private final Duration longestWait;
    private final BlockingQueue<Waiting<Q, A>> line;
    private final Work<Q, A> work;
    private final Function<Q, A> alone;
    private final Tracer tracer;
    private final List<Thread> threads = new ArrayList<>();

    /** Work on several pieces. */
    @FunctionalInterface
    public interface Work<Q, A> {
        /** What comes of each piece, in their order. If it throws, nothing may have come of any of them. */
        List<A> on(List<Q> pieces);
    }

    /**
     * A batcher.
     *
     * @param workers how many batches may be worked on at the same moment
     * @param together pieces in one of them at most
     * @param work on a batch; while it runs, one worker is taken, so it must not wait for anything for long
     * @param alone the same work on one piece of a batch that failed, in the thread that asked for it
     */
    public Batcher(
            String name,
            int workers,
            int together,
            Limits limits,
            Tracer tracer,
            Work<Q, A> work,
            Function<Q, A> alone) {
        this.name = name;
        this.workers = workers;
        this.together = together;
        this.longestWait = limits.poolWait();
        // Even where nobody may queue, a piece has to be put down for a worker to take it.
        this.line = new LinkedBlockingQueue<>(Math.max(1, limits.poolQueue()));
        this.work = work;
        this.alone = alone;
        this.tracer = tracer;
    }

    /** One that waits. Whoever sets {@code called} first decides: the worker to begin it, or who waits to give up. */
    private static final class Waiting<Q, A> {
        final Q piece;
        final Span span = Span.current();
        final AtomicBoolean called = new AtomicBoolean();
        final CompletableFuture<@Nullable A> outcome = new CompletableFuture<>();

        Waiting(Q piece) {
            this.piece = piece;
        }
    }

    /**
     * Does a piece of work as soon as it is its turn.
     *
     * @throws Problem {@code overloaded} if too many wait, or it waited for too long; nothing was done then
     */
    public A ask(Q piece) {
        var waiting = new Waiting<Q, A>(piece);
        if (!line.offer(waiting)) {
            throw overloaded();
        }
        var outcome = await(waiting);
        // None: its batch failed, perhaps for another one, and now it goes by itself.
        return outcome == null ? alone.apply(piece) : outcome;
    }

    private @Nullable A await(Waiting<Q, A> waiting) {
        try {
            return waiting.outcome.get(longestWait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return giveUp(waiting);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return giveUp(waiting);
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause());
        }
    }

    /** Leaves the line. What was begun is waited for: only its outcome tells whether anything was changed. */
    private @Nullable A giveUp(Waiting<Q, A> waiting) {
        if (waiting.called.compareAndSet(false, true)) {
            line.remove(waiting);
            throw overloaded();
        }
        // The limits of the database bound how long it takes.
        return waiting.outcome.join();
    }

    private void workUntilStopped() {
        try {
            while (true) {
                workOn(next());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Those who are next in line, without those who gave up. */
    private List<Waiting<Q, A>> next() throws InterruptedException {
        var next = new ArrayList<Waiting<Q, A>>();
        next.add(line.take());
        line.drainTo(next, together - 1);
        next.removeIf(waiting -> !waiting.called.compareAndSet(false, true));
        return next;
    }

    private void workOn(List<Waiting<Q, A>> batch) {
        if (batch.isEmpty()) {
            return;
        }
        var spans = batch.stream().map(waiting -> waiting.span).toList();
        try (var _ = SharedSpan.begin(tracer, name + " together", spans)) {
            var outcomes = work.on(batch.stream().map(waiting -> waiting.piece).toList());
            for (int n = 0; n < batch.size(); n++) {
                batch.get(n).outcome.complete(outcomes.get(n));
            }
        } catch (Throwable failure) {
            if (mayBeOnesOwn(failure) && (batch.size() > 1 || waitedForALock(failure))) {
                log.debug("{}: {} go one by one", name, batch.size(), failure);
                batch.forEach(waiting -> waiting.outcome.complete(null));
            } else {
                batch.forEach(waiting -> waiting.outcome.completeExceptionally(failure));
            }
        }
    }

    /**
     * Whether a batch surely came to nothing, and may have done so for one of its pieces only. Where the database went
     * away nobody knows whether it was committed, so nothing of it may be done again. A problem was none of a piece's: no
     * connection was to be had, and asking for one each would not help.
     */
    private static boolean mayBeOnesOwn(Throwable failure) {
        return !(NestedExceptionUtils.getMostSpecificCause(failure) instanceof Problem)
                && Problems.of(failure).code() != ProblemCode.DATABASE_UNAVAILABLE;
    }

    /** One that was alone may have more patience with a lock by itself; whatever else failed would only fail again. */
    private static boolean waitedForALock(Throwable failure) {
        return NestedExceptionUtils.getMostSpecificCause(failure) instanceof SQLException sql
                && LOCK_NOT_AVAILABLE.equals(sql.getSQLState());
    }

    /** How many are in line now. */
    int waiting() {
        return line.size();
    }

    @Override
    public void bindTo(MeterRegistry metrics) {
        Gauge.builder("store.waiting", this, Batcher::waiting)
                .description("Pieces of work that are in line and that nobody has begun")
                .tag("line", name)
                .register(metrics);
    }

    private static Problem overloaded() {
        return Problem.of(ProblemCode.OVERLOADED, "Too many requests wait for the database; nothing was changed.")
                .retryAfter(Duration.ofSeconds(1));
    }

    @Override
    public void start() {
        for (int n = 1; n <= workers; n++) {
            threads.add(Thread.ofVirtual().name(name + "-" + n).start(this::workUntilStopped));
        }
    }

    @Override
    public void stop() {
        threads.forEach(Thread::interrupt);
        threads.clear();
    }

    @Override
    public boolean isRunning() {
        return !threads.isEmpty();
    }

    /** Begins before the web server and ends behind it, so that whoever came in is still served. */
    @Override
    public int getPhase() {
        return 0;
    }
}
