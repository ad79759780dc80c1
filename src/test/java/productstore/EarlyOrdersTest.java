package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static productstore.Client.alike;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalManagementPort;

/**
 * An order is taken before the framework wakes, unless something about its request is out of the ordinary, as a character
 * set is that JSON doesn't need. Whoever sends it must not be able to tell.
 */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"management.server.port=0", "store.limits.body-bytes=4096"})
class EarlyOrdersTest extends StoreTest {
    private static final String ORDINARY = "application/json";
    private static final String BY_THE_FRAMEWORK = "application/json;charset=UTF-8";

    @LocalManagementPort
    private int managementPort;

    @Test
    void whateverIsSentTheAnswerIsTheFrameworks() {
        var product = newProduct(1000);
        var line = "{\"product_id\":\"" + product + "\",\"quantity\":1}";
        var bodies = List.of(
                "{\"items\":[" + line + "]}",
                "{\"items\":[" + line + "],\"comment\":\"ёлка 🎄\",\"shipping_address\":null}",
                "{\"items\":[{\"product_id\":\"" + product + "\",\"quantity\":999999}]}",
                "{\"items\":[{\"product_id\":\"" + product + "\",\"quantity\":1.5}]}",
                "{\"items\":[{\"product_id\":\"" + product + "\",\"quantity\":\"1\"}]}",
                "{\"items\":[{\"product_id\":\"00000000-0000-7000-8000-000000000000\",\"quantity\":1}]}",
                "{\"items\":[" + String.join(",", Collections.nCopies(101, "null")) + "]}",
                "{\"items\":[" + line + "],\"items\":[]}",
                "{\"items\":[" + line + "],\"price\":0}",
                "{\"items\":[" + line + "]} {}",
                "{\"items\":[" + line,
                "{\"items\":[],\"comment\":\"" + "x".repeat(1001) + "\"}",
                "{\"items\":[],\"comment\":\"\\u0000\"}",
                "{\"items\":[],\"comment\":\"" + "x".repeat(5000) + "\"}",
                "{}",
                "null",
                "[]",
                " ",
                "",
                "\u00ff");
        for (var path : List.of("/api/orders", "/api/orders/", "/api/orders?x=1", "/api//orders", "/api/ordersx")) {
            var customer = newCustomer();
            for (var body : bodies) {
                assertSame(type -> customer.with("Content-Type", type).post(path, body), path + " " + body);
            }
        }
    }

    @Test
    void whoeverSendsItTheAnswerIsTheFrameworks() {
        var product = newProduct(1000);
        var gone = newCustomer();
        gone.post("/api/orders", order(product)).created();
        admin().put(
                        "/api/users/" + gone.get("/api/auth/me").ok().string("id"),
                        Map.of("role", "customer", "active", false))
                .ok();
        var customer = newCustomer();
        var callers = List.of(
                customer,
                manager(),
                admin(),
                anyone(),
                gone,
                anyone().as("no-token"),
                anyone().as(customer.accessToken() + "x"),
                anyone().with("Authorization", "Basic eDp5"),
                anyone().with("Authorization", "Bearer"),
                customer.with("Idempotency-Key", ""),
                customer.with("Idempotency-Key", "k".repeat(256)),
                customer.with("Idempotency-Key", "a\tb"),
                customer.with("Accept", "application/json"),
                customer.with("Accept", "text/html"),
                customer.with("Accept", "text/html, */*;q=0.1"),
                customer.with("Content-Encoding", "gzip"),
                customer.with("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for (int n = 0; n < callers.size(); n++) {
            var caller = callers.get(n);
            assertSame(type -> caller.with("Content-Type", type).post("/api/orders", order(product)), "caller " + n);
        }
    }

    @Test
    void aKeyIsOneKeyOnBothWays() {
        var product = newProduct(10);
        var customer = newCustomer().with("Idempotency-Key", "both-" + product);
        var first = customer.post("/api/orders", order(product)).created();
        var again = customer.with("Content-Type", BY_THE_FRAMEWORK).post("/api/orders", order(product));
        assertThat(again.created().text()).isEqualTo(first.text());
        assertThat(again.header("Idempotent-Replayed")).hasValue("true");
        assertThat(constant(customer.post("/api/orders", order(product)))).isEqualTo(constant(again));
        assertThat(stockOf(product)).isEqualTo(9);
    }

    @Test
    void twoKeysAreTheSameTwoKeysOnBothWays() {
        var product = newProduct(10);
        var customer = newCustomer();
        var body = "{\"items\":[{\"product_id\":\"" + product + "\",\"quantity\":1}]}";
        for (var type : List.of(ORDINARY, BY_THE_FRAMEWORK)) {
            var answer = Wire.send(
                    port,
                    0,
                    "POST /api/orders HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer " + customer.accessToken()
                            + "\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length()
                            + "\r\nIdempotency-Key: one-" + product + "\r\nIdempotency-Key: two\r\n\r\n",
                    body);
            assertThat(answer.status()).isEqualTo(201);
        }
        assertThat(stockOf(product)).isEqualTo(9);
    }

    @Test
    void bothAreTracedAndCountedAlike() {
        var product = newProduct(10);
        var before = placed();
        for (var type : List.of(ORDINARY, BY_THE_FRAMEWORK)) {
            var trace = "4bf92f3577b34da6a3ce929d0e0e473" + (type.equals(ORDINARY) ? "1" : "2");
            var answer = newCustomer()
                    .with("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                    .with("Content-Type", type)
                    .post("/api/orders", order(product))
                    .created();
            assertThat(answer.header("X-Trace-Id")).hasValue(trace);
            assertThat(answer.body().get("history").get(0).get("trace_id").asString())
                    .isEqualTo(trace);
        }
        assertThat(placed() - before).isEqualTo(2);
    }

    private double placed() {
        return Scrape.of(managementPort)
                .sum(
                        "http_server_requests_seconds_count",
                        "method=\"POST\",outcome=\"SUCCESS\",status=\"201\",uri=\"/api/orders\"");
    }

    private static void assertSame(Function<String, Client.Answer> send, String what) {
        var early = send.apply(ORDINARY);
        var late = send.apply(BY_THE_FRAMEWORK);
        assertThat(early.status()).as(what).isEqualTo(late.status());
        assertThat(alike(early.text())).as(what).isEqualTo(alike(late.text()));
        assertThat(constant(early)).as(what).isEqualTo(constant(late));
    }

    /** The headers, without what differs from call to call. */
    private static Map<String, List<String>> constant(Client.Answer answer) {
        var headers = new TreeMap<>(answer.response().headers().map());
        headers.replaceAll((name, values) -> switch (name) {
            case "x-trace-id", "date", "etag", "ratelimit" -> List.of("differs");
            case "location" -> List.of(alike(values.getFirst()));
            default -> values;
        });
        return headers;
    }

    private static Map<String, Object> order(String product) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", 1)));
    }
}
