package productstore.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.boot.test.web.server.LocalManagementPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.TestPropertySource;
import productstore.Client;
import productstore.StoreTest;

/** What the spans of a store say that is traced in full, and what becomes of them when nobody takes them. */
@Timeout(120)
@TestPropertySource(
        properties = {
            "management.tracing.sampling.probability=1.0",
            "management.opentelemetry.tracing.export.schedule-delay=20ms"
        })
@Import(TracingTest.Receiving.class)
class TracingTest extends StoreTest {
    private static final AttributeKey<String> CACHE = AttributeKey.stringKey("store.cache");
    private static final AttributeKey<Long> RETURNED = AttributeKey.longKey("db.response.returned_rows");

    @Autowired
    private Receiver receiver;

    @Autowired
    private DataSource dataSource;

    @LocalManagementPort
    private int managementPort;

    /** Takes spans, or doesn't. */
    static final class Receiver implements SpanExporter {
        final Queue<SpanData> spans = new ConcurrentLinkedQueue<>();
        final Queue<CompletableResultCode> held = new ConcurrentLinkedQueue<>();
        volatile boolean holds;

        @Override
        public CompletableResultCode export(Collection<SpanData> batch) {
            if (holds) {
                var result = new CompletableResultCode();
                held.add(result);
                return result;
            }
            spans.addAll(batch);
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode flush() {
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode shutdown() {
            return CompletableResultCode.ofSuccess();
        }

        List<SpanData> of(String traceId) {
            return spans.stream()
                    .filter(span -> span.getTraceId().equals(traceId))
                    .toList();
        }
    }

    @TestConfiguration
    static class Receiving {
        @Bean
        Receiver receiver() {
            return new Receiver();
        }
    }

    private static Map<String, Object> order(String product) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", 1)));
    }

    private static String traceId(Client.Answer answer) {
        return answer.header("X-Trace-Id").orElseThrow();
    }

    /** The spans of an answer's trace, once there is such a one among them. */
    private List<SpanData> spans(Client.Answer answer, Predicate<SpanData> awaited) throws InterruptedException {
        var id = traceId(answer);
        for (int look = 0; look < 500; look++) {
            if (receiver.of(id).stream().anyMatch(awaited)) {
                return receiver.of(id);
            }
            Thread.sleep(20);
        }
        throw new AssertionError("no such span in " + receiver.of(id));
    }

    private List<SpanData> spans(Client.Answer answer) throws InterruptedException {
        return spans(answer, span -> span.getKind() == SpanKind.SERVER);
    }

    private static SpanData server(List<SpanData> spans) {
        return spans.stream()
                .filter(span -> span.getKind() == SpanKind.SERVER)
                .findFirst()
                .orElseThrow();
    }

    private static SpanData named(List<SpanData> spans, String name) {
        return spans.stream()
                .filter(span -> span.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " is not among "
                        + spans.stream().map(SpanData::getName).toList()));
    }

    private static String attribute(SpanData span, String name) {
        return String.valueOf(span.getAttributes().get(AttributeKey.stringKey(name)));
    }

    @Test
    void anOrderIsOneTraceWithItsStatements() throws Exception {
        var customer = customer();
        var answer = customer.post("/api/orders/", order(newProduct(5))).created();
        var spans = spans(answer);
        var server = server(spans);
        assertThat(server.getName()).isEqualTo("http post /api/orders");
        assertThat(attribute(server, "user.id"))
                .isEqualTo(customer.get("/api/auth/me").string("id"));
        assertThat(attribute(server, "order.id")).isEqualTo(answer.string("id"));
        for (var name : List.of("user.find_active", "orders.look", "orders.write", "commit")) {
            var statement = named(spans, name);
            assertThat(statement.getKind()).isEqualTo(SpanKind.CLIENT);
            assertThat(statement.getParentSpanId()).isEqualTo(server.getSpanId());
            assertThat(attribute(statement, "db.system.name")).isEqualTo("postgresql");
            assertThat(statement.getEndEpochNanos())
                    .isBetween(statement.getStartEpochNanos(), server.getEndEpochNanos());
        }
        assertThat(named(spans, "user.find_active").getAttributes().get(RETURNED))
                .isEqualTo(1);
        // The row of stock, that of the product, and the number drawn.
        assertThat(named(spans, "orders.look").getAttributes().get(RETURNED)).isGreaterThanOrEqualTo(3);
        assertThat(named(spans, "orders.write").getAttributes().get(AttributeKey.longKey("db.response.affected_rows")))
                .as("what its statements say that they changed")
                .isPositive();
        assertThat(answer.body().get("history").get(0).get("trace_id").asString())
                .isEqualTo(traceId(answer));
        assertThat(spans.toString())
                .as("no values")
                .doesNotContain("SELECT", "INSERT", customer.get("/api/auth/me").string("email"));
    }

    @Test
    void ordersThatShareATransactionAreLinkedToIt() throws Exception {
        var held = newProduct(100);
        var product = newProduct(100);
        var clients = Stream.generate(this::newCustomer).limit(6).toList();
        List<Future<Client.Answer>> asked;
        try (var pool = Executors.newVirtualThreadPerTaskExecutor();
                var lock = dataSource.getConnection()) {
            lock.setAutoCommit(false);
            try (var statement =
                    lock.prepareStatement("/* test.lock */ SELECT FROM stock WHERE product_id = ?::uuid FOR UPDATE")) {
                statement.setString(1, held);
                statement.execute();
            }
            // Each of them occupies one of the two workers.
            for (int n = 0; n < 2; n++) {
                var _ = pool.submit(() -> customer().post("/api/orders/", order(held)));
                Thread.sleep(200);
            }
            asked = clients.stream()
                    .map(client -> pool.submit(() -> client.post("/api/orders/", order(product))))
                    .toList();
            Thread.sleep(200);
            lock.rollback();
        }
        var shared = new HashSet<String>();
        for (var answer : asked) {
            var placed = answer.get().created();
            var spans = spans(placed);
            var links = server(spans).getLinks().stream()
                    .map(link -> link.getSpanContext().getSpanId())
                    .toList();
            for (int look = 0; look < 100; look++) {
                receiver.spans.stream()
                        .filter(span -> span.getName().equals("orders together"))
                        .filter(span -> links.contains(span.getSpanId())
                                || span.getTraceId().equals(traceId(placed)))
                        .forEach(span -> {
                            shared.add(span.getSpanId());
                            assertThat(span.getAttributes().get(AttributeKey.longKey("store.batch.size")))
                                    .isGreaterThan(1);
                            assertThat(span.getTraceId().equals(traceId(placed))
                                            || span.getLinks().stream()
                                                    .anyMatch(back -> back.getSpanContext()
                                                            .getTraceId()
                                                            .equals(traceId(placed))))
                                    .as("it knows of this order")
                                    .isTrue();
                        });
                Thread.sleep(5);
            }
        }
        assertThat(shared).as("the transactions that they shared").hasSizeBetween(1, 2);
    }

    /** Whatever becomes of a span is counted, once, however many end at the same moment. */
    @Test
    void noSpanIsUncounted() throws Exception {
        var export = new TraceExport();
        var slow = new Receiver();
        slow.holds = true;
        var processor = export.bounded(BatchSpanProcessor.builder(export.counted(slow))
                .setMaxQueueSize(TraceExport.MOST_UNDER_WAY)
                .build());
        long threads = 8;
        long each = 2_000;
        try (var provider =
                SdkTracerProvider.builder().addSpanProcessor(processor).build()) {
            var tracer = provider.get("test");
            try (var pool = Executors.newCachedThreadPool()) {
                for (int n = 0; n < threads; n++) {
                    var _ = pool.submit(() -> {
                        for (int span = 0; span < each; span++) {
                            tracer.spanBuilder("x").startSpan().end();
                        }
                    });
                }
            }
            for (int look = 0; look < 500 && export.counted() < threads * each; look++) {
                slow.held.forEach(CompletableResultCode::succeed);
                Thread.sleep(20);
            }
        }
        assertThat(export.counted()).isEqualTo(threads * each);
    }

    @Test
    void aReadSaysWhetherItWasKept() throws Exception {
        var path = "/api/products/" + newProduct(1);
        var first = spans(anyone().get(path).ok());
        assertThat(server(first).getAttributes().get(CACHE)).isEqualTo("miss");
        assertThat(first).anyMatch(span -> attribute(span, "db.system.name").equals("postgresql"));
        var second = spans(anyone().get(path).ok());
        assertThat(server(second).getAttributes().get(CACHE)).isEqualTo("hit");
        assertThat(second).hasSize(1);
    }

    @Test
    void aTraceThatTheClientBeganIsContinued() throws Exception {
        var trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        var answer = anyone().with("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                .get("/api/products/" + newProduct(1))
                .ok();
        assertThat(traceId(answer)).isEqualTo(trace);
        assertThat(server(spans(answer)).getParentSpanId()).isEqualTo("00f067aa0ba902b7");
    }

    @Test
    void aFailureOfOursIsMarkedAndARefusalIsNot() throws Exception {
        var product = newProduct(5);
        db.sql("ALTER TABLE order_line RENAME TO order_line_away").update();
        Client.Answer failed;
        try {
            failed = customer().post("/api/orders/", order(product)).problem(500, "internal_error");
        } finally {
            db.sql("ALTER TABLE order_line_away RENAME TO order_line").update();
        }
        var spans = spans(failed);
        assertThat(server(spans).getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
        assertThat(spans).anyMatch(span -> attribute(span, "error.type").equals("42P01"));
        var refused = spans(customer().get("/api/orders/nothing").problem(404, "not_found"));
        assertThat(server(refused).getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
        assertThat(attribute(server(refused), "error.code")).isEqualTo("not_found");
    }

    @Test
    void aReceiverThatDoesNotAnswerHoldsNobodyUpAndIsCounted() throws Exception {
        var path = "/api/products/" + newProduct(1);
        anyone().get(path).ok();
        receiver.holds = true;
        try {
            for (int n = 0; n < TraceExport.MOST_UNDER_WAY + 500; n++) {
                anyone().get(path).ok();
            }
            assertThat(counted("dropped")).isPositive();
        } finally {
            receiver.holds = false;
            receiver.held.forEach(CompletableResultCode::fail);
        }
        for (int look = 0; look < 500 && counted("failed") == 0; look++) {
            receiver.held.forEach(CompletableResultCode::fail);
            Thread.sleep(20);
        }
        assertThat(counted("failed")).isPositive();
        // And it takes part again.
        var answer = anyone().get(path).ok();
        assertThat(spans(answer)).isNotEmpty();
        assertThat(counted("sent")).isPositive();
    }

    private double counted(String outcome) {
        var scrape = new Client("http://127.0.0.1:" + managementPort, null)
                .get("/metrics")
                .text();
        return scrape.lines()
                .filter(line -> line.startsWith("store_trace_spans_total{") && line.contains('"' + outcome + '"'))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .findFirst()
                .orElseThrow();
    }
}
