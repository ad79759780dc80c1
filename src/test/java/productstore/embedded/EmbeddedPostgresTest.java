package productstore.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedPostgresTest {
    private static final Path BINARIES = Path.of("target/postgres-binaries").toAbsolutePath();

    @TempDir
    Path dataDir;

    private EmbeddedPostgres start() {
        return EmbeddedPostgres.start(dataDir, BINARIES);
    }

    @Test
    void everyCommitIsOnDiskBeforeItIsAnswered() throws SQLException {
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            assertThat(value(connection, "SHOW fsync")).isEqualTo("on");
            assertThat(value(connection, "SHOW synchronous_commit")).isEqualTo("on");
            assertThat(value(connection, "SHOW full_page_writes")).isEqualTo("on");
            assertThat(value(connection, "SHOW data_checksums")).isEqualTo("on");
            assertThat(value(connection, "SHOW server_encoding")).isEqualTo("UTF8");
            assertThat(value(connection, "SHOW log_timezone")).isEqualTo("UTC");
            assertThat(value(connection, "SHOW listen_addresses")).isEqualTo("127.0.0.1");
            assertThat(value(connection, "SELECT lower('ФРУКТЫ Ё')")).isEqualTo("фрукты ё");
            assertThat(value(connection, "SELECT 'Сыр' ~* '^сыр$'")).isEqualTo("t");
        }
    }

    @Test
    void whatEachStatementCostsIsCounted() throws SQLException {
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            for (int time = 1; time <= 3; time++) {
                execute(connection, "SELECT 'ягода' AS counted");
            }
            assertThat(value(connection, "SELECT calls FROM pg_stat_statements WHERE query LIKE '%AS counted'"))
                    .isEqualTo("3");
        }
    }

    @Test
    void durabilityCannotBeSwitchedOffFromInside() throws SQLException {
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            execute(connection, "ALTER SYSTEM SET fsync = off");
        }
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            assertThat(value(connection, "SHOW fsync")).isEqualTo("on");
        }
    }

    @Test
    void dataIsKeptFromStartToStartAndNoProcessStays() throws Exception {
        long first;
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            first = postgres.pid();
            execute(connection, "CREATE TABLE kept (word text)");
            execute(connection, "INSERT INTO kept VALUES ('ягода')");
        }
        assertThat(ProcessHandle.of(first)).isEmpty();
        assertThat(ClusterProcesses.below(dataDir)).isEmpty();
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            assertThat(value(connection, "SELECT word FROM kept")).isEqualTo("ягода");
        }
    }

    @Test
    void onlyTheRightPasswordGetsInAndOnlyItsOwnerReadsIt() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            assertThatThrownBy(() -> DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), "guess"))
                    .isInstanceOf(SQLException.class)
                    .hasMessageContaining("password authentication failed");
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dataDir.resolve("postgres/password"))))
                .isEqualTo("rw-------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dataDir.resolve("postgres/18"))))
                .isEqualTo("rwx------");
    }

    @Test
    void aSecondStoreOnTheFolderIsRefusedAndACommandUsesTheFirstOnes() throws SQLException {
        try (EmbeddedPostgres postgres = start()) {
            assertThatThrownBy(this::start)
                    .isInstanceOf(CannotStart.class)
                    .hasMessageContaining("in use by another store")
                    .hasMessageContaining(Long.toString(ProcessHandle.current().pid()));
            try (EmbeddedPostgres attached = EmbeddedPostgres.attach(dataDir);
                    Connection connection = connect(attached)) {
                assertThat(attached.jdbcUrl()).isEqualTo(postgres.jdbcUrl());
                assertThat(value(connection, "SELECT 1")).isEqualTo("1");
            }
            try (Connection connection = connect(postgres)) {
                assertThat(value(connection, "SELECT 2")).isEqualTo("2");
            }
        }
        start().close();
    }

    @Test
    void aServerThatIsKilledComesBackByItselfOnTheSamePort() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            try (Connection connection = connect(postgres)) {
                execute(connection, "CREATE TABLE kept (n int)");
                execute(connection, "INSERT INTO kept VALUES (7)");
            }
            for (int time = 1; time <= 2; time++) {
                long killed = postgres.pid();
                Commands.signal("KILL", killed);
                awaitAnother(postgres, killed);
                try (Connection connection = connect(postgres)) {
                    assertThat(value(connection, "SELECT n FROM kept")).isEqualTo("7");
                }
            }
        }
        assertThat(ClusterProcesses.below(dataDir)).isEmpty();
    }

    @Test
    void aBackendInALongStatementDoesNotHoldUpTheWayBack() throws Exception {
        try (EmbeddedPostgres postgres = start();
                Connection busy = connect(postgres)) {
            Thread statement = Thread.ofPlatform().start(() -> {
                try {
                    execute(busy, "SELECT count(*) FROM generate_series(1, 100000000000)");
                } catch (SQLException e) {
                    // This is the end the test brings about.
                }
            });
            Thread.sleep(500);
            long killed = postgres.pid();
            Commands.signal("KILL", killed);
            awaitAnother(postgres, killed);
            connect(postgres).close();
            statement.join();
        }
        assertThat(ClusterProcesses.below(dataDir)).isEmpty();
    }

    @Test
    void aDatabaseThatWasOnlyHalfMadeIsMadeAnew() throws Exception {
        Path unfinished = dataDir.resolve("postgres/initdb-123/files");
        Files.createDirectories(unfinished);
        Files.writeString(unfinished.resolve("PG_VERSION"), "18\n");
        Files.writeString(dataDir.resolve("postgres/password"), "of the half-made one");
        try (EmbeddedPostgres postgres = start();
                Connection connection = connect(postgres)) {
            assertThat(value(connection, "SELECT 1")).isEqualTo("1");
        }
        assertThat(unfinished).doesNotExist();
    }

    @Test
    void aPidFileOfTheDeadIsNoObstacleEvenWhenItsNumberWasGivenToAnother() throws Exception {
        start().close();
        Path pidFile = dataDir.resolve("postgres/18/postmaster.pid");
        Process stranger = new ProcessBuilder("sleep", "60").start();
        try {
            Files.writeString(pidFile, stranger.pid() + "\n" + dataDir.resolve("postgres/18") + "\n1\n1\n\n\n");
            try (EmbeddedPostgres postgres = start();
                    Connection connection = connect(postgres)) {
                assertThat(value(connection, "SELECT 1")).isEqualTo("1");
            }
            assertThat(stranger.isAlive()).isTrue();
        } finally {
            stranger.destroyForcibly();
        }
    }

    @Test
    void aDataFolderThatIsAFileIsRefusedInASentence() throws Exception {
        Path file = Files.writeString(dataDir.resolve("file"), "");
        assertThatThrownBy(() -> EmbeddedPostgres.start(file, BINARIES))
                .isInstanceOf(CannotStart.class)
                .hasMessage("The data folder " + file + " is not a folder but a file; set STORE_DATA_DIR to a folder.");
    }

    private static void awaitAnother(EmbeddedPostgres postgres, long killed) throws InterruptedException {
        Instant limit = Instant.now().plus(Duration.ofSeconds(20));
        while (postgres.pid() == killed) {
            assertThat(Instant.now()).as("PostgreSQL is back within 20 s").isBefore(limit);
            Thread.sleep(20);
        }
    }

    private static Connection connect(EmbeddedPostgres postgres) throws SQLException {
        return DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password());
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String value(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            assertThat(row.next()).isTrue();
            return row.getString(1);
        }
    }
}
