package productstore.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.postgresql.PGConnection;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.embedded.TestDatabase;
import productstore.platform.Database.FairGate;

/** Statements are measured under their names, whichever way they are sent. */
@Timeout(60)
class OperationsTest {
    private static final Tracer NO_TRACES = TracerProvider.noop().get("test");
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private FairGate gate;
    private JdbcClient db;

    @BeforeEach
    void open() {
        var address = TestDatabase.create();
        var config = new HikariConfig();
        config.setJdbcUrl(address.url());
        config.setUsername(address.user());
        config.setPassword(address.password());
        config.setMaximumPoolSize(1 + FairGate.SPARE);
        config.addDataSourceProperty("reWriteBatchedInserts", "true");
        gate = new FairGate(new HikariDataSource(config), 1, 1, Duration.ofSeconds(30), registry, NO_TRACES);
        db = JdbcClient.create(gate);
        db.sql("/* thing.create */ CREATE TABLE thing (id int PRIMARY KEY, name text)")
                .update();
    }

    @AfterEach
    void close() {
        gate.close();
    }

    @Test
    void eachStatementCountsUnderItsName() {
        db.sql("""
                /* thing.insert */
                INSERT INTO thing VALUES (:id, :name)
                """).param("id", 1).param("name", "one").update();
        for (int n = 0; n < 3; n++) {
            db.sql("/* thing.find */ SELECT name FROM thing WHERE id = :id")
                    .param("id", 1)
                    .query(String.class)
                    .single();
        }
        assertThat(count("thing.create")).isEqualTo(1);
        assertThat(count("thing.insert")).isEqualTo(1);
        assertThat(count("thing.find")).isEqualTo(3);
        assertThat(count("unnamed")).isZero();
        assertThat(errors("thing.find")).isZero();
    }

    @Test
    void theTimeIsThatOfTheStatementAndNotOfTheWaitForAConnection() throws Exception {
        var held = gate.getConnection();
        var asking = Thread.ofVirtual()
                .start(() -> db.sql("/* thing.sleep */ SELECT true FROM pg_sleep(0.2)")
                        .query(Boolean.class)
                        .single());
        Thread.sleep(1500);
        held.close();
        assertThat(asking.join(Duration.ofSeconds(20))).isTrue();
        assertThat(timer("thing.sleep").totalTime(TimeUnit.MILLISECONDS)).isBetween(200.0, 1400.0);
        assertThat(registry.get("store.database.wait").timer().max(TimeUnit.MILLISECONDS))
                .isGreaterThan(1000);
    }

    @Test
    void aStatementThatFailsCountsAsBoth() {
        assertThatThrownBy(() -> db.sql("/* thing.fail */ SELECT 1 / :zero")
                        .param("zero", 0)
                        .query(Integer.class)
                        .single())
                .isInstanceOf(DataAccessException.class);
        assertThat(count("thing.fail")).isEqualTo(1);
        assertThat(errors("thing.fail")).isEqualTo(1);
    }

    @Test
    void commitsAndRollbacksCount() {
        var transaction = new TransactionTemplate(new JdbcTransactionManager(gate));
        transaction.executeWithoutResult(
                _ -> db.sql("/* thing.insert */ INSERT INTO thing VALUES (1)").update());
        transaction.executeWithoutResult(status -> {
            db.sql("/* thing.insert */ INSERT INTO thing VALUES (2)").update();
            status.setRollbackOnly();
        });
        assertThat(count("commit")).isEqualTo(1);
        assertThat(count("rollback")).isEqualTo(1);
        assertThat(db.sql("/* thing.count */ SELECT count(*) FROM thing")
                        .query(Integer.class)
                        .single())
                .isEqualTo(1);
    }

    @Test
    void aBatchCountsOnceUnderItsName() throws SQLException {
        new JdbcTemplate(gate)
                .batchUpdate(
                        "/* thing.batch */ INSERT INTO thing VALUES (?, ?)",
                        List.of(new Object[] {1, "one"}, new Object[] {2, "two"}, new Object[] {3, "three"}));
        try (var connection = gate.getConnection();
                var statement = connection.createStatement()) {
            statement.addBatch("/* thing.first */ DELETE FROM thing WHERE id = 1");
            statement.addBatch("/* thing.second */ DELETE FROM thing WHERE id = 2");
            assertThat(statement.executeBatch()).containsExactly(1, 1);
        }
        assertThat(count("thing.batch")).isEqualTo(1);
        assertThat(count("thing.first")).isEqualTo(1);
        assertThat(registry.find("db.client.operation.duration")
                        .tag("operation", "thing.second")
                        .timer())
                .isNull();
    }

    @Test
    void rowsThatAreCopiedInCountUnderTheirTable() throws SQLException {
        try (var connection = gate.getConnection()) {
            assertThat(connection.isWrapperFor(PGConnection.class)).isTrue();
            try (var rows = new CopyRows(connection, "thing (id, name)")) {
                rows.add(1).add("one").end();
                rows.finish();
            }
            try (var rows = new CopyRows(connection, "thing")) {
                rows.add(1).add("one again").end();
                assertThatThrownBy(rows::finish).isInstanceOf(SQLException.class);
            }
        }
        assertThat(count("copy.thing")).isEqualTo(2);
        assertThat(errors("copy.thing")).isEqualTo(1);
    }

    @Test
    void whatIsNoNameIsUnnamed() {
        var operations = new Operations(registry, NO_TRACES);
        var unnamed = operations.of("SELECT 1");
        for (var sql : List.of(
                "",
                "/* */ SELECT 1",
                "/* One.Two */ SELECT 1",
                "/* one */ SELECT 1",
                "/* one.two",
                "/*one.two*/ SELECT 1")) {
            assertThat(operations.of(sql)).as(sql).isSameAs(unnamed);
        }
        assertThat(operations.of("/* one.two */ SELECT 1"))
                .isNotSameAs(unnamed)
                .isSameAs(operations.of("/* one.two */ SELECT 2"));
    }

    @Test
    void namesThatSomebodyMakesUpDoNotGrowForEver() {
        var operations = new Operations(registry, NO_TRACES);
        IntStream.range(0, 10_000)
                .mapToObj(n -> Integer.toString(n, 26).chars().map(c -> Character.isDigit(c) ? c - '0' + 'q' : c))
                .map(letters ->
                        letters.collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append))
                .forEach(name -> operations.of("/* made." + name + " */ SELECT 1"));
        assertThat(names()).hasSizeBetween(500, 510);
    }

    @Test
    void theWayMayBeLookedBehind() throws SQLException {
        try (Connection connection = gate.getConnection();
                var statement = connection.prepareStatement("/* thing.find */ SELECT name FROM thing")) {
            assertThat(connection.unwrap(PGConnection.class).getBackendPID()).isPositive();
            assertThat(statement.getConnection()).isSameAs(connection);
            assertThat(statement.isWrapperFor(org.postgresql.PGStatement.class)).isTrue();
            assertThatThrownBy(() -> connection.prepareCall("CALL nothing()")).isInstanceOf(SQLException.class);
        }
    }

    private Set<String> names() {
        var names = new TreeSet<String>();
        registry.find("db.client.operation.duration")
                .timers()
                .forEach(timer -> names.add(timer.getId().getTag("operation")));
        return names;
    }

    private long count(String operation) {
        return timer(operation).count();
    }

    private Timer timer(String operation) {
        return registry.get("db.client.operation.duration")
                .tag("operation", operation)
                .timer();
    }

    private double errors(String operation) {
        return registry.get("db.client.operation.errors")
                .tag("operation", operation)
                .counter()
                .count();
    }
}
