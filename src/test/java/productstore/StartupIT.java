package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import productstore.embedded.ClusterProcesses;
import productstore.embedded.TestDatabase;

/** The program from its start to its end, with right and wrong settings. */
class StartupIT {
    @TempDir
    Path scratch;

    @Test
    void itStartsSaysThePasswordOnceAndLeavesNoProcess() throws Exception {
        try (StoreProcess first = StoreProcess.start(scratch, Map.of()).ready()) {
            Path file = scratch.resolve("data/admin-password.txt");
            String password = Files.readString(file).strip();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
            awaitWelcome(first);
            assertThat(first.out())
                    .contains("admin@store.local", password, "/api/docs", "/metrics")
                    .contains("curl");
            assertThat(StoreProcess.status("http://localhost:" + first.port + "/api/products/"))
                    .isEqualTo(200);
            everyCounterOfOursIsThereAtZero(first);
            aSecondStoreOnTheSameFolderIsRefused(first);
            first.process.destroy();
            assertThat(first.ended()).isEqualTo(143);
            assertThat(first.err()).isEmpty();
            assertThat(ClusterProcesses.below(scratch.resolve("data"))).isEmpty();
            try (StoreProcess second = StoreProcess.start(scratch, Map.of()).ready()) {
                awaitWelcome(second);
                assertThat(second.out()).doesNotContain(password).contains(file.toString());
            }
        }
    }

    /** One that is born at 1 is invisible to Prometheus' increase(). */
    private static void everyCounterOfOursIsThereAtZero(StoreProcess store) throws IOException {
        Scrape scrape = Scrape.of(store.managementPort);
        assertThat(MetricsTest.documented().keySet().stream().filter(name -> name.matches("store_\\w+_total")))
                .hasSizeGreaterThan(3)
                .allSatisfy(name -> {
                    assertThat(scrape.series(name)).as(name).isNotEmpty();
                    assertThat(scrape.sum(name)).as(name).isZero();
                });
    }

    private void aSecondStoreOnTheSameFolderIsRefused(StoreProcess first) throws Exception {
        assertRefused(
                Map.of(),
                "The data folder " + scratch.resolve("data") + " is in use by another store (process "
                        + first.process.pid() + "); stop that one, or set STORE_DATA_DIR to another folder.");
    }

    @Test
    void killedWithItsWholeGroupItLeavesNothingBehindAndStartsAgain() throws Exception {
        for (boolean wholeGroup : new boolean[] {false, true}) {
            try (StoreProcess store =
                    StoreProcess.start(scratch, Map.of(), "setsid").ready()) {
                String target = (wholeGroup ? "-" : "") + store.process.pid();
                new ProcessBuilder("sh", "-c", "kill -9 " + target).start().waitFor();
                assertThat(store.ended()).isEqualTo(137);
            }
        }
        try (StoreProcess again = StoreProcess.start(scratch, Map.of()).ready()) {
            assertThat(again.err()).isEmpty();
        }
        assertThat(ClusterProcesses.below(scratch.resolve("data"))).isEmpty();
    }

    @Test
    void wrongNumbersAndWordsAreRefused() throws Exception {
        assertRefused(Map.of("STORE_PORT", "http"), "STORE_PORT must be a number from 1 to 65535, not \"http\".");
        assertRefused(Map.of("STORE_DEMO", "yes"), "STORE_DEMO must be true or false, not \"yes\".");
    }

    @Test
    void proxiesAndReplicasThatAreNoneAreRefused() throws Exception {
        for (var wrong : new String[] {"proxy.local", "10.0.0.0/33", "10.0.0.1,", "10.0.0.1 10.0.0.2"}) {
            assertRefusedBeginning(
                    Map.of("STORE_TRUSTED_PROXIES", wrong),
                    "STORE_TRUSTED_PROXIES must be addresses and networks such as 192.0.2.7, 10.0.0.0/8; \"");
        }
        assertRefused(
                Map.of("STORE_DB_REPLICA_URL", "jdbc:postgresql://localhost/store"),
                "STORE_DB_REPLICA_URL is for replicas of a database of your own; set STORE_DB_URL too, or neither for"
                        + " the embedded one.");
        assertRefused(
                Map.of(
                        "STORE_DB_URL",
                        "jdbc:postgresql://localhost/store",
                        "STORE_DB_REPLICA_URL",
                        "jdbc:postgresql:store"),
                "STORE_DB_REPLICA_URL must be a JDBC address such as"
                        + " jdbc:postgresql://replica1:5432,replica2:5432/store.");
    }

    @Test
    void aTakenPortIsRefusedWhicheverItIs() throws Exception {
        try (ServerSocket taken = new ServerSocket(0)) {
            String port = Integer.toString(taken.getLocalPort());
            String sentence =
                    "Port " + port + " is taken by another program; stop that one, or set STORE_PORT (the API)"
                            + " or STORE_MANAGEMENT_PORT (metrics and health) to a free port.";
            assertRefused(Map.of("STORE_PORT", port), sentence);
            assertRefused(Map.of("STORE_MANAGEMENT_PORT", port), sentence);
        }
        assertThat(scratch.resolve("data")).doesNotExist();
    }

    @Test
    void aDataFolderThatCannotBeOneIsRefused() throws Exception {
        Path file = Files.writeString(scratch.resolve("file"), "");
        assertRefused(
                Map.of("STORE_DATA_DIR", file.toString()),
                "The data folder " + file + " is not a folder but a file; set STORE_DATA_DIR to a folder.");
        // Nobody may make files there, root included.
        assertRefusedBeginning(
                Map.of("STORE_DATA_DIR", "/proc/store"), "The data folder /proc/store cannot be written (");
    }

    @Test
    void aDatabaseOfOnesOwnThatCannotBeUsedIsRefused() throws Exception {
        TestDatabase.Address good = TestDatabase.create();
        assertRefused(
                Map.of("STORE_DB_URL", "mysql://localhost/store"),
                "STORE_DB_URL must be a JDBC address such as jdbc:postgresql://localhost:5432/store.");
        assertRefused(
                own(good, "STORE_DB_PASSWORD", "wrong"),
                "The database at " + place(good)
                        + " refuses the user \"store\"; check STORE_DB_USER and STORE_DB_PASSWORD.");
        assertRefused(
                own(good, "STORE_DB_URL", good.url() + "x"),
                "There is no such database at " + place(good) + "x; create it, or correct STORE_DB_URL.");
        assertRefused(
                own(good, "STORE_DB_URL", "jdbc:postgresql://127.0.0.1:1/store"),
                "The database at 127.0.0.1:1/store cannot be reached; check STORE_DB_URL and that PostgreSQL runs there.");
    }

    @Test
    void aDatabaseThatCannotHoldRussianIsRefused() throws Exception {
        TestDatabase.Address good = TestDatabase.create();
        execute(good, "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0");
        execute(good, "CREATE DATABASE c_locale ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0");
        String server = good.url().substring(0, good.url().lastIndexOf('/') + 1);
        assertRefused(
                own(good, "STORE_DB_URL", server + "ascii"),
                "The database at " + server.substring("jdbc:postgresql://".length())
                        + "ascii is encoded in SQL_ASCII; create one with ENCODING 'UTF8'.");
        assertRefused(
                own(good, "STORE_DB_URL", server + "c_locale"),
                "The database at " + server.substring("jdbc:postgresql://".length())
                        + "c_locale has a locale that does not know Russian letters; create one with LOCALE 'C.UTF-8' and"
                        + " TEMPLATE template0.");
    }

    @Test
    void aDatabaseThatIsNewerOrSomebodyElsesIsRefused() throws Exception {
        TestDatabase.Address newer = TestDatabase.create();
        Flyway.configure()
                .dataSource(newer.url(), newer.user(), newer.password())
                .load()
                .migrate();
        execute(newer, """
                INSERT INTO flyway_schema_history
                    (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
                VALUES (9999, '9999', 'contract sku', 'SQL', 'V9999__contract_sku.sql', 1, 'x', 1, true)
                """);
        assertRefused(
                own(newer, "STORE_DEMO", "false"),
                "The database was made by a newer Product Store (its schema is at version 9999);"
                        + " start that version or a newer one.");
        TestDatabase.Address foreign = TestDatabase.create();
        execute(foreign, "CREATE TABLE somebody_elses (n int)");
        assertRefused(
                own(foreign, "STORE_DEMO", "false"),
                "The database holds tables that are not the store's; set STORE_DB_URL to an empty one.");
    }

    /** One sentence on stderr, nothing on stdout, exit code 1. */
    private void assertRefused(Map<String, String> settings, String sentence) throws Exception {
        try (StoreProcess store = StoreProcess.start(scratch, settings)) {
            int code = store.ended();
            assertThat(store.err()).isEqualTo(sentence + "\n");
            assertThat(store.out()).isEmpty();
            assertThat(code).isEqualTo(1);
        }
    }

    private void assertRefusedBeginning(Map<String, String> settings, String words) throws Exception {
        try (StoreProcess store = StoreProcess.start(scratch, settings)) {
            int code = store.ended();
            assertThat(store.err()).startsWith(words).hasLineCount(1);
            assertThat(code).isEqualTo(1);
        }
    }

    /** The health turns good a moment before the words are out. */
    private static void awaitWelcome(StoreProcess store) throws InterruptedException {
        for (int tries = 0; tries < 200 && !store.out().contains("Ctrl-C"); tries++) {
            Thread.sleep(50);
        }
    }

    private static Map<String, String> own(TestDatabase.Address database, String name, String value) {
        Map<String, String> settings = new HashMap<>();
        settings.put("STORE_DB_URL", database.url());
        settings.put("STORE_DB_USER", database.user());
        settings.put("STORE_DB_PASSWORD", database.password());
        settings.put(name, value);
        return settings;
    }

    private static String place(TestDatabase.Address database) {
        return database.url().substring("jdbc:postgresql://".length());
    }

    private static void execute(TestDatabase.Address database, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
