package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Entity tags: what a client has is not sent again, and what it does not know it does not overwrite. */
class EntityTagsTest extends StoreTest {
    private static final String STALE = "\"AAAAAAAAAAAAAAAAAAAA\"";

    @Test
    void everySingleResourceHasAStrongTagAndIsNotSentTwice() {
        var category = newCategory("Метки " + UUID.randomUUID());
        for (var path : List.of(
                "/api/products/" + newProduct(1),
                "/api/categories/" + category,
                newOrder(),
                "/api/users/" + customerId(),
                "/api/auth/me")) {
            var tag = tag(path);
            assertThat(tag).matches("\"[!#-~]+\"");
            for (var known : List.of(tag, "W/" + tag, STALE + ", " + tag)) {
                var answer = admin().with("If-None-Match", known).get(path);
                assertThat(answer.status()).as(path + " " + known).isEqualTo(304);
                assertThat(answer.text()).isEmpty();
                assertThat(answer.header("ETag")).hasValue(tag);
                assertThat(answer.header("X-Trace-Id")).isPresent();
            }
            assertThat(admin().with("If-None-Match", tag)
                            .send("HEAD", path, null)
                            .status())
                    .isEqualTo(304);
            admin().with("If-None-Match", STALE).get(path).ok();
        }
    }

    @Test
    void aWriteWithAStaleTagIsRefusedAndChangesNothing() {
        var category = newCategory("Замки " + UUID.randomUUID());
        var product = "/api/products/" + newProduct(Map.of("category", category, "stock", 3));
        var order = newOrder();
        var before = List.of(
                anyone().get(product).text(),
                anyone().get("/api/categories/" + category).text(),
                admin().get(order).text());
        for (var stale : List.of(STALE, "W/" + tag(product), "x", "\"", STALE + ", " + STALE)) {
            var client = manager().with("If-Match", stale);
            client.put(product, productInput(Map.of("category", category))).problem(412, "precondition_failed");
            client.patch(product, Map.of("name", "x")).problem(412, "precondition_failed");
            client.post(product + "/stock", Map.of("delta", 1, "reason", "x")).problem(412, "precondition_failed");
            client.delete(product).problem(412, "precondition_failed");
            client.put("/api/categories/" + category, Map.of("name", "x")).problem(412, "precondition_failed");
            client.delete("/api/categories/" + category).problem(412, "precondition_failed");
            client.put(order, Map.of("status", "confirmed")).problem(412, "precondition_failed");
            client.delete(order).problem(412, "precondition_failed");
            admin().with("If-Match", stale)
                    .put("/api/users/" + customerId(), Map.of("role", "customer", "active", true))
                    .problem(412, "precondition_failed");
        }
        assertThat(List.of(
                        anyone().get(product).text(),
                        anyone().get("/api/categories/" + category).text(),
                        admin().get(order).text()))
                .isEqualTo(before);
    }

    @Test
    void aWriteWithTheTagOfTheLastAnswerGoesOn() {
        var category = newCategory("Цепочка " + UUID.randomUUID());
        var made = manager()
                .post("/api/products", productInput(Map.of("category", category)))
                .created();
        var product = made.header("Location").orElseThrow();
        var answer = matching(made).patch(product, Map.of("name", "Раз")).ok();
        answer = matching(answer)
                .put(product, productInput(Map.of("category", category)))
                .ok();
        answer = matching(answer)
                .post(product + "/stock", Map.of("delta", 1, "reason", "x"))
                .ok();
        assertThat(answer.header("ETag")).hasValue(tag(product));
        manager()
                .with("If-Match", STALE + " , " + tag(product))
                .patch(product, Map.of("name", "Два"))
                .ok();
        manager().with("If-Match", "*").patch(product, Map.of("name", "Три")).ok();
        assertThat(manager().with("If-Match", tag(product)).delete(product).status())
                .isEqualTo(204);
        manager().with("If-Match", "*").delete(product).problem(404, "not_found");
        var order = newOrder();
        var confirmed = manager()
                .with("If-Match", tag(order))
                .put(order, Map.of("status", "confirmed"))
                .ok();
        matching(confirmed).delete(order).ok();
        assertThat(manager()
                        .with("If-Match", tag("/api/categories/" + category))
                        .delete("/api/categories/" + category)
                        .status())
                .isEqualTo(204);
    }

    @Test
    void theTagChangesWithWhateverIsInTheResource() {
        var name = "Имя " + UUID.randomUUID();
        var category = newCategory(name);
        var id = newProduct(Map.of("category", category, "stock", 5));
        var product = "/api/products/" + id;
        var first = tag(product);
        manager()
                .put("/api/categories/" + category, Map.of("name", name + " новое"))
                .ok();
        var renamed = tag(product);
        assertThat(renamed).isNotEqualTo(first);
        customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", id, "quantity", 1))))
                .created();
        assertThat(tag(product)).isNotEqualTo(renamed);
        var counted = tag("/api/categories/" + category);
        newProduct(Map.of("category", category));
        assertThat(tag("/api/categories/" + category)).isNotEqualTo(counted);
    }

    @Test
    void writingWhatIsThereAlreadyKeepsTheTag() {
        var category = newCategory("Покой " + UUID.randomUUID());
        var input = productInput(Map.of("category", category, "description", "Как было"));
        var made = manager().post("/api/products", input).created();
        var product = made.header("Location").orElseThrow();
        var answer = manager().put(product, input).ok();
        assertThat(answer.text()).isEqualTo(made.text());
        assertThat(manager().patch(product, "{}").ok().text()).isEqualTo(made.text());
        assertThat(answer.header("ETag")).isEqualTo(made.header("ETag"));
        var before = anyone().get("/api/categories/" + category).ok();
        var same = Map.of("name", before.string("name"), "slug", before.string("slug"));
        assertThat(manager().put("/api/categories/" + category, same).ok().header("ETag"))
                .isEqualTo(before.header("ETag"));
    }

    @Test
    void ofManyWritersWithOneTagExactlyOneWins() throws Exception {
        var product = "/api/products/" + newProduct(100);
        var order = newOrder();
        var category = "/api/categories/" + newCategory("Гонка " + UUID.randomUUID());
        var writers = 8;
        for (var path : List.of(product, order, category)) {
            var client = manager().with("If-Match", tag(path));
            var barrier = new CyclicBarrier(writers);
            try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
                var running = IntStream.range(0, writers)
                        .mapToObj(n -> pool.submit(() -> {
                            barrier.await();
                            return path.equals(product)
                                    ? client.patch(path, Map.of("name", "Писатель " + n))
                                            .status()
                                    : path.equals(order)
                                            ? client.put(path, Map.of("status", n % 2 == 0 ? "confirmed" : "cancelled"))
                                                    .status()
                                            : client.put(path, Map.of("name", "Писатель " + n + UUID.randomUUID()))
                                                    .status();
                        }))
                        .toList();
                var statuses = new java.util.ArrayList<Integer>();
                for (var one : running) {
                    statuses.add(one.get());
                }
                assertThat(statuses).as(path).containsOnly(200, 412);
                assertThat(statuses.stream().filter(status -> status == 200))
                        .as(path)
                        .hasSize(1);
            }
        }
    }

    private Client matching(Client.Answer answer) {
        return manager().with("If-Match", answer.header("ETag").orElseThrow());
    }

    private String tag(String path) {
        return admin().get(path).ok().header("ETag").orElseThrow();
    }

    private String customerId() {
        return customer().get("/api/auth/me").string("id");
    }

    private String newOrder() {
        return customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", newProduct(1), "quantity", 1))))
                .created()
                .header("Location")
                .orElseThrow();
    }
}
