package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every refusal is an RFC 9457 problem with the status and headers of the contract. */
class ProblemsTest extends StoreTest {
    private static final int MIB = 1 << 20;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/nothing",
                "/api",
                "/api/nothing",
                "/api/products/no-id",
                "/api/products/0193b0c4-0000-7000-8000-000000000000",
                "/api/products/0193B0C4-0000-7000-8000-000000000000",
                "/api/products/x/y",
                "/api/categories/no-id",
                "/API/products",
                "/error",
                "/index.html",
                "/favicon.ico",
                "/.env",
                "/actuator/env"
            })
    void anUnknownPathIsNotFound(String path) {
        var answer = anyone().get(path).problem(404, "not_found");
        assertThat(answer.string("instance")).isEqualTo(path);
    }

    @Test
    void anUnknownIdIsNotFoundForEveryCallThatTakesOne() {
        var id = "0193b0c4-0000-7000-8000-000000000000";
        var product = productInput(Map.of());
        for (var path : List.of(id, "no-id", "1-1-1-1-1", "%D0%B9")) {
            manager().put("/api/products/" + path, product).problem(404, "not_found");
            manager().patch("/api/products/" + path, Map.of("name", "x")).problem(404, "not_found");
            manager().delete("/api/products/" + path).problem(404, "not_found");
            manager()
                    .post("/api/products/" + path + "/stock", Map.of("delta", 1, "reason", "x"))
                    .problem(404, "not_found");
            manager().put("/api/categories/" + path, Map.of("name", "x")).problem(404, "not_found");
            manager().delete("/api/categories/" + path).problem(404, "not_found");
            manager().get("/api/orders/" + path).problem(404, "not_found");
            manager().put("/api/orders/" + path, Map.of("status", "confirmed")).problem(404, "not_found");
            manager().delete("/api/orders/" + path).problem(404, "not_found");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "DELETE   | /api/products            | GET, HEAD, OPTIONS, POST",
                "PUT      | /api/products            | GET, HEAD, OPTIONS, POST",
                "POST     | /api/products/x          | DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
                "GET      | /api/products/x/stock    | OPTIONS, POST",
                "PATCH    | /api/categories          | GET, HEAD, OPTIONS, POST",
                "PATCH    | /api/categories/x        | DELETE, GET, HEAD, OPTIONS, PUT",
                "PUT      | /api/orders              | GET, HEAD, OPTIONS, POST",
                "PATCH    | /api/orders/x            | DELETE, GET, HEAD, OPTIONS, PUT",
                "GET      | /api/auth/login          | OPTIONS, POST",
                "POST     | /api/inventory/audit     | GET, HEAD, OPTIONS",
                "PROPFIND | /api/products/           | GET, HEAD, OPTIONS, POST",
            })
    void aMethodThatAPathDoesNotTakeIsToldWhichOnesItTakes(String method, String path, String allow) {
        var answer = anyone().send(method, path, null).problem(405, "method_not_allowed");
        assertThat(answer.header("Allow")).hasValue(allow);
    }

    @Test
    void optionsSaysWhatAPathTakes() {
        var answer = anyone().send("OPTIONS", "/api/products/", null);
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.header("Allow").orElseThrow().split(", ?")).contains("GET", "HEAD", "POST", "OPTIONS");
        assertThat(answer.header("X-Trace-Id")).isPresent();
    }

    @Test
    void headIsGetWithoutItsBody() {
        var id = newProduct(1);
        for (var path : List.of("/api/products/" + id, "/api/categories", "/api/products?limit=1")) {
            var get = anyone().get(path).ok();
            var head = anyone().send("HEAD", path, null);
            assertThat(head.status()).isEqualTo(200);
            assertThat(head.text()).isEmpty();
            assertThat(head.header("ETag")).isEqualTo(get.header("ETag"));
            assertThat(head.header("Content-Type")).isEqualTo(get.header("Content-Type"));
        }
        var missing = anyone().send("HEAD", "/api/products/no-id", null);
        assertThat(missing.status()).isEqualTo(404);
        assertThat(missing.header("Content-Type")).hasValue("application/problem+json");
        assertThat(missing.text()).isEmpty();
    }

    @Test
    void aClientThatTakesNoJsonGetsNone() {
        var order = newOrder();
        for (var path : List.of(
                "/api/products",
                "/api/products/" + newProduct(1),
                "/api/categories",
                "/api/orders",
                order,
                "/api/auth/me",
                "/api/inventory/audit")) {
            manager().with("Accept", "text/html").get(path).problem(406, "not_acceptable");
            manager().with("Accept", "text/html, */*;q=0.1").get(path).ok();
        }
        manager().with("Accept", "no media type").get("/api/products").problem(406, "not_acceptable");
    }

    @Test
    void aBodyThatIsNotSaidToBeJsonIsNotTaken() {
        var id = newProduct(1);
        for (var type :
                List.of("text/plain", "application/xml", "application/x-www-form-urlencoded", "application/cbor")) {
            var client = manager().with("Content-Type", type);
            client.post("/api/products", "{}").problem(415, "unsupported_media_type");
            client.put("/api/products/" + id, "{}").problem(415, "unsupported_media_type");
            client.patch("/api/products/" + id, "{}").problem(415, "unsupported_media_type");
            client.post("/api/orders", "{}").problem(415, "unsupported_media_type");
        }
        var patched = manager().with("Content-Type", "application/merge-patch+json");
        patched.patch("/api/products/" + id, Map.of("name", "Новое")).ok();
        patched.post("/api/products", "{}").problem(415, "unsupported_media_type");
        manager()
                .with("Content-Type", "application/json; charset=utf-8")
                .patch("/api/products/" + id, "{}")
                .ok();
        manager().with("Content-Type", "nonsense").post("/api/products", "{}").problem(415, "unsupported_media_type");
    }

    @Test
    void aBodyOverOneMebibyteIsTooLarge() {
        var id = newProduct(1);
        var padding = " ".repeat(MIB - 2);
        manager().patch("/api/products/" + id, "{}" + padding).ok();
        manager().patch("/api/products/" + id, "{}" + padding + " ").problem(413, "body_too_large");
        manager().post("/api/orders", "x".repeat(8 * MIB)).problem(413, "body_too_large");
    }

    @Test
    void aChunkedBodyOverOneMebibyteIsTooLargeToo() {
        var token = signInToken();
        var chunk = "10000\r\n" + " ".repeat(0x10000) + "\r\n";
        var answer = Wire.send(
                port,
                "POST /api/orders HTTP/1.1\r\nHost: store\r\nContent-Type: application/json\r\nAuthorization: Bearer "
                        + token + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk.repeat(17) + "0\r\n\r\n");
        assertThat(answer.status()).isEqualTo(413);
        assertThat(answer.json().get("code").asString()).isEqualTo("body_too_large");
        assertThat(answer.headers().get("content-type")).isEqualTo("application/problem+json");
        assertThat(answer.headers().get("connection")).isEqualTo("close");
    }

    @Test
    void everyAnswerBearsItsTraceAndContinuesTheCallers() {
        var trace = "0af7651916cd43dd8448eb211c80319c";
        for (var flags : List.of("00", "01")) {
            var client = manager().with("traceparent", "00-" + trace + "-b7ad6b7169203331-" + flags);
            assertThat(client.get("/api/products?limit=1").header("X-Trace-Id")).hasValue(trace);
            assertThat(client.get("/nothing").problem(404, "not_found").string("trace_id"))
                    .isEqualTo(trace);
            assertThat(client.post("/api/products", "{")
                            .problem(400, "invalid_json")
                            .header("X-Trace-Id"))
                    .hasValue(trace);
        }
        for (var broken : List.of("x", "00-" + "0".repeat(32) + "-b7ad6b7169203331-01", "00-" + trace + "-1-01")) {
            assertThat(anyone().with("traceparent", broken)
                            .get("/api/categories")
                            .ok()
                            .header("X-Trace-Id")
                            .orElseThrow())
                    .matches("[0-9a-f]{32}")
                    .isNotEqualTo(trace)
                    .isNotEqualTo("0".repeat(32));
        }
    }

    static Stream<Arguments> reads() {
        return Stream.of(
                        "/api/products",
                        "/api/categories",
                        "/api/orders",
                        "/api/users",
                        "/api/auth/me",
                        "/api/inventory/audit",
                        "/.well-known/jwks.json",
                        "/api/openapi.json",
                        "/api/docs")
                .map(Arguments::of);
    }

    @ParameterizedTest
    @MethodSource("reads")
    void aTrailingSlashChangesNothing(String path) {
        assertThat(admin().get(path + "/").ok().header("Content-Type"))
                .isEqualTo(admin().get(path).ok().header("Content-Type"));
    }

    @Test
    void aTrailingSlashChangesNothingForWritesEither() {
        var category = newCategory("Со слешем " + java.util.UUID.randomUUID());
        var product = manager()
                        .post("/api/products/", productInput(Map.of("category", category)))
                        .created()
                        .header("Location")
                        .orElseThrow()
                + "/";
        anyone().get(product).ok();
        manager().put(product, productInput(Map.of("category", category))).ok();
        manager().patch(product, Map.of("name", "x")).ok();
        manager().post(product + "stock/", Map.of("delta", 1, "reason", "x")).ok();
        var order = newOrder() + "/";
        customer().get(order).ok();
        manager().put(order, Map.of("status", "confirmed")).ok();
        customer().delete(order).ok();
        assertThat(manager().delete(product).status()).isEqualTo(204);
        assertThat(manager().delete("/api/categories/" + category + "/").status())
                .isEqualTo(204);
    }

    private String newOrder() {
        return customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", newProduct(1), "quantity", 1))))
                .created()
                .header("Location")
                .orElseThrow();
    }

    private String signInToken() {
        return anyone().post(
                        "/api/auth/login",
                        Map.of("email", customer().get("/api/auth/me").string("email"), "password", PASSWORD))
                .ok()
                .string("access_token");
    }
}
