package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The rules of orders: what they take, what they keep, and the way they may go. */
class OrdersTest extends StoreTest {
    private static final List<String> STATUSES =
            List.of("pending", "confirmed", "shipped", "delivered", "cancelled", "returned");

    /** The contract's table: from, to, whether the stock is back on sale after it. */
    private static final Map<String, Boolean> MOVES = Map.of(
            "pending confirmed", false,
            "pending cancelled", true,
            "confirmed shipped", false,
            "confirmed cancelled", true,
            "shipped delivered", false,
            "delivered returned", true);

    private static final Map<String, List<String>> WAYS = Map.of(
            "pending", List.of(),
            "confirmed", List.of("confirmed"),
            "shipped", List.of("confirmed", "shipped"),
            "delivered", List.of("confirmed", "shipped", "delivered"),
            "cancelled", List.of("cancelled"),
            "returned", List.of("confirmed", "shipped", "delivered", "returned"));

    static Stream<Arguments> grid() {
        return STATUSES.stream().flatMap(from -> STATUSES.stream().map(to -> Arguments.of(from, to)));
    }

    @ParameterizedTest(name = "{0} -> {1}")
    @MethodSource("grid")
    void anOrderGoesTheWayOfTheTableAndNoOther(String from, String to) {
        var product = newProduct(5);
        var order = place(product, 2);
        WAYS.getOrDefault(from, List.of())
                .forEach(
                        status -> manager().put(order, Map.of("status", status)).ok());
        var before = manager().get(order).ok();
        var stock = stockOf(product);
        var answer = manager().put(order, Map.of("status", to, "comment", "шаг"));
        var backOnSale = MOVES.get(from + " " + to);
        if (from.equals(to)) {
            assertThat(answer.ok().text()).isEqualTo(before.text());
        } else if (backOnSale == null) {
            var detail = answer.problem(409, "illegal_transition").string("detail");
            STATUSES.forEach(next -> {
                if (MOVES.containsKey(from + " " + next)) {
                    assertThat(detail).contains(next);
                }
            });
            assertThat(manager().get(order).text()).isEqualTo(before.text());
        } else {
            assertThat(answer.ok().string("status")).isEqualTo(to);
            var history = answer.body().get("history");
            assertThat(history).hasSize(before.body().get("history").size() + 1);
            var last = history.get(history.size() - 1);
            assertThat(last.propertyNames()).containsExactly("status", "at", "by", "comment", "trace_id");
            assertThat(last.get("status").asString()).isEqualTo(to);
            assertThat(last.get("by").asString())
                    .isEqualTo(manager().get("/api/auth/me").string("id"));
            assertThat(last.get("comment").asString()).isEqualTo("шаг");
            assertThat(last.get("trace_id").asString())
                    .isEqualTo(answer.header("X-Trace-Id").orElseThrow());
            assertThat(last.get("at")).isEqualTo(answer.body().get("updated_at"));
        }
        assertThat(stockOf(product)).isEqualTo(stock + (Boolean.TRUE.equals(backOnSale) ? 2 : 0));
    }

    @ParameterizedTest
    @FieldSource("STATUSES")
    void aCustomerCancelsUntilItIsShipped(String from) {
        var product = newProduct(5);
        var order = place(product, 2);
        WAYS.getOrDefault(from, List.of())
                .forEach(
                        status -> manager().put(order, Map.of("status", status)).ok());
        var answer = customer().delete(order);
        if (from.equals("cancelled") || MOVES.containsKey(from + " cancelled")) {
            assertThat(answer.ok().string("status")).isEqualTo("cancelled");
            assertThat(customer().delete(order).ok().text()).isEqualTo(answer.text());
            assertThat(stockOf(product)).isEqualTo(5);
        } else {
            answer.problem(409, "illegal_transition");
        }
    }

    @Test
    void anOrderHasEverythingItSaysAndNothingElse() {
        var id = newProduct(Map.of("price", Map.of("amount", "0.10", "currency", "RUB"), "stock", 10));
        var order = customer()
                .post("/api/orders", Map.of("items", List.of(line(id, 3))))
                .created()
                .body();
        assertThat(order.propertyNames())
                .containsExactly(
                        "id",
                        "number",
                        "status",
                        "customer",
                        "items",
                        "total",
                        "comment",
                        "shipping_address",
                        "history",
                        "created_at",
                        "updated_at");
        assertThat(order.get("customer").propertyNames()).containsExactly("id", "name", "email");
        assertThat(order.get("items").get(0).propertyNames())
                .containsExactly("product_id", "sku", "name", "quantity", "unit_price", "line_total");
        assertThat(order.get("items").get(0).get("line_total").get("amount").asString())
                .isEqualTo("0.30");
        assertThat(order.get("total").toString()).isEqualTo("{\"amount\":\"0.30\",\"currency\":\"RUB\"}");
        assertThat(order.get("number").asString()).matches("\\d{6,}");
        assertThat(order.get("comment").isNull()).isTrue();
        assertThat(order.get("shipping_address").isNull()).isTrue();
        assertThat(order.get("history")).hasSize(1);
    }

    @Test
    void theSameProductTwiceIsOneLineInThePlaceOfTheFirst() {
        var first = newProduct(10);
        var second = newProduct(10);
        var order = customer()
                .post("/api/orders", Map.of("items", List.of(line(second, 1), line(first, 2), line(second, 3))))
                .created()
                .body()
                .get("items");
        assertThat(order).hasSize(2);
        assertThat(order.get(0).get("product_id").asString()).isEqualTo(second);
        assertThat(order.get(0).get("quantity").asInt()).isEqualTo(4);
        assertThat(order.get(1).get("quantity").asInt()).isEqualTo(2);
        customer()
                .post("/api/orders", Map.of("items", List.of(line(first, 5), line(first, 4))))
                .problem(409, "insufficient_stock");
        assertThat(stockOf(first)).isEqualTo(8);
    }

    @Test
    void everyShortLineIsToldAndNothingIsTaken() {
        var there = newProduct(10);
        var little = newProduct(2);
        var none = newProduct(0);
        var refused = customer()
                .post("/api/orders", Map.of("items", List.of(line(there, 1), line(little, 3), line(none, 1))))
                .problem(409, "insufficient_stock");
        var fields = new ArrayList<String>();
        refused.body()
                .get("errors")
                .forEach(error -> fields.add(error.get("field").asString()));
        assertThat(fields).containsExactlyInAnyOrder("items[1].quantity", "items[2].quantity");
        assertThat(stockOf(there)).isEqualTo(10);
        assertThat(stockOf(little)).isEqualTo(2);
    }

    @Test
    void refusalsLeaveNoGapsBetweenNumbers() {
        var few = newProduct(2);
        var before = place(few);
        for (int n = 0; n < 5; n++) {
            customer()
                    .post("/api/orders", Map.of("items", List.of(line(few, 3))))
                    .problem(409, "insufficient_stock");
        }
        assertThat(place(few)).isEqualTo(before + 1);
    }

    private long place(String product) {
        return Long.parseLong(customer()
                .post("/api/orders", Map.of("items", List.of(line(product, 1))))
                .created()
                .string("number"));
    }

    @Test
    void everyProductThatIsNotForSaleIsTold() {
        var there = newProduct(10);
        var unknown = UUID.randomUUID().toString();
        var refused = customer()
                .post("/api/orders", Map.of("items", List.of(line(there, 1), line("no-id", 1), line(unknown, 1))))
                .problem(409, "product_unavailable");
        var fields = new ArrayList<String>();
        refused.body()
                .get("errors")
                .forEach(error -> fields.add(error.get("field").asString()));
        assertThat(fields).containsExactlyInAnyOrder("items[1].product_id", "items[2].product_id");
        assertThat(stockOf(there)).isEqualTo(10);
    }

    @Test
    void anOrderIsOfOneCurrency() {
        var roubles = newProduct(5);
        var yen = newProduct(Map.of("price", Map.of("amount", "500", "currency", "JPY")));
        customer()
                .post("/api/orders", Map.of("items", List.of(line(roubles, 1), line(yen, 1))))
                .problem(409, "mixed_currencies");
        assertThat(stockOf(roubles)).isEqualTo(5);
        var order = customer()
                .post("/api/orders", Map.of("items", List.of(line(yen, 3))))
                .created();
        assertThat(order.body().get("total").toString()).isEqualTo("{\"amount\":\"1500\",\"currency\":\"JPY\"}");
    }

    @Test
    void namesSkusAndPricesAreKeptAsTheyWere() {
        var id = newProduct(5);
        var order = place(id, 1);
        var before = customer().get(order).text();
        manager()
                .put("/api/products/" + id, productInput(Map.of("price", Map.of("amount", "1", "currency", "EUR"))))
                .ok();
        assertThat(customer().get(order).text()).isEqualTo(before);
    }

    @Test
    void aStatusIsOneOfTheTables() {
        var order = place(newProduct(1), 1);
        for (var body : List.of(
                "{}",
                "{\"status\": null}",
                "{\"status\": \"paid\"}",
                "{\"status\": \"CONFIRMED\"}",
                "{\"status\": \"confirmed\", \"total\": 1}")) {
            manager().put(order, body).problem(400, "invalid_request");
        }
    }

    private String place(String product, int quantity) {
        return customer()
                .post("/api/orders", Map.of("items", List.of(line(product, quantity))))
                .created()
                .header("Location")
                .orElseThrow();
    }

    private static Map<String, Object> line(String product, int quantity) {
        return Map.of("product_id", product, "quantity", quantity);
    }

    @Test
    void aTimeMayBeFarFromGreenwich() {
        customer()
                .get("/api/orders/?created_from=2026-01-01T00:00:00-17:45&created_to=0000-01-01T00:00:00%2B17:45")
                .ok();
    }
}
