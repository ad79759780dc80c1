package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;
import productstore.embedded.ClusterProcesses;
import productstore.embedded.Dump;
import productstore.embedded.EmbeddedPostgres;
import productstore.embedded.TestDatabase;

/** The embedded database kept as one file and brought back, while people order, after kills, and where it must not be. */
@Timeout(400)
class BackupIT {
    private static final String EMAIL = "anna@example.com";
    private static final String PASSWORD = "correct horse battery";
    private static final int STOCK = 1_000_000;
    private static final int BUYERS = 6;
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @TempDir
    private Path scratch = Path.of("");

    private static Client anyone(StoreProcess store) {
        return new Client("http://127.0.0.1:" + store.port, null);
    }

    private static Client signIn(StoreProcess store, String email, String password) {
        return anyone(store)
                .as(anyone(store)
                        .post("/api/auth/login", Map.of("email", email, "password", password))
                        .ok()
                        .string("access_token"));
    }

    /** With the password that was made at the first start. */
    private Client admin(StoreProcess store, String folder) throws IOException {
        return signIn(
                store,
                "admin@store.local",
                Files.readString(scratch.resolve(folder).resolve("admin-password.txt"))
                        .strip());
    }

    private Map<String, String> on(String folder) {
        return Map.of("STORE_DATA_DIR", scratch.resolve(folder).toString(), "STORE_RATE_LIMIT", "off");
    }

    private StoreProcess run(String folder) throws InterruptedException {
        return StoreProcess.start(scratch, on(folder)).ready();
    }

    private record Ended(int code, String out, String err) {}

    private Ended command(Map<String, String> settings, String... words) throws InterruptedException {
        try (var command = StoreProcess.command(scratch, settings, words)) {
            int code = command.ended();
            return new Ended(code, command.out(), command.err());
        }
    }

    private Ended succeed(String folder, String... words) throws InterruptedException {
        Ended ended = command(on(folder), words);
        assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
        assertThat(ended.err()).isEmpty();
        return ended;
    }

    private void assertRefused(Map<String, String> settings, String sentence, String... words)
            throws InterruptedException {
        Ended ended = command(settings, words);
        assertThat(ended.err()).contains(sentence).hasLineCount(1);
        assertThat(ended.code()).isEqualTo(1);
    }

    private Path backupFile(String name) throws IOException {
        return Files.createDirectories(scratch.resolve("backups")).resolve(name);
    }

    private List<Path> backups() throws IOException {
        try (Stream<Path> files = Files.list(scratch.resolve("backups"))) {
            return files.toList();
        }
    }

    /** A product that can be ordered often; its id. Anna is registered too. */
    private String furnish(StoreProcess store) throws IOException {
        var admin = admin(store, "data");
        var category =
                admin.post("/api/categories", Map.of("name", "Хлеб")).created().string("id");
        anyone(store)
                .post("/api/auth/register", Map.of("email", EMAIL, "password", PASSWORD, "name", "Анна"))
                .created();
        return admin.post(
                        "/api/products",
                        Map.of(
                                "sku",
                                "bread",
                                "name",
                                "Хлеб",
                                "category",
                                category,
                                "price",
                                Map.of("amount", "50.00", "currency", "RUB"),
                                "stock",
                                STOCK))
                .created()
                .string("id");
    }

    private static String order(Client customer, String product) {
        return customer.post("/api/orders", Map.of("items", List.of(Map.of("product_id", product, "quantity", 1))))
                .created()
                .string("id");
    }

    private static Set<String> orders(Client customer) {
        var found = new ArrayList<String>();
        var cursor = "";
        do {
            var page = customer.get("/api/orders?limit=100" + cursor).ok().body();
            page.get("items").forEach(order -> {
                assertThat(order.get("items")).hasSize(1);
                assertThat(order.get("history")).hasSize(1);
                found.add(order.get("id").asString());
            });
            cursor = page.get("next_cursor").isNull()
                    ? ""
                    : "&cursor=" + page.get("next_cursor").asString();
        } while (!cursor.isEmpty());
        assertThat(found).doesNotHaveDuplicates();
        return new HashSet<>(found);
    }

    private static int stock(StoreProcess store, String product) {
        return anyone(store)
                .get("/api/products/" + product)
                .ok()
                .body()
                .get("stock")
                .asInt();
    }

    @Test
    void whileEverybodyOrdersItHoldsAllThatWasAnsweredBefore() throws Exception {
        Path file = backupFile("shop.tar.gz");
        Set<String> all = ConcurrentHashMap.newKeySet();
        var before = new AtomicReference<Set<String>>(Set.of());
        String product;
        String late;
        try (var store = run("data")) {
            product = furnish(store);
            var customer = signIn(store, EMAIL, PASSWORD);
            var over = new AtomicBoolean();
            Race.of(BUYERS + 1, LIMIT, n -> {
                if (n < BUYERS) {
                    while (!over.get()) {
                        all.add(order(customer, product));
                    }
                    return;
                }
                try {
                    while (all.size() < 200) {
                        Shoppers.pause(20);
                    }
                    before.set(Set.copyOf(all));
                    Ended made = succeed("data", "backup", file.toString());
                    assertThat(made.out())
                            .contains("copying the database", "Backed up 1 products and ", file.toString());
                } finally {
                    over.set(true);
                }
            });
            late = order(customer, product);
        }
        assertThat(all).hasSizeGreaterThan(before.get().size());
        assertThat(backups()).containsExactly(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");

        Ended restored = succeed("restored", "restore", file.toString());
        assertThat(restored.out()).contains("1 products, ", "All stock agrees with the ledger and the orders.");
        assertThat(ClusterProcesses.below(scratch.resolve("restored/restoring")))
                .isEmpty();
        try (var store = run("restored")) {
            assertThat(store.err()).isEmpty();
            var customer = signIn(store, EMAIL, PASSWORD);
            var there = orders(customer);
            assertThat(there).containsAll(before.get()).doesNotContain(late);
            var everything = new HashSet<>(all);
            assertThat(everything).containsAll(there);
            assertThat(stock(store, product)).isEqualTo(STOCK - there.size());
            assertThat(admin(store, "restored")
                            .get("/api/inventory/audit")
                            .ok()
                            .body()
                            .get("items"))
                    .isEmpty();
            order(customer, product);
            assertThat(orders(customer)).hasSize(there.size() + 1);
        }
    }

    @Test
    void ofAStoppedStoreItIsTheSameToTheLastRow() throws Exception {
        String product;
        try (var store = run("data")) {
            product = furnish(store);
            order(signIn(store, EMAIL, PASSWORD), product);
        }
        Path folder = backupFile("x").getParent();
        succeed("data", "backup", String.valueOf(folder));
        assertThat(ClusterProcesses.below(scratch.resolve("data"))).isEmpty();
        assertThat(backups()).hasSize(1);
        Path file = backups().getFirst();
        assertThat(String.valueOf(file.getFileName())).matches("product-store-\\d{8}T\\d{6}Z\\.tar\\.gz");
        succeed("restored", "restore", file.toString());
        assertThat(rows("restored")).isEqualTo(rows("data"));
        assertThat(scratch.resolve("restored/admin-password.txt"))
                .hasSameTextualContentAs(scratch.resolve("data/admin-password.txt"));

        // Stock that is wrong in the store is wrong in what was restored of it, and that is said.
        try (var postgres = EmbeddedPostgres.start(scratch.resolve("data"))) {
            execute(postgres, "UPDATE stock SET quantity = quantity + 1");
        }
        Path drifted = backupFile("drifted.tar.gz");
        succeed("data", "backup", drifted.toString());
        Ended restored = command(on("drifted"), "restore", drifted.toString());
        assertThat(restored.out()).contains("1 products have a stock that ledger and orders don't agree with");
        assertThat(restored.code()).isEqualTo(2);

        try (var postgres = EmbeddedPostgres.start(scratch.resolve("data"))) {
            execute(postgres, """
                    INSERT INTO flyway_schema_history
                        (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
                    VALUES (9999, '9999', 'contract sku', 'SQL', 'V9999__contract_sku.sql', 1, 'x', 1, true)
                    """);
        }
        Path newer = backupFile("newer.tar.gz");
        succeed("data", "backup", newer.toString());
        assertRefused(
                on("newer"),
                "The database was made by a newer Product Store (its schema is at version 9999)",
                "restore",
                newer.toString());
        assertThat(scratch.resolve("newer/postgres")).doesNotExist();
        assertThat(scratch.resolve("newer/restoring")).doesNotExist();
    }

    private Map<String, String> rows(String folder) {
        try (var postgres = EmbeddedPostgres.start(scratch.resolve(folder))) {
            var source = new PGSimpleDataSource();
            source.setUrl(postgres.jdbcUrl());
            source.setUser(postgres.user());
            source.setPassword(postgres.password());
            return Dump.of(source);
        }
    }

    private static void execute(EmbeddedPostgres postgres, String sql) throws SQLException {
        try (Connection connection =
                        DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Test
    void whatMustNotBeIsRefusedInASentence() throws Exception {
        Path file = backupFile("shop.tar.gz");
        assertRefused(on("data"), "holds no database", "backup", file.toString());
        assertThat(scratch.resolve("data")).doesNotExist();
        assertRefused(on("data"), "There is no file " + file, "restore", file.toString());
        try (var store = run("data")) {
            furnish(store);
            succeed("data", "backup", file.toString());
            byte[] whole = Files.readAllBytes(file);
            assertRefused(on("data"), file + " is there already and is not overwritten", "backup", file.toString());
            assertThat(Files.readAllBytes(file)).isEqualTo(whole);
            assertRefused(
                    on("data"),
                    "would be lost with it",
                    "backup",
                    scratch.resolve("data/shop.tar.gz").toString());
            assertRefused(on("data"), "is in use by another store", "restore", file.toString());
            assertRefused(
                    on("data"),
                    "is not there; make the folder first",
                    "backup",
                    scratch.resolve("nowhere/shop.tar.gz").toString());
        }
        assertRefused(on("data"), "nothing there is overwritten", "restore", file.toString());
        TestDatabase.Address own = TestDatabase.create();
        for (String verb : List.of("backup", "restore")) {
            assertRefused(
                    Map.of("STORE_DB_URL", own.url(), "STORE_DB_USER", own.user(), "STORE_DB_PASSWORD", own.password()),
                    "is backed up and restored with PostgreSQL's own tools, as docs/backup.md shows.",
                    verb,
                    file.toString());
        }
    }

    @Test
    void killedHalfWayItLeavesNoFileThatLooksWhole() throws Exception {
        try (var store = run("data")) {
            var product = furnish(store);
            var file = backupFile("shop.tar.gz");
            for (boolean rudely : new boolean[] {true, false}) {
                try (var command = StoreProcess.command(scratch, on("data"), "backup", file.toString())) {
                    while (command.process.isAlive()
                            && backups().stream().noneMatch(part -> isPartOf(part, command.process))) {
                        Thread.onSpinWait();
                    }
                    assertThat(command.process.isAlive())
                            .as(command.out() + command.err())
                            .isTrue();
                    if (rudely) {
                        command.process.destroyForcibly();
                    } else {
                        command.process.destroy();
                    }
                    assertThat(command.ended()).isEqualTo(rudely ? 137 : 143);
                }
                assertThat(file).doesNotExist();
                // Only what was killed without a word leaves its draft.
                assertThat(backups()).hasSize(1);
                assertThat(String.valueOf(backups().getFirst())).endsWith(".part");
            }
            awaitNoSlot();
            succeed("data", "backup", file.toString());
            order(signIn(store, EMAIL, PASSWORD), product);
        }
    }

    /** A file that is being written: one that an earlier process left does not grow. */
    private static boolean isPartOf(Path part, Process process) {
        try {
            return Files.getLastModifiedTime(part)
                            .toInstant()
                            .isAfter(process.info().startInstant().orElseThrow())
                    && Files.size(part) > 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** Else the server would keep its log for ever. */
    private void awaitNoSlot() throws SQLException {
        try (var postgres = EmbeddedPostgres.attach(scratch.resolve("data"));
                Connection connection =
                        DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password());
                Statement statement = connection.createStatement()) {
            for (int tries = 0; ; tries++) {
                try (ResultSet row = statement.executeQuery("SELECT count(*) FROM pg_replication_slots")) {
                    row.next();
                    if (row.getInt(1) == 0) {
                        return;
                    }
                }
                assertThat(tries).as("looks for the slot of a killed backup").isLessThan(100);
                Shoppers.pause(100);
            }
        }
    }

    @Test
    void killedHalfWayARestoreLeavesNoFolderThatAStoreWouldStartOn() throws Exception {
        var file = backupFile("shop.tar.gz");
        String product;
        try (var store = run("data")) {
            product = furnish(store);
            succeed("data", "backup", file.toString());
        }
        Path restoring = scratch.resolve("restored/restoring");
        // In the middle of the unpacking, and while the server tries out what is there.
        for (String sign : List.of("postgres/18/global", "postgres/18/postmaster.pid")) {
            try (var command = StoreProcess.command(scratch, on("restored"), "restore", file.toString())) {
                while (command.process.isAlive() && Files.notExists(restoring.resolve(sign))) {
                    Thread.onSpinWait();
                }
                assertThat(command.process.isAlive())
                        .as(command.out() + command.err())
                        .isTrue();
                command.process.destroyForcibly();
                assertThat(command.ended()).isEqualTo(137);
            }
            assertRefused(on("restored"), "has not come to its end; give ./store restore again", "run");
            assertThat(scratch.resolve("restored/postgres")).doesNotExist();
        }
        succeed("restored", "restore", file.toString());
        assertThat(restoring).doesNotExist();
        // Killed between the last step and the tidying up: the folder is a good one.
        Files.createDirectories(restoring.resolve("postgres"));
        try (var store = run("restored")) {
            order(signIn(store, EMAIL, PASSWORD), product);
            assertThat(restoring).doesNotExist();
        }
    }
}
