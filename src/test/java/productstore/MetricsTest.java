package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.boot.test.web.server.LocalManagementPort;

/** What can be seen of a running store at {@code /metrics}, that it can be relied on, and that nobody can blow it up. */
@Timeout(600)
class MetricsTest extends StoreTest {
    static final Path PAPER = Path.of("docs/metrics.md");
    private static final Pattern ROW =
            Pattern.compile("^\\| `(\\w+)` \\| (\\w+) \\| [^|]+ \\| ([^|]+) \\| ([^|]+) \\|", Pattern.MULTILINE);
    private static final Pattern OURS = Pattern.compile("(store|db|cache)_\\w+");
    private static final int CALLS = 10_000;
    private static final int THREADS = 8;

    // Each with an id, a name or a path that was never there before, and the route it must be told of as.
    private static final Map<String, String> ROUTES = Map.of(
            "/api/products/%s", "/api/products/{id}",
            "/api/products/%s/", "/api/products/{id}",
            "/api/products?category=%s", "/api/products",
            "/api/orders/%s", "/api/orders/{id}",
            "/api/categories/%s", "/api/categories/{id}",
            "/api/users/%s", "/api/users/{userId}",
            "/api/products/%s/stock", "UNKNOWN",
            "/api/%s", "NOT_FOUND",
            "/%s", "NOT_FOUND",
            "/a/%s/b", "NOT_FOUND");

    @LocalManagementPort
    private int managementPort;

    /**
     * One row of the paper.
     *
     * @param always whether it is there without any setting
     */
    record Documented(String name, String type, Set<String> labels, boolean always) {}

    @Test
    void thePaperAndTheStoreAgree() throws IOException {
        var paper = documented();
        var needed = paper.values().stream().filter(Documented::always).toList();
        anyone().get("/api/products").ok();
        // Some are born with what they count: the audit's first result, a collection of garbage, a task's first run.
        System.gc();
        await("each documented metric is there", () -> {
            var there = scrape().types().keySet();
            return needed.stream().allMatch(row -> there.contains(row.name()));
        });
        var scrape = scrape();
        var ours = scrape.types().keySet().stream()
                .filter(family -> OURS.matcher(family).matches())
                // Micrometer's companion of each timer.
                .filter(family ->
                        !scrape.types().containsKey(family.replaceFirst("_max$", "")) || !family.endsWith("_max"))
                .toList();
        assertThat(paper.keySet()).as("ours, all in the paper").containsAll(ours);
        for (var row : needed) {
            assertThat(new Documented(
                            row.name(),
                            scrape.types().getOrDefault(row.name(), "missing"),
                            scrape.labels(row.name()),
                            true))
                    .isEqualTo(row);
        }
    }

    @Test
    void thePaperIsRead() {
        assertThat(documented("""
                        | metric | type |
                        | `a_b_total` | counter | x | `one`, `two` | what |
                        | `c_d` | gauge | – | – | what; there only with `E` |
                        """).values())
                .containsExactlyInAnyOrder(
                        new Documented("a_b_total", "counter", Set.of("one", "two"), true),
                        new Documented("c_d", "gauge", Set.of(), false));
    }

    @Test
    void nothingThatIsSentMakesNewSeries() {
        // What anybody may read is answered on another way than what comes with a token.
        var callers = List.of(anyone(), admin());
        for (var path : ROUTES.keySet()) {
            for (var caller : callers) {
                caller.get(path.formatted(UUID.randomUUID()));
                caller.send("NEVER", path.formatted(UUID.randomUUID()), null);
            }
        }
        // One that is counted late must not be taken for one of those below.
        await("each was counted", () -> scrape().sum("http_server_requests_active_seconds_count") == 0);
        var before = scrape();

        var paths = ROUTES.keySet().toArray(String[]::new);
        Race.of(THREADS, Duration.ofSeconds(500), thread -> {
            var caller = callers.get(thread % callers.size()).with("User-Agent", "no. " + thread);
            for (int n = 0; n < CALLS / THREADS; n++) {
                var path = paths[n % paths.length].formatted(UUID.randomUUID());
                // One in ten with a method that nobody has heard of.
                var method = n / paths.length % 10 == 0 ? "M" + thread + "X" + n : "GET";
                assertThat(caller.send(method, path, null).status()).isIn(200, 401, 404, 405);
            }
        });

        // A request is counted a moment after its answer is out.
        await("each was counted", () -> sum(requestsByRoute(before)) == CALLS);
        assertThat(requestsByRoute(before).keySet()).isEqualTo(new TreeSet<>(ROUTES.values()));
        var after = scrape();
        for (var prefix : List.of("http_", "store_", "spring_", "hikaricp_", "db_")) {
            assertThat(after.series(prefix).stream()
                            // What began in the background meanwhile is no client's doing.
                            .filter(series -> !series.matches(".*(\"audit\\.|\\.purge\"|store_stock_).*")))
                    .isSubsetOf(before.series(prefix));
        }
        assertThat(after.values("http_server_requests", "method"))
                .isSubsetOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "UNKNOWN");
    }

    /** Two beans that turn them off are as none: Spring Security then takes its own, which turn them on. */
    @Test
    void theFiltersOfSecurityAreNotMeasured() {
        anyone().get("/api/orders").problem(401, "unauthorized");
        assertThat(scrape().series("spring_security_")).isEmpty();
    }

    @Test
    void theLatencyHasAnExactBucketAtHalfASecond() {
        anyone().get("/api/products").ok();
        assertThat(scrape().values("http_server_requests_seconds_bucket{", "le"))
                .containsExactlyInAnyOrder(
                        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf");
    }

    @Test
    void aSampledRequestLeavesItsTraceWhereItWasCounted() {
        var traces = new TreeSet<String>();
        // Not each one is taken: an exemplar stays for some seconds before another takes its place.
        await("an exemplar of a request and one of a statement", () -> {
            var trace = HexFormat.of()
                    .toHexDigits(ThreadLocalRandom.current().nextLong())
                    .repeat(2);
            traces.add(trace);
            var answer = anyone().with("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                    .post("/api/auth/login", Map.of("email", UUID.randomUUID() + "@example.com", "password", PASSWORD));
            assertThat(answer.header("X-Trace-Id")).hasValue(trace);
            var exemplars =
                    openMetrics().lines().filter(line -> line.contains(" # {")).toList();
            assertThat(exemplars)
                    .as("others make Prometheus 2 refuse everything")
                    .allMatch(line -> line.matches("\\w+_(bucket|total)[ {].*"));
            return Stream.of(
                            "http_server_requests_seconds_bucket\\{.*uri=\"/api/auth/login\".*",
                            "db_client_operation_duration_seconds_bucket\\{operation=\"user.find_account\".*")
                    .allMatch(series -> exemplars.stream()
                            .anyMatch(line -> line.matches(series)
                                    && traces.stream().anyMatch(one -> line.contains("trace_id=\"" + one + "\""))
                                    && line.contains("span_id=\"")));
        });
    }

    @Test
    void aRequestIsCountedWhileItRuns() throws IOException {
        var inFlight = "http_server_requests_active_seconds_count";
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write("""
                    POST /api/auth/login HTTP/1.1\r
                    Host: store\r
                    Content-Type: application/json\r
                    Content-Length: 100\r
                    \r
                    {""".getBytes(StandardCharsets.US_ASCII));
            await("it is in flight", () -> scrape().sum(inFlight, "method=\"POST\"") == 1);
        }
        await("it is not any more", () -> scrape().sum(inFlight, "method=\"POST\"") == 0);
    }

    @Test
    void signInsAndReplaysAreCounted() {
        var email = UUID.randomUUID() + "@example.com";
        var account = Map.of("email", email, "password", PASSWORD, "name", "Анна");
        anyone().post("/api/auth/register", account).created();
        var wrong = Map.of("email", email, "password", "not the password");
        var order = Map.of("items", List.of(Map.of("product_id", newProduct(5), "quantity", 1)));
        var before = scrape();
        var customer = signIn(email);
        for (int n = 0; n < 10; n++) {
            anyone().post("/api/auth/login", wrong).problem(401, "invalid_credentials");
        }
        anyone().post("/api/auth/login", wrong).problem(429, "too_many_attempts");
        var once = customer.with("Idempotency-Key", "once");
        once.post("/api/orders", order).created();
        once.post("/api/orders", order).created();
        once.post("/api/orders", order).created();
        var after = scrape();
        assertThat(Stream.of(
                                "store_logins_total",
                                "store_login_failures_total",
                                "store_logins_throttled_total",
                                "store_idempotent_replays_total")
                        .map(name -> after.sum(name) - before.sum(name)))
                .containsExactly(1.0, 10.0, 1.0, 2.0);
        var commits = "db_client_operation_duration_seconds_count";
        assertThat(after.sum(commits, "\"commit\"")).isGreaterThan(before.sum(commits, "\"commit\""));
    }

    /** How many were counted since then. */
    private Map<String, Double> requestsByRoute(Scrape before) {
        var counted = new TreeMap<String, Double>();
        scrape().samples().forEach((series, value) -> {
            var more = value - before.samples().getOrDefault(series, 0.0);
            if (series.startsWith("http_server_requests_seconds_count") && more > 0) {
                counted.merge(series.replaceFirst(".*uri=\"([^\"]*)\".*", "$1"), more, Double::sum);
            }
        });
        return counted;
    }

    private static double sum(Map<String, Double> values) {
        return values.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    private Scrape scrape() {
        return Scrape.of(managementPort);
    }

    private String openMetrics() {
        var answer = new Client("http://127.0.0.1:" + managementPort, null)
                .with("Accept", "application/openmetrics-text;version=1.0.0")
                .get("/metrics")
                .ok();
        assertThat(answer.header("Content-Type").orElseThrow()).startsWith("application/openmetrics-text");
        assertThat(answer.text()).endsWith("# EOF\n");
        return answer.text();
    }

    /** What the paper says there is, by name. */
    static Map<String, Documented> documented() throws IOException {
        return documented(Files.readString(PAPER));
    }

    static Map<String, Documented> documented(String paper) {
        return ROW.matcher(paper)
                .results()
                .map(row -> new Documented(
                        row.group(1),
                        row.group(2),
                        Pattern.compile("`(\\w+)`")
                                .matcher(row.group(3))
                                .results()
                                .map(label -> label.group(1))
                                .collect(Collectors.toSet()),
                        !row.group(4).contains("there only with")))
                .collect(Collectors.toMap(Documented::name, row -> row));
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
    }
}
