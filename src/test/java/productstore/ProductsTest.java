package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.transaction.support.TransactionTemplate;

/** What may happen to a product, and what becomes of it. */
class ProductsTest extends StoreTest {
    @Autowired
    private TransactionTemplate transaction;

    @Test
    void aProductIsReadAsItWasWritten() {
        var category = newCategory("Полка " + UUID.randomUUID());
        var input = productInput(Map.of("category", category, "price", money("0199.9", "RUB")));
        var made = manager().post("/api/products", input).created();
        assertThat(made.header("Location")).hasValue("/api/products/" + made.string("id"));
        assertThat(anyone().get(made.header("Location").orElseThrow()).text()).isEqualTo(made.text());
        assertThat(made.body().propertyNames())
                .containsExactly(
                        "id",
                        "sku",
                        "name",
                        "description",
                        "category",
                        "price",
                        "stock",
                        "image_url",
                        "created_at",
                        "updated_at");
        assertThat(made.body().get("category").propertyNames()).containsExactly("id", "name", "slug");
        assertThat(made.body().get("price").toString()).isEqualTo("{\"amount\":\"199.90\",\"currency\":\"RUB\"}");
        assertThat(made.body().get("description").isNull()).isTrue();
        assertThat(made.body().get("image_url").isNull()).isTrue();
        assertThat(made.string("created_at")).matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?Z");
    }

    @Test
    void aCurrencyHasTheDecimalsItHas() {
        var amounts = Map.of(
                "RUB 5",
                "5.00",
                "RUB 5.5",
                "5.50",
                "JPY 100",
                "100",
                "KWD 1.234",
                "1.234",
                "RUB 999999999999.99",
                "999999999999.99",
                "EUR 0",
                "0.00");
        amounts.forEach((written, read) -> {
            var price = money(written.substring(4), written.substring(0, 3));
            var made = manager()
                    .post("/api/products", productInput(Map.of("price", price)))
                    .created();
            assertThat(made.body().get("price").get("amount").asString()).isEqualTo(read);
        });
    }

    @Test
    void aCategoryIsNamedByItsNameInAnyCaseItsSlugOrItsId() {
        var name = "Ягоды " + UUID.randomUUID();
        var category = newCategory(name);
        var slug = anyone().get("/api/categories/" + category).string("slug");
        for (var reference : List.of(name, name.toUpperCase(java.util.Locale.ROOT), slug, category)) {
            var made = manager()
                    .post("/api/products", productInput(Map.of("category", reference)))
                    .created();
            assertThat(made.body().get("category").get("id").asString())
                    .as(reference)
                    .isEqualTo(category);
        }
    }

    @Test
    void putWritesTheWholeProduct() {
        var product = "/api/products/"
                + newProduct(Map.of("description", "Есть", "image_url", "https://x/y.png", "stock", 3));
        var other = newCategory("Другая " + UUID.randomUUID());
        var put = manager()
                .put(product, productInput(Map.of("category", other, "stock", 8)))
                .ok();
        assertThat(put.body().get("description").isNull()).isTrue();
        assertThat(put.body().get("image_url").isNull()).isTrue();
        assertThat(put.body().get("stock").asInt()).isEqualTo(8);
        assertThat(put.body().get("category").get("id").asString()).isEqualTo(other);
        assertNothingDrifted();
    }

    @Test
    void patchChangesWhatItNamesAndRemovesWhatItNulls() {
        var product = "/api/products/" + newProduct(Map.of("description", "Есть", "stock", 3));
        var before = anyone().get(product).body();
        var priced = manager()
                .patch(product, "{\"price\": {\"amount\": \"5\"}}")
                .ok()
                .body();
        assertThat(priced.get("price").toString()).isEqualTo("{\"amount\":\"5.00\",\"currency\":\"RUB\"}");
        assertThat(priced.get("description").asString()).isEqualTo("Есть");
        assertThat(priced.get("sku")).isEqualTo(before.get("sku"));
        assertThat(priced.get("category")).isEqualTo(before.get("category"));
        assertThat(priced.get("created_at")).isEqualTo(before.get("created_at"));
        assertThat(priced.get("updated_at")).isNotEqualTo(before.get("updated_at"));
        assertThat(manager()
                        .patch(product, "{\"description\": null}")
                        .ok()
                        .body()
                        .get("description")
                        .isNull())
                .isTrue();
        assertThat(manager()
                        .patch(product, "{\"price\": {\"amount\": \"7\", \"currency\": \"JPY\"}}")
                        .ok()
                        .body()
                        .get("price")
                        .toString())
                .isEqualTo("{\"amount\":\"7\",\"currency\":\"JPY\"}");
        assertThat(stockOf(product.substring("/api/products/".length()))).isEqualTo(3);
    }

    @Test
    void anArchivedProductIsGoneButStaysInItsOrders() {
        var id = newProduct(Map.of("stock", 5, "sku", "GONE-" + UUID.randomUUID()));
        var product = "/api/products/" + id;
        var read = anyone().get(product).body();
        var category = read.get("category").get("id").asString();
        var order = customer().post("/api/orders", order(id, 1)).created();
        var archived = manager().delete(product);
        assertThat(archived.status()).isEqualTo(204);
        assertThat(archived.text()).isEmpty();
        anyone().get(product).problem(404, "not_found");
        manager().delete(product).problem(404, "not_found");
        manager().patch(product, Map.of("name", "x")).problem(404, "not_found");
        manager().post(product + "/stock", Map.of("delta", 1, "reason", "x")).problem(404, "not_found");
        assertThat(anyone().get("/api/products?category=" + category).body().get("items"))
                .isEmpty();
        var refused = customer().post("/api/orders", order(id, 1)).problem(409, "product_unavailable");
        assertThat(refused.body().get("errors").get(0).get("field").asString()).isEqualTo("items[0].product_id");
        assertThat(customer().get(order.header("Location").orElseThrow()).text())
                .isEqualTo(order.text());
        customer().delete(order.header("Location").orElseThrow()).ok();
        assertNothingDrifted();
        assertThat(manager()
                        .post(
                                "/api/products",
                                productInput(Map.of("sku", read.get("sku").asString())))
                        .created()
                        .string("id"))
                .isNotEqualTo(id);
    }

    @Test
    void aSkuIsTakenOnce() {
        var sku = "TAKEN-" + UUID.randomUUID();
        var product = newProduct(Map.of("sku", sku));
        manager().post("/api/products", productInput(Map.of("sku", sku))).problem(409, "sku_taken");
        var other = "/api/products/" + newProduct(1);
        manager().patch(other, Map.of("sku", sku)).problem(409, "sku_taken");
        manager().put(other, productInput(Map.of("sku", sku))).problem(409, "sku_taken");
        manager().patch("/api/products/" + product, Map.of("sku", sku)).ok();
    }

    @Test
    void stockMovesByDeltasAndNeverBelowZero() {
        var id = newProduct(3);
        var stock = "/api/products/" + id + "/stock";
        assertThat(manager()
                        .post(stock, Map.of("delta", 5, "reason", "delivery"))
                        .ok()
                        .body()
                        .get("stock")
                        .asInt())
                .isEqualTo(8);
        assertThat(manager()
                        .post(stock, Map.of("delta", -8, "reason", "broken"))
                        .ok()
                        .body()
                        .get("stock")
                        .asInt())
                .isZero();
        manager().post(stock, Map.of("delta", -1, "reason", "broken")).problem(409, "insufficient_stock");
        for (var wrong : List.of(
                "{}",
                "{\"delta\": 0, \"reason\": \"x\"}",
                "{\"delta\": 1}",
                "{\"delta\": 1, \"reason\": \" \"}",
                "{\"delta\": 1000000001, \"reason\": \"x\"}",
                "{\"delta\": -9223372036854775808, \"reason\": \"x\"}",
                "{\"delta\": 1, \"reason\": \"a\\u0000\"}",
                "{\"delta\": 1.5, \"reason\": \"x\"}",
                "{\"delta\": 1, \"reason\": \"x\", \"stock\": 1}")) {
            manager().post(stock, wrong).problem(400, "invalid_request");
        }
        assertThat(stockOf(id)).isZero();
        assertNothingDrifted();
    }

    @Test
    void anOrderThatWaitedForAProductSeesItAsItIsThen() throws Exception {
        var archived = newProduct(5);
        var raised = newProduct(5);
        for (var change : Map.of(
                        archived, "UPDATE product SET archived_at = now() WHERE id = CAST(:id AS uuid)",
                        raised, "UPDATE product SET price = 777 WHERE id = CAST(:id AS uuid)")
                .entrySet()) {
            var answer = new CompletableFuture<Client.Answer>();
            transaction.executeWithoutResult(status -> {
                db.sql("SELECT 1 FROM stock WHERE product_id = CAST(:id AS uuid) FOR UPDATE")
                        .param("id", change.getKey())
                        .query()
                        .singleValue();
                Thread.ofVirtual()
                        .start(() -> answer.complete(customer().post("/api/orders", order(change.getKey(), 1))));
                awaitALockedOutConnection();
                db.sql(change.getValue()).param("id", change.getKey()).update();
            });
            if (change.getKey().equals(archived)) {
                answer.get().problem(409, "product_unavailable");
            } else {
                assertThat(answer.get()
                                .created()
                                .body()
                                .get("total")
                                .get("amount")
                                .asString())
                        .isEqualTo("777.00");
            }
        }
    }

    private static Map<String, Object> order(String product, int quantity) {
        return Map.of("items", List.of(Map.of("product_id", product, "quantity", quantity)));
    }

    private static Map<String, String> money(String amount, String currency) {
        return Map.of("amount", amount, "currency", currency);
    }
}
