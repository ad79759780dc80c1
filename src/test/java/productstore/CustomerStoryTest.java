package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The store as a customer, and the manager on the other side, live through it. */
class CustomerStoryTest extends StoreTest {
    @Test
    void fromTheShelfToTheDoorAndBack() {
        var mark = UUID.randomUUID().toString().substring(0, 8);
        var fruit = newCategory("Фрукты " + mark);
        var apples = newCategory("Яблоки " + mark, fruit);
        var gala = newProduct(Map.of(
                "name",
                "Яблоки Гала " + mark,
                "category",
                apples,
                "stock",
                5,
                "price",
                Map.of("amount", "149.90", "currency", "RUB")));
        var lemon = newProduct(Map.of(
                "name",
                "Лимоны " + mark,
                "category",
                "Фрукты " + mark,
                "stock",
                3,
                "price",
                Map.of("amount", "99.00", "currency", "RUB")));

        // Anna looks for fruit, the cheapest first, and finds the apples of the sub-category too.
        var shelf = anyone().get("/api/products/?sort=price_asc&category=" + encoded("Фрукты " + mark))
                .ok();
        assertThat(shelf.body().get("total").asInt()).isEqualTo(2);
        assertThat(shelf.body().get("items").get(0).get("id").asString()).isEqualTo(lemon);
        assertThat(anyone().get("/api/products?q=" + encoded("яблоко " + mark))
                        .body()
                        .get("items")
                        .get(0)
                        .get("id")
                        .asString())
                .isEqualTo(gala);

        // She signs up and orders; her impatient browser sends the order twice.
        var anna = newCustomer();
        var basket = Map.of(
                "items",
                List.of(Map.of("product_id", gala, "quantity", 2), Map.of("product_id", lemon, "quantity", 1)),
                "comment",
                "Позвоните за час",
                "shipping_address",
                "Москва, Тверская, 1");
        var once = anna.with("Idempotency-Key", "basket-" + mark);
        var placed = once.post("/api/orders/", basket).created();
        var again = once.post("/api/orders/", basket).created();
        assertThat(again.text()).isEqualTo(placed.text());
        assertThat(again.header("Idempotent-Replayed")).hasValue("true");
        assertThat(placed.body().get("total").get("amount").asString()).isEqualTo("398.80");
        assertThat(placed.body().get("history").get(0).get("trace_id").asString())
                .isEqualTo(placed.header("X-Trace-Id").orElseThrow());
        assertThat(stockOf(gala)).isEqualTo(3);
        assertThat(stockOf(lemon)).isEqualTo(2);

        // The price rises; hers stays.
        manager()
                .patch("/api/products/" + gala, Map.of("price", Map.of("amount", "159.90")))
                .ok();
        var order = placed.header("Location").orElseThrow();
        var read = anna.get(order).ok();
        assertThat(read.body()
                        .get("items")
                        .get(0)
                        .get("unit_price")
                        .get("amount")
                        .asString())
                .isEqualTo("149.90");
        assertThat(read.text()).isEqualTo(placed.text());

        // To Boris her order does not exist.
        newCustomer().get(order).problem(404, "not_found");

        // It goes its way, and comes back.
        for (var status : List.of("confirmed", "shipped", "delivered", "returned")) {
            assertThat(manager().put(order, Map.of("status", status)).ok().string("status"))
                    .isEqualTo(status);
        }
        assertThat(stockOf(gala)).isEqualTo(5);
        assertThat(stockOf(lemon)).isEqualTo(3);
        anna.delete(order).problem(409, "illegal_transition");
        assertNothingDrifted();
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
