package productstore.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import productstore.embedded.TestDatabase;
import productstore.platform.Database.FairGate;

@Timeout(60)
class FairGateTest {
    private static final Tracer NO_TRACES = TracerProvider.noop().get("test");
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void aConnectionThatIsClosedTwiceLeavesOnce() throws SQLException {
        try (var gate = gate(1, 0, LONG)) {
            var first = gate.getConnection();
            first.close();
            first.close();
            try (var second = gate.getConnection()) {
                assertThat(second.isValid(5)).isTrue();
                // Were two permits back, this one would be let in.
                assertRefused(gate);
            }
            gate.getConnection().close();
        }
    }

    @Test
    void aConnectionThatWasLostLeavesToo() throws SQLException {
        try (var gate = gate(1, 0, LONG)) {
            for (int n = 0; n < 5; n++) {
                try (var connection = gate.getConnection();
                        var statement = connection.createStatement()) {
                    assertThatThrownBy(() -> statement.execute("SELECT pg_terminate_backend(pg_backend_pid())"))
                            .isInstanceOf(SQLException.class);
                }
            }
            gate.getConnection().close();
        }
    }

    @Test
    void whoGetsNoConnectionLeavesTheGate() {
        var nowhere = new HikariConfig();
        nowhere.setJdbcUrl("jdbc:postgresql://127.0.0.1:1/nothing");
        nowhere.setConnectionTimeout(250);
        nowhere.setInitializationFailTimeout(-1);
        try (var gate = new FairGate(new HikariDataSource(nowhere), 1, 0, LONG, new SimpleMeterRegistry(), NO_TRACES)) {
            for (int n = 0; n < 3; n++) {
                assertThatThrownBy(gate::getConnection).isInstanceOf(SQLException.class);
            }
        }
    }

    @Test
    void whoIsInterruptedLeavesTheQueueAndTakesNothing() throws Exception {
        try (var gate = gate(1, 1, LONG)) {
            var refusal = new AtomicReference<@Nullable Throwable>();
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                var waiting = waiting(() -> refusal.set(refusalOf(gate)));
                waiting.interrupt();
                assertThat(waiting.join(LONG)).isTrue();
            }
            assertThat(refusal.get())
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(ProblemCode.OVERLOADED));
            gate.getConnection().close();
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                assertThat(waiting(() -> refusalOf(gate)).isAlive())
                        .as("the queue has its place again")
                        .isTrue();
            }
        }
    }

    @Test
    void whoWaitedTooLongIsTurnedAwayAndTakesNothing() throws SQLException {
        try (var gate = gate(1, 10, Duration.ofMillis(50))) {
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                assertRefused(gate);
                assertRefused(gate);
            }
            gate.getConnection().close();
        }
    }

    @Test
    void oneMoreThanTheQueueHoldsIsTurnedAwayAtOnce() throws Exception {
        try (var gate = gate(1, 2, LONG)) {
            var waiting = new ArrayList<Thread>();
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                for (int n = 0; n < 2; n++) {
                    waiting.add(waiting(() -> assertThat(refusalOf(gate)).isNull()));
                }
                assertRefused(gate);
                // The gate is full, yet somebody can still ask after the database's health.
                try (var spare = gate.getSpareConnection()) {
                    assertThat(spare.isValid(5)).isTrue();
                }
            }
            for (var thread : waiting) {
                assertThat(thread.join(LONG)).isTrue();
            }
        }
    }

    @Test
    void theyAreLetInInTheOrderTheyCame() throws Exception {
        try (var gate = gate(1, 10, LONG)) {
            var order = new CopyOnWriteArrayList<Integer>();
            var waiting = new ArrayList<Thread>();
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                for (int n = 0; n < 8; n++) {
                    int number = n;
                    waiting.add(waiting(() -> {
                        try (Connection connection = gate.getConnection()) {
                            order.add(number);
                            assertThat(connection.isValid(5)).isTrue();
                        } catch (SQLException e) {
                            throw new IllegalStateException(e);
                        }
                    }));
                }
            }
            for (var thread : waiting) {
                assertThat(thread.join(LONG)).isTrue();
            }
            assertThat(order).isEqualTo(List.of(0, 1, 2, 3, 4, 5, 6, 7));
        }
    }

    @Test
    void waitsAndRefusalsAreCounted() throws Exception {
        var registry = new SimpleMeterRegistry();
        try (var gate = gate(1, 1, LONG, registry)) {
            assertThat(registry.get("store.database.refused").counter().count()).isZero();
            Thread waiting;
            try (var held = gate.getConnection()) {
                assertThat(held.isValid(5)).isTrue();
                waiting = waiting(() -> assertThat(refusalOf(gate)).isNull());
                assertThat(registry.get("store.database.waiting").gauge().value())
                        .isEqualTo(1);
                assertRefused(gate);
                Thread.sleep(50);
            }
            assertThat(waiting.join(LONG)).isTrue();
            assertThat(registry.get("store.database.waiting").gauge().value()).isZero();
            assertThat(registry.get("store.database.refused").counter().count()).isEqualTo(1);
            var waits = registry.get("store.database.wait").timer();
            assertThat(waits.count())
                    .as("the one let in at once, the one that waited, the one refused")
                    .isEqualTo(3);
            assertThat(waits.totalTime(TimeUnit.MILLISECONDS)).isBetween(50.0, 10_000.0);
        }
    }

    private static FairGate gate(int connections, int queue, Duration wait) {
        return gate(connections, queue, wait, new SimpleMeterRegistry());
    }

    private static FairGate gate(int connections, int queue, Duration wait, MeterRegistry registry) {
        var database = TestDatabase.create();
        var config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(connections + FairGate.SPARE);
        config.setMinimumIdle(1);
        return new FairGate(new HikariDataSource(config), connections, queue, wait, registry, NO_TRACES);
    }

    private static void assertRefused(FairGate gate) {
        assertThatThrownBy(gate::getConnection).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).isEqualTo(ProblemCode.OVERLOADED);
            assertThat(problem.headers().getFirst("Retry-After")).isEqualTo("1");
        });
    }

    /** Why no connection was had; null if one was. */
    private static @Nullable Throwable refusalOf(FairGate gate) {
        try {
            gate.getConnection().close();
            return null;
        } catch (SQLException | RuntimeException e) {
            return e;
        }
    }

    /** A thread that has come as far as the gate's queue. */
    private static Thread waiting(Runnable work) throws InterruptedException {
        var thread = Thread.ofPlatform().daemon().start(work);
        while (thread.getState() != Thread.State.TIMED_WAITING && thread.isAlive()) {
            Thread.sleep(5);
        }
        return thread;
    }
}
