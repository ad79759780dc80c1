package productstore.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.UncategorizedSQLException;
import org.springframework.transaction.CannotCreateTransactionException;

/** Who waits together, who is worked on when, and who is told what. The work is made up: no database has a part in it. */
@Timeout(60)
class BatcherTest {
    private static final Tracer NO_TRACES = TracerProvider.noop().get("test");
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final int PLUG = -1;

    private final List<Batcher<Integer, String>> running = new ArrayList<>();
    private final List<List<Integer>> batches = new CopyOnWriteArrayList<>();
    private final CountDownLatch plugged = new CountDownLatch(1);
    private final CountDownLatch unplugged = new CountDownLatch(1);

    @AfterEach
    void stop() {
        unplugged.countDown();
        running.forEach(Batcher::stop);
    }

    @Test
    void onePieceAloneIsWorkedOnAtOnceAndByItself() {
        var batcher = batcher(1, 10, Map.of(), this::answers);
        assertThat(batcher.ask(1)).isEqualTo("answer to 1");
        assertThat(batcher.ask(2)).isEqualTo("answer to 2");
        assertThat(batches).containsExactly(List.of(1), List.of(2));
    }

    @Test
    void whoeverWaitsGoesTogetherInTheOrderTheyCame() throws Exception {
        var batcher = batcher(1, 4, Map.of(), this::answers);
        var _ = plug(batcher);
        var asking = inLine(batcher, IntStream.range(0, 10).boxed().toList());
        unplugged.countDown();
        for (int n = 0; n < 10; n++) {
            assertThat(outcome(asking.get(n))).isEqualTo("answer to " + n);
        }
        assertThat(batches).containsExactly(List.of(PLUG), List.of(0, 1, 2, 3), List.of(4, 5, 6, 7), List.of(8, 9));
    }

    @Test
    void asManyBatchesAsThereAreWorkersAreWorkedOnAtOnce() throws Exception {
        var both = new CyclicBarrier(2);
        var batcher = batcher(2, 1, Map.of(), pieces -> {
            meet(both);
            return answers(pieces);
        });
        var asking = List.of(asking(batcher, 1), asking(batcher, 2));
        assertThat(outcome(asking.get(0))).isEqualTo("answer to 1");
        assertThat(outcome(asking.get(1))).isEqualTo("answer to 2");
    }

    @Test
    void whoWaitedTooLongIsTurnedAwayAndNeverWorkedOn() throws Exception {
        var batcher = batcher(1, 10, Map.of("pool-wait", "100ms"), this::answers);
        var plug = plug(batcher);
        assertOverloaded(batcher, 1);
        assertThat(batcher.waiting()).isZero();
        // Whoever was begun gets the answer, however long it takes.
        unplugged.countDown();
        assertThat(outcome(plug)).isEqualTo("answer to " + PLUG);
        assertThat(batcher.ask(2)).isEqualTo("answer to 2");
        assertThat(batches).containsExactly(List.of(PLUG), List.of(2));
    }

    @Test
    void whoIsTurnedAwayAtTheVeryMomentItWasItsTurnIsNotWorkedOn() throws Exception {
        var batcher = batcher(1, 3, Map.of("pool-wait", "1ms"), pieces -> {
            LockSupport.parkNanos(300_000);
            return answers(pieces);
        });
        var answered = ConcurrentHashMap.<Integer>newKeySet();
        var refused = new AtomicInteger();
        var asking = IntStream.range(0, 16)
                .mapToObj(thread -> new FutureTask<>(() -> {
                    for (int n = 0; n < 200; n++) {
                        try {
                            batcher.ask(thread * 1000 + n);
                            answered.add(thread * 1000 + n);
                        } catch (Problem problem) {
                            refused.incrementAndGet();
                        }
                    }
                    return "through";
                }))
                .toList();
        asking.forEach(Thread::startVirtualThread);
        for (var one : asking) {
            outcome(one);
        }
        assertThat(answered).isNotEmpty();
        assertThat(refused).hasPositiveValue();
        assertThat(batches.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(answered);
    }

    @Test
    void oneMoreThanTheLineHoldsIsTurnedAwayAtOnce() throws Exception {
        var batcher = batcher(1, 10, Map.of("pool-queue", "2"), this::answers);
        var _ = plug(batcher);
        var asking = inLine(batcher, List.of(1, 2));
        assertOverloaded(batcher, 3);
        unplugged.countDown();
        outcome(asking.get(0));
        outcome(asking.get(1));
        assertThat(batcher.ask(4)).isEqualTo("answer to 4");
        assertThat(batches).containsExactly(List.of(PLUG), List.of(1, 2), List.of(4));
    }

    @Test
    void whereNobodyMayQueueOnePieceAloneIsStillWorkedOn() {
        assertThat(batcher(1, 10, Map.of("pool-queue", "0"), this::answers).ask(1))
                .isEqualTo("answer to 1");
    }

    @Test
    void whoIsInterruptedInLineIsNotWorkedOn() throws Exception {
        var batcher = batcher(1, 10, Map.of(), this::answers);
        var _ = plug(batcher);
        var asking = new FutureTask<>(() -> batcher.ask(1));
        var thread = Thread.ofVirtual().start(asking);
        awaitLine(batcher, 1);
        thread.interrupt();
        assertThatThrownBy(() -> outcome(asking)).isInstanceOf(Problem.class);
        unplugged.countDown();
        assertThat(batcher.ask(2)).isEqualTo("answer to 2");
        assertThat(batches).containsExactly(List.of(PLUG), List.of(2));
    }

    /** It must not be told that nothing was changed. */
    @Test
    void whoIsInterruptedWhileItIsWorkedOnHearsWhatBecameOfIt() throws Exception {
        var batcher = batcher(1, 10, Map.of(), this::answers);
        var interrupted = new CompletableFuture<Boolean>();
        var asking = new FutureTask<>(() -> {
            var answer = batcher.ask(PLUG);
            interrupted.complete(Thread.currentThread().isInterrupted());
            return answer;
        });
        var thread = Thread.ofVirtual().start(asking);
        plugged.await();
        thread.interrupt();
        unplugged.countDown();
        assertThat(outcome(asking)).isEqualTo("answer to " + PLUG);
        assertThat(interrupted.join()).isTrue();
    }

    @Test
    void onePieceAloneThatFailsAmongTheWorkersGoesOnByItself() throws Exception {
        var batcher = new Batcher<Integer, String>(
                "test",
                1,
                10,
                LimitsOf.setting(Map.of()),
                NO_TRACES,
                pieces -> {
                    answers(pieces);
                    throw new IllegalStateException(new SQLException("lock timeout", "55P03"));
                },
                piece -> "had the time to wait for " + piece);
        running.add(batcher);
        batcher.start();
        assertThat(outcome(asking(batcher, 1))).isEqualTo("had the time to wait for 1");
        assertThat(batches).containsExactly(List.of(1));
    }

    @Test
    void onePieceAloneThatFailsForAnotherReasonIsNotTriedAgain() {
        var batcher = new Batcher<Integer, String>(
                "test",
                1,
                10,
                LimitsOf.setting(Map.of()),
                NO_TRACES,
                pieces -> {
                    answers(pieces);
                    throw new IllegalStateException(new SQLException("statement timeout", "57014"));
                },
                piece -> "tried again");
        running.add(batcher);
        batcher.start();
        assertThatThrownBy(() -> outcome(asking(batcher, 1))).hasRootCauseMessage("statement timeout");
        assertThat(batches).containsExactly(List.of(1));
    }

    @Test
    void whereABatchFailsForOneOfThemEachGoesByItself() throws Exception {
        var batcher = batcher(1, 10, Map.of(), pieces -> {
            var answers = answers(pieces);
            if (pieces.contains(13)) {
                throw new IllegalStateException("13");
            }
            return answers;
        });
        var _ = plug(batcher);
        var asking = inLine(batcher, List.of(1, 13, 2));
        unplugged.countDown();
        assertThat(outcome(asking.get(0))).isEqualTo("answer to 1");
        assertThatThrownBy(() -> outcome(asking.get(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("13");
        assertThat(outcome(asking.get(2))).isEqualTo("answer to 2");
        assertThat(batches).startsWith(List.of(PLUG), List.of(1, 13, 2));
        assertThat(batches.subList(2, 5)).containsExactlyInAnyOrder(List.of(1), List.of(13), List.of(2));
    }

    /** Nobody knows whether it was committed. */
    @Test
    void whereTheDatabaseWentAwayNothingIsTriedAgain() throws Exception {
        assertAllFailOnce(new UncategorizedSQLException("commit", null, new SQLException("gone", "08006")));
    }

    @Test
    void whereNoConnectionWasToBeHadNobodyQueuesForOneAgain() throws Exception {
        assertAllFailOnce(new CannotCreateTransactionException(
                "no connection", Problem.of(ProblemCode.OVERLOADED, "Too many wait.")));
    }

    private void assertAllFailOnce(RuntimeException failure) throws Exception {
        var batcher = batcher(1, 10, Map.of(), pieces -> {
            answers(pieces);
            if (!pieces.contains(PLUG)) {
                throw failure;
            }
            return answers(pieces);
        });
        var _ = plug(batcher);
        batches.clear();
        var asking = inLine(batcher, List.of(1, 2));
        unplugged.countDown();
        for (var one : asking) {
            // Each has one of its own, so that nobody writes into another's.
            assertThatThrownBy(() -> outcome(one))
                    .isExactlyInstanceOf(CompletionException.class)
                    .hasCause(failure);
        }
        assertThat(batches).filteredOn(batch -> !batch.contains(PLUG)).containsExactly(List.of(1, 2));
    }

    @Test
    void aWorkerOutlivesWhateverItsWorkThrows() throws Exception {
        var batcher = batcher(1, 10, Map.of(), pieces -> {
            if (pieces.contains(13)) {
                throw new StackOverflowError("13");
            }
            return answers(pieces);
        });
        for (int round = 0; round < 3; round++) {
            assertThatThrownBy(() -> outcome(asking(batcher, 13))).hasRootCauseInstanceOf(StackOverflowError.class);
        }
        assertThat(outcome(asking(batcher, 1))).isEqualTo("answer to 1");
    }

    @Test
    void whoComesBeforeTheStartIsWorkedOnAfterIt() throws Exception {
        var batcher = batcher(1, 10, Map.of(), this::answers);
        batcher.stop();
        assertThat(batcher.isRunning()).isFalse();
        var asking = inLine(batcher, List.of(1, 2));
        batcher.start();
        assertThat(batcher.isRunning()).isTrue();
        assertThat(outcome(asking.get(0))).isEqualTo("answer to 1");
        assertThat(outcome(asking.get(1))).isEqualTo("answer to 2");
    }

    @Test
    void theEndInterruptsWhatIsWorkedOnAndNothingIsBegunAfterIt() throws Exception {
        var batcher = batcher(1, 10, Map.of("pool-wait", "100ms"), this::answers);
        var plug = plug(batcher);
        batcher.stop();
        assertThat(outcome(plug)).isEqualTo("answer to " + PLUG);
        assertOverloaded(batcher, 1);
        assertThat(batches).containsExactly(List.of(PLUG));
    }

    private Batcher<Integer, String> batcher(
            int workers, int together, Map<String, String> limits, Batcher.Work<Integer, String> work) {
        var values = new HashMap<>(Map.of("pool-wait", LONG.toSeconds() + "s"));
        values.putAll(limits);
        var batcher = new Batcher<>(
                "test",
                workers,
                together,
                LimitsOf.setting(values),
                NO_TRACES,
                work,
                piece -> work.on(List.of(piece)).getFirst());
        batcher.start();
        running.add(batcher);
        return batcher;
    }

    /** Notes the batch and answers it, the plug only when it is pulled. */
    private List<String> answers(List<Integer> pieces) {
        batches.add(pieces);
        if (pieces.contains(PLUG)) {
            plugged.countDown();
            try {
                unplugged.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return pieces.stream().map(piece -> "answer to " + piece).toList();
    }

    /** Holds a worker up. */
    private Future<String> plug(Batcher<Integer, String> batcher) throws InterruptedException {
        var plug = asking(batcher, PLUG);
        plugged.await();
        return plug;
    }

    /** Pieces that have come into line one after the other. */
    private static List<Future<String>> inLine(Batcher<Integer, String> batcher, List<Integer> pieces)
            throws InterruptedException {
        var asking = new ArrayList<Future<String>>();
        for (var piece : pieces) {
            asking.add(asking(batcher, piece));
            awaitLine(batcher, asking.size());
        }
        return asking;
    }

    private static void awaitLine(Batcher<Integer, String> batcher, int length) throws InterruptedException {
        while (batcher.waiting() != length) {
            Thread.sleep(1);
        }
    }

    private static Future<String> asking(Batcher<Integer, String> batcher, int piece) {
        var asking = new FutureTask<>(() -> batcher.ask(piece));
        Thread.ofVirtual().start(asking);
        return asking;
    }

    private static String outcome(Future<String> asking) throws Exception {
        try {
            return asking.get(LONG.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (InterruptedException | BrokenBarrierException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void assertOverloaded(Batcher<Integer, String> batcher, int piece) {
        assertThatThrownBy(() -> batcher.ask(piece)).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).isEqualTo(ProblemCode.OVERLOADED);
            assertThat(problem.headers().getFirst("Retry-After")).isEqualTo("1");
        });
    }
}
