package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.transaction.support.TransactionTemplate;

/** The tree of categories stays a tree, and nothing falls out of it. */
class CategoriesTest extends StoreTest {
    @Autowired
    private TransactionTemplate transaction;

    @Test
    void aCategoryIsReadAsItWasWritten() {
        var name = "Сыры и творог " + UUID.randomUUID();
        var made = manager().post("/api/categories", Map.of("name", name)).created();
        var path = "/api/categories/" + made.string("id");
        assertThat(made.header("Location")).hasValue(path);
        assertThat(made.body().propertyNames()).containsExactly("id", "name", "slug", "parent_id", "product_count");
        assertThat(made.string("slug")).startsWith("syry-i-tvorog-");
        assertThat(made.body().get("parent_id").isNull()).isTrue();
        assertThat(anyone().get(path).text()).isEqualTo(made.text());
        assertThat(anyone().get("/api/categories").body().get("items").valueStream())
                .contains(made.body());
    }

    @Test
    void namesInAnyCaseAndSlugsAreTakenOnce() {
        var unique = UUID.randomUUID().toString();
        var name = "Крупы " + unique;
        manager()
                .post("/api/categories", Map.of("name", name, "slug", "krupy-" + unique))
                .created();
        manager().post("/api/categories", Map.of("name", "КРУПЫ " + unique)).problem(409, "category_name_taken");
        manager()
                .post("/api/categories", Map.of("name", "Иное " + unique, "slug", "krupy-" + unique))
                .problem(409, "slug_taken");
        var other = "/api/categories/" + newCategory("Другие " + unique);
        manager().put(other, Map.of("name", name)).problem(409, "category_name_taken");
        manager()
                .put(other, Map.of("name", "Другие " + unique, "slug", "krupy-" + unique))
                .problem(409, "slug_taken");
        manager().put(other, Map.of("name", "ДРУГИЕ " + unique)).ok();
    }

    @Test
    void aSlugMadeOfANameIsOneThatCanBeWrittenBack() {
        var longName = UUID.randomUUID() + "ж".repeat(150);
        for (var name : List.of(longName, longName + "а", longName + "б", "日本 " + UUID.randomUUID())) {
            var made = manager().post("/api/categories", Map.of("name", name)).created();
            var back = Map.of("name", name, "slug", made.string("slug"));
            assertThat(manager()
                            .put("/api/categories/" + made.string("id"), back)
                            .ok()
                            .text())
                    .isEqualTo(made.text());
        }
    }

    @Test
    void noCategoryComesToLieBelowItself() {
        var unique = UUID.randomUUID().toString();
        var top = newCategory("Верх " + unique);
        var middle = newCategory("Середина " + unique, top);
        var bottom = newCategory("Низ " + unique, middle);
        for (var below : List.of(top, middle, bottom)) {
            manager()
                    .put("/api/categories/" + top, Map.of("name", "Верх " + unique, "parent_id", below))
                    .problem(409, "category_cycle");
        }
        for (var nowhere : List.of("x", UUID.randomUUID().toString())) {
            manager()
                    .put("/api/categories/" + top, Map.of("name", "Верх " + unique, "parent_id", nowhere))
                    .problem(400, "invalid_request");
        }
    }

    @Test
    void countsAndFiltersFollowACategoryThatMoves() {
        var unique = UUID.randomUUID().toString();
        var top = newCategory("Верх " + unique);
        var other = newCategory("Рядом " + unique);
        var sub = newCategory("Под " + unique, top);
        newProduct(Map.of("category", sub));
        newProduct(Map.of("category", top));
        assertThat(counts(top, sub, other)).containsExactly(2L, 1L, 0L);
        var moved = new HashMap<String, Object>(Map.of("name", "Под " + unique, "parent_id", other));
        manager().put("/api/categories/" + sub, moved).ok();
        assertThat(counts(top, sub, other)).containsExactly(1L, 1L, 1L);
        moved.put("parent_id", null);
        assertThat(manager()
                        .put("/api/categories/" + sub, moved)
                        .ok()
                        .body()
                        .get("parent_id")
                        .isNull())
                .isTrue();
        assertThat(counts(top, sub, other)).containsExactly(1L, 1L, 0L);
    }

    @Test
    void onlyAnEmptyCategoryCanBeDeleted() {
        var unique = UUID.randomUUID().toString();
        var top = newCategory("Верх " + unique);
        var sub = newCategory("Под " + unique, top);
        var product = newProduct(Map.of("category", sub, "stock", 1));
        var order = customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", product, "quantity", 1))))
                .created();
        manager().delete("/api/categories/" + top).problem(409, "category_not_empty");
        manager().delete("/api/categories/" + sub).problem(409, "category_not_empty");
        manager().delete("/api/products/" + product);
        assertThat(manager().delete("/api/categories/" + sub).status()).isEqualTo(204);
        assertThat(manager().delete("/api/categories/" + top).status()).isEqualTo(204);
        manager().delete("/api/categories/" + top).problem(404, "not_found");
        anyone().get("/api/categories/" + sub).problem(404, "not_found");
        assertThat(customer().get("/api/orders/" + order.string("id")).ok().text())
                .isEqualTo(order.text());
        assertThat(anyone().get("/api/products?category=" + sub)
                        .ok()
                        .body()
                        .get("total")
                        .asInt())
                .isZero();
    }

    @Test
    void aProductThatComesInMeanwhileStopsTheDeletion() throws Exception {
        var category = newCategory("Гонка " + UUID.randomUUID());
        var elsewhere = newProduct(1);
        var answer = new CompletableFuture<Client.Answer>();
        transaction.executeWithoutResult(status -> {
            db.sql("UPDATE product SET category_id = CAST(:category AS uuid) WHERE id = CAST(:id AS uuid)")
                    .param("category", category)
                    .param("id", elsewhere)
                    .update();
            Thread.ofVirtual().start(() -> answer.complete(manager().delete("/api/categories/" + category)));
            awaitALockedOutConnection();
        });
        answer.get().problem(409, "category_not_empty");
    }

    @Test
    void aCategoryThatGoesMeanwhileIsUnknownToTheProduct() throws Exception {
        var category = newCategory("Гонка " + UUID.randomUUID());
        var answer = new CompletableFuture<Client.Answer>();
        var input = productInput(Map.of("category", category));
        transaction.executeWithoutResult(status -> {
            db.sql("DELETE FROM category WHERE id = CAST(:id AS uuid)")
                    .param("id", category)
                    .update();
            Thread.ofVirtual().start(() -> answer.complete(manager().post("/api/products", input)));
            awaitALockedOutConnection();
        });
        var refused = answer.get().problem(400, "invalid_request");
        assertThat(refused.body().get("errors").get(0).get("code").asString()).isEqualTo("unknown_category");
    }

    private List<Long> counts(String... categories) {
        var counts = new java.util.ArrayList<Long>();
        for (var category : categories) {
            var count = anyone().get("/api/categories/" + category)
                    .body()
                    .get("product_count")
                    .asLong();
            assertThat(anyone().get("/api/products?category=" + category)
                            .body()
                            .get("total")
                            .asLong())
                    .isEqualTo(count);
            assertThat(anyone().get("/api/categories")
                            .body()
                            .get("items")
                            .valueStream()
                            .filter(item -> item.get("id").asString().equals(category))
                            .map(item -> item.get("product_count").asLong()))
                    .containsExactly(count);
            counts.add(count);
        }
        return counts;
    }
}
