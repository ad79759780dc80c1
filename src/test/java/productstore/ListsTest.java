package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Lists: what is in them, in which order, and how one walks through them while others write. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ListsTest extends StoreTest {
    private static final Pattern LINK = Pattern.compile("<([^>]*)>; rel=\"(\\w+)\"");
    // As a Russian dictionary has them: е and ё are one letter until nothing else differs, small before capital,
    // and Cyrillic before Latin.
    private static final List<String> ALPHABET =
            List.of("ежевика", "Ёжевика", "Ёлка", "ель", "Ель", "Жук", "Яблоко", "apple", "Apple");
    private final String mark = UUID.randomUUID().toString();
    private String shelf = "";
    private String drawer = "";
    private List<JsonNode> products = List.of();

    @BeforeAll
    void fill() {
        shelf = newCategory("Полка " + mark);
        drawer = newCategory("Ящик " + mark, shelf);
        var names = List.of(
                "Ёжевика", "ежевика", "Ель", "Apple", "apple", "Яблоко", "ель", "Ёлка", "Жук", "Apple", "Яблоко");
        for (int n = 0; n < names.size(); n++) {
            newProduct(Map.of(
                    "name",
                    names.get(n),
                    "category",
                    n % 2 == 0 ? shelf : drawer,
                    "stock",
                    n % 3,
                    "price",
                    Map.of("amount", String.valueOf(10 + n / 3), "currency", "RUB")));
        }
        products =
                items(anyone().get("/api/products?limit=100&category=" + shelf).ok());
        assertThat(products).hasSize(11);
    }

    @ParameterizedTest
    @CsvSource({"name", "slug", "id", "NAME"})
    void aCategoryIsNamedByNameSlugOrIdAndHasItsSubCategories(String by) {
        var read = anyone().get("/api/categories/" + shelf).body();
        var reference = by.equals("NAME")
                ? read.get("name").asString().toUpperCase(java.util.Locale.ROOT)
                : read.get(by).asString();
        assertThat(total("category=" + encoded(reference))).isEqualTo(11);
        assertThat(total("category=" + drawer)).isEqualTo(5);
    }

    @Test
    void filtersHoldTogetherAndTheirBoundsAreInclusive() {
        assertThat(total("category=" + encoded("нет такой " + mark))).isZero();
        assertThat(total("category=" + shelf + "&min_price=11&max_price=12")).isEqualTo(6);
        assertThat(total("category=" + shelf + "&min_price=11.01")).isEqualTo(5);
        assertThat(total("category=" + shelf + "&max_price=9.99")).isZero();
        assertThat(total("category=" + shelf + "&min_price=12&max_price=11")).isZero();
        assertThat(total("category=" + shelf + "&in_stock=true")).isEqualTo(7);
        assertThat(total("category=" + shelf + "&in_stock=true&min_price=13")).isEqualTo(1);
        var empty =
                anyone().get("/api/products?category=" + encoded("нет " + mark)).ok();
        assertThat(empty.text()).isEqualTo("{\"items\":[],\"total\":0,\"limit\":20,\"offset\":0,\"next_cursor\":null}");
        assertThat(links(empty)).containsOnlyKeys("first", "last");
    }

    @ParameterizedTest
    @ValueSource(strings = {"price_asc", "price_desc", "name_asc", "name_desc", "newest"})
    void everyOrderIsKeptWithTiesByIdInItsDirectionHoweverOneWalks(String sort) {
        var path = "/api/products?category=" + shelf + "&sort=" + sort;
        var whole = items(anyone().get(path + "&limit=100").ok());
        Comparator<JsonNode> order = switch (sort) {
            case "price_asc", "price_desc" ->
                Comparator.comparing(
                        p -> new BigDecimal(p.get("price").get("amount").asString()));
            case "newest" ->
                Comparator.comparing(
                        p -> OffsetDateTime.parse(p.get("created_at").asString()));
            default ->
                Comparator.comparingInt(p -> ALPHABET.indexOf(p.get("name").asString()));
        };
        order = order.thenComparing(p -> p.get("id").asString());
        var expected = new ArrayList<>(products);
        expected.sort(sort.endsWith("asc") ? order : order.reversed());
        assertThat(ids(whole)).isEqualTo(ids(expected));
        walk(path, ids(expected));
    }

    /** Forward and backward, by offset and by cursor, with limits that fit and that don't. */
    private void walk(String path, List<String> expected) {
        for (var limit : List.of(1, 3, 4, 11, 12)) {
            var first = path + "&limit=" + limit;
            assertThat(ids(pages(first, "next").stream().flatMap(List::stream).toList()))
                    .isEqualTo(expected);
            var byOffset = links(customer().get(first).ok());
            assertThat(byOffset.get("first")).isEqualTo(first);
            assertThat(byOffset).doesNotContainKey("prev");
            assertThat(ids(reversed(pages(byOffset.get("last"), "prev")))).isEqualTo(expected);

            var uncounted = first + "&with_total=false";
            var answer = customer().get(uncounted).ok();
            assertThat(answer.body().has("total")).isFalse();
            var cursors = new ArrayList<JsonNode>();
            for (@Nullable String at = uncounted; at != null; ) {
                var page = customer().get(at).ok();
                cursors.addAll(items(page));
                var next = page.body().get("next_cursor");
                at = next.isNull() ? null : uncounted + "&cursor=" + next.asString();
                assertThat(page.body().get("offset").isNull())
                        .isEqualTo(page.response().uri().getQuery().contains("cursor="));
            }
            assertThat(ids(cursors)).isEqualTo(expected);
            assertThat(ids(reversed(pages(links(answer).get("last"), "prev")))).isEqualTo(expected);
        }
    }

    private static List<JsonNode> reversed(List<List<JsonNode>> pages) {
        return pages.reversed().stream().flatMap(List::stream).toList();
    }

    private List<List<JsonNode>> pages(@Nullable String path, String relation) {
        var pages = new ArrayList<List<JsonNode>>();
        for (var at = path; at != null; ) {
            var page = customer().get(at).ok();
            assertThat(pages).hasSizeLessThan(50);
            pages.add(items(page));
            at = links(page).get(relation);
        }
        return pages;
    }

    @Test
    void aListIsWalkedByCursorWhileOthersWriteWithoutMissingOrRepeatingAnything() {
        var category = newCategory("Рынок " + UUID.randomUUID());
        var there = new ArrayList<String>();
        for (int n = 0; n < 12; n++) {
            there.add(newProduct(Map.of("category", category, "price", rub(100 + n))));
        }
        var lasting = new HashSet<>(there);
        var seen = new ArrayList<String>();
        @Nullable String cursor = null;
        int round = 0;
        do {
            var page = anyone().get("/api/products?sort=price_asc&limit=3&category=" + category
                    + (cursor == null ? "" : "&cursor=" + cursor));
            seen.addAll(ids(items(page.ok())));
            var next = page.body().get("next_cursor");
            cursor = next.isNull() ? null : next.asString();
            // One in front, one behind; the row the cursor stands at goes, another one changes.
            newProduct(Map.of("category", category, "price", rub(1)));
            newProduct(Map.of("category", category, "price", rub(105)));
            var at = seen.getLast();
            manager().delete("/api/products/" + at);
            lasting.remove(at);
            manager().patch("/api/products/" + there.get(11), Map.of("description", "правка " + round));
        } while (cursor != null && round++ < 20);
        assertThat(seen).doesNotHaveDuplicates().containsAll(lasting);
    }

    @Test
    void theLinksKeepTheQuery() {
        var query = "/api/products?category=" + encoded("Полка " + mark) + "&in_stock=true&limit=2&utm=%26%3D%3E";
        var links = links(anyone().get(query).ok());
        assertThat(links.get("next")).isEqualTo(query + "&offset=2");
        assertThat(items(anyone().get(links.getOrDefault("next", "")).ok())).hasSize(2);
        assertThat(links(anyone().get(query.replace("products?", "products/?")).ok())
                        .get("next"))
                .contains("offset=2");
    }

    @Test
    void ordersAreListedByOwnerStatusTimeAndTotal() {
        var buyer = newCustomer();
        var id = buyer.get("/api/auth/me").string("id");
        var orders = new ArrayList<JsonNode>();
        for (var price : List.of(30, 10, 20, 10)) {
            var product = newProduct(Map.of("price", rub(price)));
            orders.add(buyer.post("/api/orders", Map.of("items", List.of(Map.of("product_id", product, "quantity", 1))))
                    .created()
                    .body());
        }
        manager()
                .put("/api/orders/" + orders.get(1).get("id").asString(), Map.of("status", "confirmed"))
                .ok();
        Function<Integer, String> nth = n -> orders.get(n).get("id").asString();
        Map<String, List<Integer>> expected = Map.of(
                "sort=newest",
                List.of(3, 2, 1, 0),
                "",
                List.of(3, 2, 1, 0),
                "sort=oldest",
                List.of(0, 1, 2, 3),
                "sort=total_asc",
                List.of(1, 3, 2, 0),
                "sort=total_desc",
                List.of(0, 2, 3, 1),
                "status=confirmed",
                List.of(1),
                "status=pending&sort=oldest",
                List.of(0, 2, 3),
                "created_from=" + encoded(orders.get(2).get("created_at").asString()),
                List.of(3, 2),
                "created_to=" + encoded(orders.get(2).get("created_at").asString()),
                List.of(1, 0),
                "created_from=2020-01-01T00:00:00+03:00&created_to=2020-01-02T00:00:00Z",
                List.of());
        expected.forEach((query, places) -> {
            var wanted = places.stream().map(nth).toList();
            assertThat(ids(items(buyer.get("/api/orders?" + query).ok())))
                    .as(query)
                    .isEqualTo(wanted);
            assertThat(ids(items(manager()
                            .get("/api/orders?customer_id=" + id + "&" + query)
                            .ok())))
                    .isEqualTo(wanted);
        });
        assertThat(items(manager().get("/api/orders?customer_id=nobody").ok())).isEmpty();
        assertThat(items(manager().get("/api/orders?limit=100").ok()).stream()
                        .map(order -> order.get("customer").get("id").asString())
                        .distinct())
                .hasSizeGreaterThanOrEqualTo(1);
        var one = buyer.get("/api/orders?limit=1").ok();
        assertThat(items(one).getFirst().toString())
                .isEqualTo(buyer.get("/api/orders/" + nth.apply(3)).text());
        for (var sort : List.of("newest", "oldest", "total_asc", "total_desc")) {
            var all = ids(items(buyer.get("/api/orders?sort=" + sort).ok()));
            assertThat(ids(byCursor(buyer, "/api/orders?with_total=false&limit=1&sort=" + sort)))
                    .isEqualTo(all);
        }
    }

    private static List<JsonNode> byCursor(Client client, String path) {
        var all = new ArrayList<JsonNode>();
        for (@Nullable String at = path; at != null; ) {
            var page = client.get(at).ok();
            all.addAll(items(page));
            var next = page.body().get("next_cursor");
            at = next.isNull() ? null : path + "&cursor=" + next.asString();
        }
        return all;
    }

    private long total(String query) {
        var answer = anyone().get("/api/products?" + query).ok().body();
        assertThat(answer.get("items"))
                .hasSize((int) Math.min(20, answer.get("total").asLong()));
        return answer.get("total").asLong();
    }

    private static Map<String, String> rub(int amount) {
        return Map.of("amount", String.valueOf(amount), "currency", "RUB");
    }

    static Map<String, String> links(Client.Answer answer) {
        var links = new HashMap<String, String>();
        var link = LINK.matcher(answer.header("Link").orElseThrow());
        while (link.find()) {
            links.put(link.group(2), link.group(1));
        }
        return links;
    }

    private static List<JsonNode> items(Client.Answer page) {
        return page.body().get("items").valueStream().toList();
    }

    private static List<String> ids(List<JsonNode> items) {
        return items.stream().map(item -> item.get("id").asString()).toList();
    }

    private static String encoded(String text) {
        return java.net.URLEncoder.encode(text, java.nio.charset.StandardCharsets.UTF_8);
    }
}
