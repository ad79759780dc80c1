package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Many threads that begin at the same moment. */
final class Race {
    private Race() {}

    /** What one of the threads does. */
    @FunctionalInterface
    interface Runner {
        /** Runs as this thread, counted from 0. */
        void run(int number) throws Exception;
    }

    /** Runs all of them at once and returns when every one is through; the first failure is thrown on. */
    static void of(int threads, Duration limit, Runner runner) {
        var ready = new CountDownLatch(threads);
        var end = System.nanoTime() + limit.toNanos();
        var running = new ArrayList<Future<?>>();
        var executor = Executors.newVirtualThreadPerTaskExecutor();
        try {
            for (int n = 0; n < threads; n++) {
                int number = n;
                running.add(executor.submit(() -> {
                    ready.countDown();
                    ready.await();
                    runner.run(number);
                    return null;
                }));
            }
            for (var one : running) {
                one.get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            }
        } catch (ExecutionException e) {
            throw new AssertionError("one of the racing threads failed", e.getCause());
        } catch (TimeoutException e) {
            throw new AssertionError("not through within " + limit, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } finally {
            executor.shutdownNow();
        }
        assertThat(running).allMatch(Future::isDone);
    }
}
