package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.transaction.support.TransactionTemplate;

/** A POST with an Idempotency-Key happens once, however often it is sent. */
class IdempotencyTest extends StoreTest {
    @Autowired
    private TransactionTemplate transaction;

    @Test
    void theSameRequestGetsTheFirstAnswerToTheByte() {
        var product = newProduct(10);
        var category = "Повтор " + UUID.randomUUID();
        var requests = Map.of(
                "/api/orders",
                order(product, 1),
                "/api/products",
                productInput(Map.of()),
                "/api/categories",
                Map.of("name", category),
                "/api/products/" + product + "/stock",
                Map.of("delta", 5, "reason", "delivery"));
        requests.forEach((path, body) -> {
            var client = keyed(manager());
            var first = client.post(path, body);
            assertThat(first.status()).as(first.text()).isIn(200, 201);
            assertThat(first.header("Idempotent-Replayed")).isEmpty();
            for (var again : List.of(client.post(path, body), client.post(path + "/", body))) {
                assertThat(again.status()).isEqualTo(first.status());
                assertThat(again.response().body()).isEqualTo(first.response().body());
                for (var header : List.of("Location", "ETag", "Content-Type")) {
                    assertThat(again.header(header)).as(header).isEqualTo(first.header(header));
                }
                assertThat(again.header("Idempotent-Replayed")).hasValue("true");
            }
        });
        assertThat(stockOf(product)).isEqualTo(10 - 1 + 5);
    }

    @Test
    void theFirstAnswerIsReplayedThoughTheResourceHasChanged() {
        var client = keyed(customer());
        var product = newProduct(5);
        var first = client.post("/api/orders", order(product, 1)).created();
        manager()
                .put("/api/orders/" + first.string("id"), Map.of("status", "confirmed"))
                .ok();
        assertThat(manager().delete("/api/products/" + product).status()).isEqualTo(204);
        assertThat(client.post("/api/orders", order(product, 1)).created().text())
                .isEqualTo(first.text());
    }

    @Test
    void whiteSpaceAndTheOrderOfMembersDontMakeItAnotherRequest() {
        var client = keyed(customer());
        var product = newProduct(5);
        var line = "[{\"product_id\": \"" + product + "\", \"quantity\": 1}]";
        var first = client.post("/api/orders", "{\"items\": " + line + ", \"comment\": \"x\"}")
                .created();
        assertThat(client.post("/api/orders", "{ \"comment\":\"x\",\n\"items\":" + line + "}")
                        .created()
                        .text())
                .isEqualTo(first.text());
        assertThat(stockOf(product)).isEqualTo(4);
    }

    @Test
    void aKeyBelongsToOneBodyOneAddressAndOneUser() {
        var key = UUID.randomUUID().toString();
        var product = newProduct(10);
        var client = manager().with("Idempotency-Key", key);
        client.post("/api/orders", order(product, 1)).created();
        client.post("/api/orders", order(product, 2)).problem(422, "idempotency_key_reused");
        client.post("/api/products", productInput(Map.of())).problem(422, "idempotency_key_reused");
        client.post("/api/products/" + product + "/stock", Map.of("delta", 1, "reason", "x"))
                .problem(422, "idempotency_key_reused");
        client.post("/api/categories", Map.of("name", key)).problem(422, "idempotency_key_reused");
        var stranger = customer()
                .with("Idempotency-Key", key)
                .post("/api/orders", order(product, 2))
                .created();
        assertThat(stranger.header("Idempotent-Replayed")).isEmpty();
        assertThat(stockOf(product)).isEqualTo(7);

        var stock = keyed(manager());
        var delivery = Map.of("delta", 1, "reason", "delivery");
        stock.post("/api/products/" + product + "/stock", delivery).ok();
        stock.post("/api/products/" + newProduct(1) + "/stock", delivery).problem(422, "idempotency_key_reused");
    }

    @Test
    void aKeyHasOneTo255PrintableCharactersOfAscii() {
        var product = newProduct(5);
        var unique = UUID.randomUUID().toString();
        customer()
                .with("Idempotency-Key", unique + "k".repeat(219))
                .post("/api/orders", order(product, 1))
                .created();
        for (var key : List.of(unique + "k".repeat(220), "a\tb")) {
            var refused = customer().with("Idempotency-Key", key).post("/api/orders", order(product, 1));
            assertThat(refused.problem(400, "invalid_request")
                            .body()
                            .get("errors")
                            .get(0)
                            .get("field")
                            .asString())
                    .isEqualTo("Idempotency-Key");
        }
        for (var key : List.of("ключ", "")) {
            var line =
                    "POST /api/categories HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
            var refused = Wire.send(
                    port,
                    line + "Authorization: Bearer " + managerToken() + "\r\nIdempotency-Key: "
                            + new String(
                                    key.getBytes(java.nio.charset.StandardCharsets.UTF_8),
                                    java.nio.charset.StandardCharsets.ISO_8859_1)
                            + "\r\nContent-Length: 12\r\n\r\n{\"name\":\"x\"}");
            assertThat(refused.status()).as(refused.body()).isEqualTo(400);
        }
        assertThat(stockOf(product)).isEqualTo(4);
    }

    @Test
    void aFailureIsNotKept() {
        var client = keyed(customer());
        var product = newProduct(0);
        client.post("/api/orders", order(product, 1)).problem(409, "insufficient_stock");
        manager()
                .post("/api/products/" + product + "/stock", Map.of("delta", 1, "reason", "delivery"))
                .ok();
        var placed = client.post("/api/orders", order(product, 1)).created();
        assertThat(placed.header("Idempotent-Replayed")).isEmpty();
        assertThat(stockOf(product)).isZero();

        var maker = keyed(manager());
        var name = "Ошибка " + UUID.randomUUID();
        maker.post("/api/categories", Map.of("name", "")).problem(400, "invalid_request");
        maker.post("/api/categories", Map.of("name", name)).created();
    }

    @Test
    void whileTheFirstRunsTheSecondIsToldToWait() throws Exception {
        var product = newProduct(5);
        var client = keyed(customer());
        var first = new CompletableFuture<Client.Answer>();
        transaction.executeWithoutResult(status -> {
            db.sql("SELECT 1 FROM stock WHERE product_id = CAST(:id AS uuid) FOR UPDATE")
                    .param("id", product)
                    .query()
                    .singleValue();
            Thread.ofVirtual().start(() -> first.complete(client.post("/api/orders", order(product, 1))));
            awaitALockedOutConnection();
            var second = client.post("/api/orders", order(product, 1));
            second.problem(409, "idempotency_in_flight");
            assertThat(second.header("Retry-After")).hasValue("1");
        });
        first.get().created();
        assertThat(stockOf(product)).isEqualTo(4);
    }

    @Test
    void aStormOfOneKeyPlacesOneOrder() throws Exception {
        var product = newProduct(100);
        var client = keyed(customer());
        var answers = atOnce(16, () -> client.post("/api/orders", order(product, 3)));
        var ids = new HashSet<String>();
        for (var answer : answers) {
            if (answer.status() == 409) {
                answer.problem(409, "idempotency_in_flight");
            } else {
                ids.add(answer.created().string("id"));
            }
        }
        assertThat(ids).hasSize(1);
        assertThat(stockOf(product)).isEqualTo(97);
    }

    @Test
    void whatIsDoneIsReplayedToAllWhoAskAtOnce() throws Exception {
        var product = newProduct(100);
        var client = keyed(customer());
        client.post("/api/orders", order(product, 1)).created();
        for (int round = 0; round < 5; round++) {
            assertThat(atOnce(16, () -> client.post("/api/orders", order(product, 1))))
                    .allSatisfy(answer -> assertThat(answer.status()).isEqualTo(201));
        }
        assertThat(stockOf(product)).isEqualTo(99);
    }

    private static List<Client.Answer> atOnce(int threads, Callable<Client.Answer> call) throws Exception {
        var go = new CountDownLatch(1);
        try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = IntStream.range(0, threads)
                    .mapToObj(n -> pool.submit(() -> {
                        go.await();
                        return call.call();
                    }))
                    .toList();
            go.countDown();
            var answers = new java.util.ArrayList<Client.Answer>();
            for (var one : running) {
                answers.add(one.get());
            }
            return answers;
        }
    }

    private String managerToken() {
        return anyone().post(
                        "/api/auth/login",
                        Map.of("email", manager().get("/api/auth/me").string("email"), "password", PASSWORD))
                .ok()
                .string("access_token");
    }

    private static Client keyed(Client client) {
        return client.with("Idempotency-Key", UUID.randomUUID().toString());
    }

    private static Map<String, Object> order(String product, int quantity) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", quantity)));
    }
}
