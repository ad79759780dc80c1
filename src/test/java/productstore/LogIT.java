package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a store writes to its log, as a process that is run for a shipper: all of it JSON, nothing of it personal. */
@Timeout(300)
class LogIT {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String ADMIN = "root@store.test";
    private static final String PASSWORD = "correct horse battery";

    /** In whatever people could write, and looked for in whatever the store has written. */
    private static final String CANARY = "Canary4711";

    private static final String NOBODY = CANARY + "@example.com";

    @TempDir
    private static Path folder = Path.of("");

    private static StoreProcess store;
    private static Client admin;

    @BeforeAll
    static void start() throws InterruptedException {
        store = StoreProcess.start(
                        folder,
                        Map.of(
                                "STORE_LOG",
                                "json",
                                "STORE_LOG_FILE",
                                folder.resolve("logs/store.log").toString(),
                                "STORE_RATE_LIMIT",
                                "off",
                                "STORE_ADMIN_EMAIL",
                                ADMIN,
                                "STORE_ADMIN_PASSWORD",
                                PASSWORD))
                .ready();
        admin = signIn(ADMIN, PASSWORD);
    }

    @AfterAll
    static void stop() {
        store.close();
    }

    private static Client anyone() {
        return new Client("http://127.0.0.1:" + store.port, null);
    }

    private static Client signIn(String email, String password) {
        return anyone().as(anyone().post("/api/auth/login", Map.of("email", email, "password", password))
                .ok()
                .string("access_token"));
    }

    private static Client newCustomer(String name) {
        var email = UUID.randomUUID() + name + "@example.com";
        anyone().post("/api/auth/register", Map.of("email", email, "password", PASSWORD + name, "name", "Анна " + name))
                .created();
        return signIn(email, PASSWORD + name);
    }

    private static String newProduct(String text) {
        var category = admin.post("/api/categories/", Map.of("name", text + UUID.randomUUID()))
                .created()
                .string("id");
        return admin.post(
                        "/api/products/",
                        Map.of(
                                "sku",
                                text + UUID.randomUUID(),
                                "name",
                                text,
                                "description",
                                text,
                                "category",
                                category,
                                "price",
                                Map.of("amount", "199.90", "currency", "RUB"),
                                "stock",
                                10))
                .created()
                .string("id");
    }

    private static Map<String, Object> order(String product, String comment) {
        return Map.of(
                "items", List.of(Map.of("product_id", product, "quantity", 2)),
                "comment", comment,
                "shipping_address", comment);
    }

    private static List<JsonNode> lines() {
        return store.out().lines().map(LogIT::parsed).toList();
    }

    private static JsonNode parsed(String line) {
        return JSON.readTree(line);
    }

    private static String text(JsonNode line, String field) {
        return line.path(field).asString("");
    }

    /** The first line of which this holds, once there is one. */
    private static JsonNode line(Map<String, String> fields) throws InterruptedException {
        for (int look = 0; look < 200; look++) {
            for (var line : lines()) {
                if (fields.entrySet().stream()
                        .allMatch(field -> text(line, field.getKey()).equals(field.getValue()))) {
                    return line;
                }
            }
            Thread.sleep(50);
        }
        throw new AssertionError("no line with " + fields + " in\n" + store.out());
    }

    private static String traceId(Client.Answer answer) {
        return answer.header("X-Trace-Id").orElseThrow();
    }

    private static JsonNode access(Client.Answer answer) throws InterruptedException {
        return line(Map.of("trace.id", traceId(answer), "event.dataset", "store.access"));
    }

    @Test
    void everyLineIsAnEventInEcs() throws Exception {
        anyone().get("/api/products/").ok();
        access(anyone().get("/api/products/").ok());
        for (var line : lines()) {
            for (var field : List.of(
                    "@timestamp",
                    "log.level",
                    "message",
                    "service.name",
                    "service.version",
                    "service.node.name",
                    "event.id",
                    "event.dataset",
                    "ecs.version",
                    "log.logger")) {
                assertThat(text(line, field)).as(field + " of " + line).isNotEmpty();
            }
        }
        line(Map.of("event.action", "store-started"));
        line(Map.of("event.dataset", "store.postgresql"));
    }

    @Test
    void theFileHasTheSameLines() throws Exception {
        access(anyone().get("/api/categories/").ok());
        var inFile = Files.readAllLines(folder.resolve("logs/store.log"));
        assertThat(inFile.stream().map(LogIT::parsed).map(line -> text(line, "message")))
                .containsSubsequence(lines().stream()
                        .map(line -> text(line, "message"))
                        .limit(inFile.size())
                        .toList());
    }

    @Test
    void aRequestHasOneLineHoweverItIsAnswered() throws Exception {
        var customer = newCustomer("");
        var me = customer.get("/api/auth/me").ok().string("id");
        var product = newProduct("Сыр ");
        var early = anyone().get("/api/products/" + product).ok();
        var again = anyone().get("/api/products/" + product).ok();
        var conditional = anyone().with("If-None-Match", again.header("ETag").orElseThrow())
                .with("Accept", "application/json, */*")
                .get("/api/products/" + product);
        var placed = customer.post("/api/orders/", order(product, "")).created();
        var read = customer.get("/api/orders/" + placed.string("id")).ok();
        var refused = customer.get("/api/users/").problem(403, "forbidden");
        var unknown = anyone().get("/api/nowhere").problem(404, "not_found");
        var tomcats = Wire.send(store.port, 0, "GET /a%2Fb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for (var answer : List.of(early, again, conditional, placed, read, refused, unknown)) {
            var line = access(answer);
            assertThat(lines().stream()
                            .filter(other -> text(other, "trace.id").equals(traceId(answer))
                                    && text(other, "event.dataset").equals("store.access")))
                    .hasSize(1);
            assertThat(line.get("http.response.status_code").asInt()).isEqualTo(answer.status());
            assertThat(line.get("event.duration").asLong()).isBetween(1_000L, 60_000_000_000L);
            assertThat(text(line, "span.id")).hasSize(16);
            assertThat(text(line, "client.ip")).isEqualTo("127.0.0.0");
        }
        assertThat(text(access(early), "url.path")).isEqualTo("/api/products/" + product);
        assertThat(text(access(early), "http.route")).isEqualTo("/api/products/{id}");
        assertThat(access(early).get("http.response.body.bytes").asInt())
                .isEqualTo(early.response().body().length);
        assertThat(text(access(placed), "user.id")).isEqualTo(me);
        assertThat(text(access(placed), "order.id")).isEqualTo(placed.string("id"));
        assertThat(text(access(read), "order.id")).isEqualTo(placed.string("id"));
        assertThat(text(access(refused), "error.code")).isEqualTo("forbidden");
        assertThat(text(access(refused), "user.id")).isEqualTo(me);
        line(Map.of("trace.id", tomcats.headers().get("x-trace-id"), "event.dataset", "store.access"));
    }

    @Test
    void whatMattersIsAnEventWithWhoAndWhatAndFromAndTo() throws Exception {
        var customer = newCustomer("");
        var me = customer.get("/api/auth/me").ok().string("id");
        var root = admin.get("/api/auth/me").ok().string("id");
        var product = newProduct("Мёд ");
        var placed = customer.post("/api/orders/", order(product, "")).created();
        var event = line(Map.of("event.action", "order-placed", "order.id", placed.string("id")));
        assertThat(text(event, "user.id")).isEqualTo(me);
        assertThat(text(event, "order.number")).isEqualTo(placed.string("number"));
        assertThat(text(event, "trace.id")).isEqualTo(traceId(placed));

        var confirmed = admin.put("/api/orders/" + placed.string("id"), Map.of("status", "confirmed"))
                .ok();
        event = line(Map.of("event.action", "order-status-changed", "order.id", placed.string("id")));
        assertThat(text(event, "change.from") + " " + text(event, "change.to")).isEqualTo("pending confirmed");
        assertThat(text(event, "user.id")).isEqualTo(root);
        assertThat(text(event, "trace.id")).isEqualTo(traceId(confirmed));

        admin.post("/api/products/" + product + "/stock", Map.of("delta", 5, "reason", "delivery"))
                .ok();
        event = line(Map.of("event.action", "stock-corrected", "product.id", product));
        assertThat(text(event, "change.from") + " " + text(event, "change.to")).isEqualTo("8 13");

        admin.patch(
                        "/api/products/" + product,
                        Map.of("price", Map.of("amount", "210.00", "currency", "RUB"), "name", "Липовый мёд"))
                .ok();
        event = line(Map.of("event.action", "product-changed", "product.id", product));
        assertThat(text(event, "change.field")).isEqualTo("price, name");
        assertThat(text(event, "change.from") + " " + text(event, "change.to"))
                .isEqualTo("price 199.90 RUB price 210.00 RUB");

        var failed = anyone().post("/api/auth/login", Map.of("email", ADMIN, "password", "wrong"))
                .problem(401, "invalid_credentials");
        event = line(Map.of("event.action", "sign-in-failed", "trace.id", traceId(failed)));
        assertThat(text(event, "user.target.id")).isEqualTo(root);
        assertThat(text(event, "log.level")).isEqualTo("WARN");
    }

    @Test
    void whatWasRefusedOrRolledBackIsNoEvent() throws Exception {
        var customer = newCustomer("");
        var product = newProduct("Хлеб ");
        var tooMuch = customer.post(
                        "/api/orders/", Map.of("items", List.of(Map.of("product_id", product, "quantity", 11))))
                .problem(409, "insufficient_stock");
        var stale = admin.with("If-Match", "\"stale\"")
                .patch("/api/products/" + product, Map.of("name", "other"))
                .problem(412, "precondition_failed");
        var unchanged = customer.with("Idempotency-Key", "k")
                .post("/api/orders/", order(product, ""))
                .created();
        var replayed = customer.with("Idempotency-Key", "k")
                .post("/api/orders/", order(product, ""))
                .created();
        assertThat(replayed.string("id")).isEqualTo(unchanged.string("id"));
        access(replayed);
        assertThat(lines().stream()
                        .filter(line -> text(line, "event.dataset").equals("store.events"))
                        .map(line -> text(line, "trace.id")))
                .contains(traceId(unchanged))
                .doesNotContain(traceId(tooMuch), traceId(stale), traceId(replayed));
    }

    @Test
    void anAdministratorChangesLevelsWhileTheStoreRuns() throws Exception {
        var seen = anyone().get("/api/nowhere");
        access(seen);
        assertThat(admin.put("/api/log-levels/productstore.access", Map.of("level", "warn"))
                        .ok()
                        .string("effective_level"))
                .isEqualTo("warn");
        var unseen = anyone().get("/api/nowhere");
        admin.put("/api/log-levels/productstore.access", new HashMap<>(Map.of("level", "info")))
                .ok();
        access(anyone().get("/api/nowhere"));
        assertThat(lines().stream().map(line -> text(line, "trace.id"))).doesNotContain(traceId(unseen));
        line(Map.of("event.action", "log-level-changed", "change.to", "warn"));
        assertThat(admin.get("/api/log-levels/")
                        .ok()
                        .body()
                        .get("items")
                        .valueStream()
                        .map(item -> item.get("logger").asString()))
                .contains("productstore.access", "productstore.events")
                .allMatch(name -> name.startsWith("productstore"));
        admin.put("/api/log-levels/root", Map.of("level", "trace")).problem(404, "not_found");
        assertThat(admin.put("/api/log-levels/productstore", Map.of("level", "loud"))
                        .code())
                .isEqualTo("invalid_request");
        assertThat(newCustomer("")
                        .put("/api/log-levels/productstore", Map.of("level", "off"))
                        .code())
                .isEqualTo("forbidden");
    }

    /** Every call, with the canary in each place where somebody could write something. */
    @Test
    void nothingThatAPersonWroteGetsIntoAnyLine() throws Exception {
        var customer = newCustomer(CANARY);
        var product = newProduct(CANARY);
        var paths = Stream.of(RolesTest.TABLE.split("\n"))
                .map(row -> row.strip().split(" +"))
                .toList();
        for (var client : List.of(anyone(), customer, admin)) {
            for (var row : paths) {
                for (var id : List.of(CANARY, product)) {
                    callWithCanaries(client, row[0], row[1].replace("{}", id));
                }
            }
        }
        admin.put("/api/log-levels/productstore", Map.of("level", "debug")).ok();
        var placed = customer.post("/api/orders/", order(product, CANARY)).created();
        admin.put("/api/orders/" + placed.string("id"), Map.of("status", "confirmed", "comment", CANARY))
                .ok();
        admin.post("/api/products/" + product + "/stock", Map.of("delta", 1, "reason", CANARY))
                .ok();
        anyone().get("/" + CANARY + "?q=" + CANARY);
        Wire.send(
                store.port, 0, "GET /a%2F" + CANARY + " HTTP/1.1\r\nHost: " + CANARY + "\r\nConnection: close\r\n\r\n");
        Wire.send(store.port, 0, CANARY + " / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Wire.send(store.port, 0, CANARY + "\r\n\r\n");
        sqlFailures(customer, product);
        admin.put("/api/log-levels/productstore", Map.of("level", "info")).ok();
        access(anyone().get("/api/nowhere"));
        assertThat(store.out()).doesNotContainIgnoringCase(CANARY);
        assertThat(store.err()).doesNotContainIgnoringCase(CANARY);
        try (var files = Files.walk(folder)) {
            for (var file : files.filter(path -> path.getFileName().toString().contains(".log"))
                    .toList()) {
                assertThat(file).content().as(file.toString()).doesNotContainIgnoringCase(CANARY);
            }
        }
    }

    private static void callWithCanaries(Client client, String method, String path) {
        var bad = new ArrayList<Object>(List.of(Map.of(CANARY, CANARY), List.of(CANARY)));
        for (var fields : List.of(
                List.of("email", "password", "name", "refresh_token"),
                List.of("sku", "name", "description", "category", "image_url", "price", "stock"),
                List.of("status", "comment", "role", "active", "level", "delta", "reason"),
                List.of("items", "comment", "shipping_address"))) {
            var body = new HashMap<String, Object>();
            fields.forEach(field -> body.put(field, CANARY));
            bad.add(body);
        }
        bad.add(Map.of("email", NOBODY, "password", CANARY));
        bad.add(Map.of("items", List.of(Map.of("product_id", CANARY, "quantity", 1))));
        var named = client.with("Idempotency-Key", CANARY + UUID.randomUUID())
                .with("User-Agent", CANARY)
                .with("Referer", "http://" + CANARY)
                .with("X-Forwarded-For", CANARY)
                .with("Cookie", "session=" + CANARY);
        var query =
                "?q=" + CANARY + "&category=" + CANARY + "&cursor=" + CANARY + "&sort=" + CANARY + "&limit=" + CANARY;
        switch (method) {
            case "GET" -> {
                named.get(path + query);
                named.get(path + "?q=" + CANARY);
            }
            case "DELETE" -> {
                if (path.contains(CANARY)) {
                    named.delete(path + query);
                }
            }
            case "POST" -> bad.forEach(body -> named.post(path + query, body));
            case "PUT" -> bad.forEach(body -> named.put(path + query, body));
            case "PATCH" -> bad.forEach(body -> named.patch(path + query, body));
            default -> throw new IllegalStateException(method);
        }
        anyone().as(CANARY).get(path);
    }

    /** The database names values when it refuses them; here it does so on purpose, in each of its ways. */
    private static void sqlFailures(Client customer, String product) throws Exception {
        try (var connection = DriverManager.getConnection(databaseUrl(), databaseUser());
                var sql = connection.createStatement()) {
            sql.execute("""
                    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN RAISE 'no % please', NEW.comment USING DETAIL = NEW.comment, HINT = NEW.comment; END $$""");
            sql.execute("CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse()");
            var failed = customer.post("/api/orders/", order(product, CANARY)).problem(500, "internal_error");
            var line = line(Map.of("trace.id", traceId(failed), "log.level", "ERROR"));
            assertThat(text(line, "error.stack_trace")).contains("SQLSTATE P0001", "productstore.orders.");
            assertThat(text(line, "error.type")).isNotEmpty();
            sql.execute("DROP TRIGGER refuse ON orders");
            sql.execute("ALTER TABLE orders ADD CONSTRAINT picky CHECK (comment = 'nothing') NOT VALID");
            customer.post("/api/orders/", order(product, CANARY)).problem(500, "internal_error");
            sql.execute("ALTER TABLE orders DROP CONSTRAINT picky");
            sql.execute("ALTER TABLE orders RENAME TO orders_away");
            customer.post("/api/orders/", order(product, CANARY)).problem(500, "internal_error");
            sql.execute("ALTER TABLE orders_away RENAME TO orders");
        }
        customer.post("/api/orders/", order(product, CANARY)).created();
    }

    private static String databaseUrl() throws IOException {
        try (var files = Files.walk(folder.resolve("data/postgres"), 2)) {
            var pid = files.filter(path -> path.endsWith("postmaster.pid"))
                    .findFirst()
                    .orElseThrow();
            return "jdbc:postgresql://127.0.0.1:" + Files.readAllLines(pid).get(3) + "/store";
        }
    }

    private static Properties databaseUser() throws IOException {
        var user = new Properties();
        user.setProperty("user", "store");
        user.setProperty(
                "password",
                Files.readString(folder.resolve("data/postgres/password")).strip());
        return user;
    }
}
