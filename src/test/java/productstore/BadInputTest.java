package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a client writes wrongly is refused with 400, the place and the reason, and never breaks anything. */
class BadInputTest extends StoreTest {
    private static final String PRODUCT = """
            {"sku": "S", "name": "N", "category": "C", "price": {"amount": "1.00", "currency": "RUB"}, "stock": 1}""";
    private static final String EMOJI = "🍏";

    static Stream<byte[]> noJson() {
        return Stream.of(
                        "",
                        " ",
                        "{",
                        "{\"sku\": }",
                        "{'sku': 'x'}",
                        "{\"sku\": \"x\",}",
                        PRODUCT + "x",
                        PRODUCT + PRODUCT,
                        "[]",
                        "[" + PRODUCT + "]",
                        "\"text\"",
                        "1",
                        "true",
                        "null",
                        "{\"sku\": NaN}",
                        "{\"sku\": \"a\nb\"}",
                        "{\"sku\": \"\\x\"}",
                        "{\"sku\": \"1\", \"sku\": \"2\"}",
                        PRODUCT.replace("\"amount\"", "\"currency\": \"EUR\", \"amount\""),
                        "// comment\n" + PRODUCT,
                        "[".repeat(10_000),
                        "[".repeat(10_000) + "]".repeat(10_000),
                        "{\"a\":".repeat(10_000) + "1" + "}".repeat(10_000))
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @MethodSource("noJson")
    void whatIsNoObjectOfJsonIsRefused(byte[] body) {
        var id = newProduct(0);
        assertThat(manager().post("/api/products", body).status()).isEqualTo(400);
        assertThat(manager().put("/api/products/" + id, body).status()).isEqualTo(400);
        var patched = manager().patch("/api/products/" + id, body);
        assertThat(patched.problem(400, patched.code()).code()).isIn("invalid_json", "invalid_request");
        assertThat(manager().post("/api/categories", body).status()).isEqualTo(400);
        var ordered = customer().post("/api/orders", body);
        assertThat(ordered.problem(400, ordered.code()).code()).isIn("invalid_json", "invalid_request");
    }

    @Test
    void brokenUtf8IsRefused() {
        for (var broken : List.of(new byte[] {(byte) 0xff}, new byte[] {(byte) 0xc3, '('})) {
            var head = "{\"name\": \"".getBytes(StandardCharsets.UTF_8);
            var tail = "\"}".getBytes(StandardCharsets.UTF_8);
            var body = new byte[head.length + broken.length + tail.length];
            System.arraycopy(head, 0, body, 0, head.length);
            System.arraycopy(broken, 0, body, head.length, broken.length);
            System.arraycopy(tail, 0, body, head.length + broken.length, tail.length);
            manager().post("/api/categories", body).problem(400, "invalid_json");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // what stands in a right product | what stands there instead | field | code
                "\"stock\": 1     | \"stock\": 1, \"colour\": 1                   | colour         | unknown_member",
                "\"stock\": 1     | \"stock\": 1, \"id\": \"x\"                   | id             | unknown_member",
                "\"amount\"       | \"vat\": 20, \"amount\"                       | price.vat      | unknown_member",
                "\"stock\": 1     | \"stock\": 9223372036854775808                | stock          | invalid",
                "\"stock\": 1     | \"stock\": 1e2                                | stock          | invalid",
                "\"stock\": 1     | \"stock\": 1.0                                | stock          | invalid",
                "\"stock\": 1     | \"stock\": 1.5                                | stock          | invalid",
                "\"stock\": 1     | \"stock\": \"1\"                              | stock          | invalid",
                "\"stock\": 1     | \"stock\": true                               | stock          | invalid",
                "\"stock\": 1     | \"stock\": []                                 | stock          | invalid",
                "\"stock\": 1     | \"stock\": {}                                 | stock          | invalid",
                "\"stock\": 1     | \"stock\": null                               | stock          | required",
                "\"stock\": 1     | \"stock\": -1                                 | stock          | out_of_range",
                "\"stock\": 1     | \"stock\": 1000000001                         | stock          | out_of_range",
                "\"sku\": \"S\"   | \"sku\": 1                                    | sku            | invalid",
                "\"sku\": \"S\"   | \"sku\": true                                 | sku            | invalid",
                "\"sku\": \"S\"   | \"sku\": {\"a\": 1}                           | sku            | invalid",
                "\"sku\": \"S\"   | \"sku\": [\"S\"]                              | sku            | invalid",
                "\"sku\": \"S\"   | \"sku\": null                                 | sku            | required",
                "\"sku\": \"S\"   | \"sku\": \"\"                                 | sku            | required",
                "\"sku\": \"S\"   | \"sku\": \" \\t \"                            | sku            | required",
                "\"name\": \"N\"  | \"name\": null                                | name           | required",
                "\"category\": \"C\" | \"category\": null                         | category       | required",
                "\"category\": \"C\" | \"category\": \"no such category\"         | category       | unknown_category",
                "\"1.00\"         | 1.00                                          | price.amount   | invalid",
                "\"1.00\"         | null                                          | price.amount   | required",
                "\"1.00\"         | \"\"                                          | price.amount   | invalid",
                "\"1.00\"         | \"-1.00\"                                     | price.amount   | invalid",
                "\"1.00\"         | \"+1.00\"                                     | price.amount   | invalid",
                "\"1.00\"         | \"1e3\"                                       | price.amount   | invalid",
                "\"1.00\"         | \"1,5\"                                       | price.amount   | invalid",
                "\"1.00\"         | \"1 000\"                                     | price.amount   | invalid",
                "\"1.00\"         | \"1.\"                                        | price.amount   | invalid",
                "\"1.00\"         | \".5\"                                        | price.amount   | invalid",
                "\"1.00\"         | \"٣\"                                         | price.amount   | invalid",
                "\"1.00\"         | \"NaN\"                                       | price.amount   | invalid",
                "\"1.00\"         | \"0x1\"                                       | price.amount   | invalid",
                "\"1.00\"         | \" 1\"                                        | price.amount   | invalid",
                "\"1.00\"         | \"1.005\"                                     | price.amount   | invalid",
                "\"1.00\"         | \"1.000\"                                     | price.amount   | invalid",
                "\"1.00\"         | \"1234567890123\"                             | price.amount   | invalid",
                "\"1.00\", \"currency\": \"RUB\" | \"100.5\", \"currency\": \"JPY\" | price.amount | invalid",
                "\"1.00\", \"currency\": \"RUB\" | \"1.2345\", \"currency\": \"KWD\" | price.amount | invalid",
                "\"RUB\"          | \"rub\"                                       | price.currency | invalid",
                "\"RUB\"          | \"RUBL\"                                      | price.currency | invalid",
                "\"RUB\"          | \"ZZZ\"                                       | price.currency | invalid",
                "\"RUB\"          | \"XXX\"                                       | price.currency | invalid",
                "\"RUB\"          | \"\"                                          | price.currency | invalid",
                "\"RUB\"          | 643                                           | price.currency | invalid",
                "\"RUB\"          | null                                          | price.currency | required",
                "{\"amount\": \"1.00\", \"currency\": \"RUB\"} | null             | price          | required",
                "{\"amount\": \"1.00\", \"currency\": \"RUB\"} | \"1.00 RUB\"     | price          | invalid",
                "{\"amount\": \"1.00\", \"currency\": \"RUB\"} | [1]              | price          | invalid",
                "\"N\"            | \"a\\u0000b\"                                 | name           | invalid",
                "\"N\"            | \"a\\nb\"                                     | name           | invalid",
                "\"N\"            | \"a\\u001bb\"                                 | name           | invalid",
                "\"N\"            | \"a\\u0085b\"                                 | name           | invalid",
                "\"N\"            | \"a\\ud800b\"                                 | name           | invalid",
                "\"N\"            | \"a\\udc00\\ud800b\"                          | name           | invalid",
                "\"N\"            | \"a\\u202eb\"                                 | name           | invalid",
                "\"N\"            | \"a\\u2066b\"                                 | name           | invalid",
                "\"stock\": 1     | \"stock\": 1, \"description\": \"a\\u0000b\"  | description    | invalid",
                "\"stock\": 1     | \"stock\": 1, \"description\": \"\\ud83c\"    | description    | invalid",
                "\"stock\": 1     | \"stock\": 1, \"image_url\": \"a\\u0000b\"    | image_url      | invalid",
                "\"C\"            | \"a\\u0000b\"                                 | category       | invalid",
                "\"S\"            | \"a\\u0000b\"                                 | sku            | invalid",
            })
    void aProductAtFaultIsToldWhereAndWhy(String right, String wrong, String field, String code) {
        assertThat(PRODUCT).contains(right);
        var body = PRODUCT.replace(right, wrong);
        assertThat(faults(manager().post("/api/products", body))).containsExactly(field + " " + code);
        assertThat(faults(manager().with("Idempotency-Key", "bad input").post("/api/products", body)))
                .containsExactly(field + " " + code);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"name\": null}                        | name           | required",
                "{\"price\": null}                       | price          | required",
                "{\"price\": {\"amount\": null}}         | price.amount   | required",
                "{\"price\": {\"currency\": \"JPY\"}}    | price.amount   | invalid",
                "{\"price\": {\"amount\": 5}}            | price.amount   | invalid",
                "{\"price\": {\"vat\": null}}            | price.vat      | unknown_member",
                "{\"price\": \"5\"}                      | price          | invalid",
                "{\"stock\": null}                       | stock          | required",
                "{\"stock\": 1e1}                        | stock          | invalid",
                "{\"stock\": 99999999999999999999}       | stock          | invalid",
                "{\"stock\": \"5\"}                      | stock          | invalid",
                "{\"category\": null}                    | category       | required",
                "{\"category\": \"no such category\"}    | category       | unknown_category",
                "{\"colour\": 1}                         | colour         | unknown_member",
                "{\"colour\": null}                      | colour         | unknown_member",
                "{\"id\": null}                          | id             | unknown_member",
                "{\"name\": \"\\ud800\"}                 | name           | invalid",
                "{\"name\": \"a\\u0000\"}                | name           | invalid",
            })
    void aPatchAtFaultIsToldWhereAndWhy(String patch, String field, String code) {
        var product = "/api/products/" + newProduct(Map.of("price", Map.of("amount", "1.50", "currency", "RUB")));
        var before = anyone().get(product).text();
        assertThat(faults(manager().patch(product, patch))).containsExactly(field + " " + code);
        assertThat(anyone().get(product).text()).isEqualTo(before);
    }

    @Test
    void anUnknownMemberIsNamedHoweverItIsWritten() {
        for (var name : List.of("\\ud800", "\\u0000", "<script>", "\\\"", "наценка")) {
            var body = "{\"" + name + "\": 1}";
            var code = name.equals("\\ud800") ? "invalid_json" : "invalid_request";
            manager().post("/api/categories", body).problem(400, code);
            manager().patch("/api/products/" + newProduct(0), body).problem(400, code);
        }
    }

    @Test
    void allFaultsAreToldAtOnce() {
        var body = """
                {"sku": "%s", "name": " ", "description": "%s", "price": {"amount": "-1", "currency": "rub"}, "stock": -5,
                 "image_url": "a\\u0000b"}""".formatted("s".repeat(65), "d".repeat(10_001));
        assertThat(faults(manager().post("/api/products", body)))
                .containsExactlyInAnyOrder(
                        "sku too_long",
                        "name required",
                        "description too_long",
                        "category required",
                        "price.currency invalid",
                        "price.amount invalid",
                        "stock out_of_range",
                        "image_url invalid");
        assertThat(faults(manager().post("/api/categories", "{\"slug\": \"A B\", \"parent_id\": \"x\"}")))
                .containsExactlyInAnyOrder("name required", "slug invalid", "parent_id unknown_category");
    }

    @ParameterizedTest
    @CsvSource({"name,200", "sku,64", "description,10000"})
    void aTextOfAProductIsAsLongAsItMayBeInCharactersNotInBytes(String member, int longest) {
        for (var letter : List.of("a", "ж", EMOJI)) {
            var unique = java.util.UUID.randomUUID().toString();
            var text = member.equals("sku") ? unique + letter.repeat(longest - 36) : letter.repeat(longest);
            var made = manager()
                    .post("/api/products", productInput(Map.of(member, text)))
                    .created();
            assertThat(made.string(member)).isEqualTo(text);
            assertThat(faults(manager().post("/api/products", productInput(Map.of(member, text + letter)))))
                    .containsExactly(member + " too_long");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"comment", "shipping_address"})
    void aTextOfAnOrderIsAsLongAsItMayBe(String member) {
        var product = newProduct(10);
        var longest = EMOJI.repeat(999) + "\n";
        var made = customer()
                .post("/api/orders", order(Map.of(member, longest), line(product, 1)))
                .created();
        assertThat(made.string(member)).isEqualTo(longest);
        for (var wrong : Map.of(longest + "x", "too_long", "a\u0000b", "invalid", "a\u202eb", "invalid")
                .entrySet()) {
            assertThat(faults(customer().post("/api/orders", order(Map.of(member, wrong.getKey()), line(product, 1)))))
                    .containsExactly(member + " " + wrong.getValue());
        }
        var order = "/api/orders/" + made.string("id");
        assertThat(faults(manager().put(order, Map.of("status", "confirmed", "comment", "x".repeat(1001)))))
                .containsExactly("comment too_long");
    }

    @Test
    void sqlAndMarkupAreTextsLikeOthersAndComeBackToTheLetter() {
        var nasty = "'; DROP TABLE product; -- <script>alert(1)</script> ${7*7} %s \\ \" :id ? | & ! \u200f\u200e Ё";
        var category = newCategory(nasty + java.util.UUID.randomUUID());
        var product = manager()
                .post(
                        "/api/products",
                        productInput(Map.of(
                                "sku",
                                        "'\"--"
                                                + java.util
                                                        .UUID
                                                        .randomUUID()
                                                        .toString()
                                                        .substring(0, 8),
                                "name", nasty,
                                "description", nasty + "\r\n\t" + nasty,
                                "category", category,
                                "image_url", nasty)))
                .created();
        for (var member : List.of("name", "image_url")) {
            assertThat(product.string(member)).isEqualTo(nasty);
        }
        assertThat(product.string("description")).isEqualTo(nasty + "\r\n\t" + nasty);
        var order = customer()
                .post(
                        "/api/orders",
                        order(Map.of("comment", nasty, "shipping_address", nasty), line(product.string("id"), 1)))
                .created();
        assertThat(order.string("comment")).isEqualTo(nasty);
        assertThat(order.string("shipping_address")).isEqualTo(nasty);
        assertThat(order.body().get("items").get(0).get("name").asString()).isEqualTo(nasty);
        for (var parameter :
                List.of("q", "category", "sort", "min_price", "in_stock", "cursor", "limit", "with_total")) {
            assertThat(anyone().get("/api/products?" + parameter + "=" + encoded(nasty))
                            .status())
                    .as(parameter)
                    .isIn(200, 400);
        }
        anyone().get("/api/products?limit=1").ok();
    }

    @Test
    void inAnOrderOfAHundredLinesEveryFaultIsNamedByItsPlace() {
        var lines = new ArrayList<Object>(
                IntStream.range(0, 100).mapToObj(n -> line("p" + n, 1)).toList());
        lines.set(17, line("x", 0));
        lines.set(42, line("x", 1001));
        lines.set(66, new HashMap<>());
        lines.set(99, null);
        assertThat(faults(customer().post("/api/orders", order(Map.of("comment", "x".repeat(1001)), lines.toArray()))))
                .containsExactlyInAnyOrder(
                        "items[17].quantity out_of_range",
                        "items[42].quantity out_of_range",
                        "items[66].product_id required",
                        "items[66].quantity required",
                        "items[99] required",
                        "comment too_long");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{}                                                             | items                  | required",
                "{\"items\": null}                                              | items                  | required",
                "{\"items\": []}                                                | items                  | required",
                "{\"items\": {}}                                                | items                  | invalid",
                "{\"items\": \"x\"}                                             | items                  | invalid",
                "{\"items\": [1]}                                               | items[0]               | invalid",
                "{\"items\": [{\"product_id\": 1, \"quantity\": 1}]}            | items[0].product_id    | invalid",
                "{\"items\": [{\"product_id\": \"x\", \"quantity\": 1.0}]}      | items[0].quantity      | invalid",
                "{\"items\": [{\"product_id\": \"x\", \"quantity\": \"1\"}]}    | items[0].quantity      | invalid",
                "{\"items\": [{\"product_id\": \"x\", \"quantity\": -1}]}       | items[0].quantity      | out_of_range",
                "{\"items\": [{\"product_id\": \"x\", \"quantity\": 1, \"price\": 1}]} | items[0].price   | unknown_member",
                "{\"items\": [{\"product_id\": \"x\", \"quantity\": 1}], \"status\": \"delivered\"} | status | unknown_member",
            })
    void anOrderAtFaultIsToldWhereAndWhy(String body, String field, String code) {
        assertThat(faults(customer().post("/api/orders", body))).containsExactly(field + " " + code);
    }

    @Test
    void anOrderHasAtMostAHundredLines() {
        var product = newProduct(200);
        var lines = IntStream.range(0, 101).mapToObj(n -> line(product, 1)).toArray();
        assertThat(faults(customer().post("/api/orders", order(Map.of(), lines))))
                .containsExactly("items too_long");
        var hundred = customer()
                .post("/api/orders", order(Map.of(), java.util.Arrays.copyOf(lines, 100)))
                .created();
        assertThat(hundred.body().get("items")).hasSize(1);
        assertThat(hundred.body().get("items").get(0).get("quantity").asInt()).isEqualTo(100);
        assertThat(stockOf(product)).isEqualTo(100);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sort=cheap                                | sort invalid",
                "sort=                                     | sort invalid",
                "sort=relevance                            | sort invalid",
                "sort=PRICE_ASC                            | sort invalid",
                "limit=0                                   | limit out_of_range",
                "limit=101                                 | limit out_of_range",
                "limit=abc                                 | limit out_of_range",
                "limit=                                    | limit out_of_range",
                "limit=1.0                                 | limit out_of_range",
                "limit=99999999999999999999                | limit out_of_range",
                "limit=%D9%A1                              | limit out_of_range",
                "offset=-1                                 | offset out_of_range",
                "offset=10001                              | offset out_of_range",
                "offset=x                                  | offset out_of_range",
                "with_total=maybe                          | with_total invalid",
                "in_stock=maybe                            | in_stock invalid",
                "min_price=-1                              | min_price invalid",
                "max_price=1e3                             | max_price invalid",
                "min_price=                                | min_price invalid",
                "q=a%00b                                   | q invalid",
                "category=a%00b                            | category invalid",
                "cursor=garbage                            | cursor invalid",
                "cursor=%00                                | cursor invalid",
                "cursor=                                   | cursor invalid",
                "sort=x&limit=0&offset=-1&with_total=x&in_stock=x&min_price=-1&max_price=x&q=%00&cursor=x | sort invalid, limit out_of_range, offset out_of_range, with_total invalid, in_stock invalid, min_price invalid, max_price invalid, q invalid, cursor invalid",
            })
    void aQueryAtFaultIsToldEverythingAtOnce(String query, String faults) {
        assertThat(faults(anyone().get("/api/products?" + query))).containsExactlyInAnyOrder(faults.split(", "));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "created_from=yesterday               | created_from invalid",
                "created_from=2026-11-22              | created_from invalid",
                "created_from=2026-02-30T00:00:00Z    | created_from invalid",
                "created_to=2026-11-22T25:00:00Z      | created_to invalid",
                "created_to=2026-11-22T10:00:00       | created_to invalid",
                "status=unknown                       | status invalid",
                "status=PENDING                       | status invalid",
                "sort=price_asc                       | sort invalid",
                "status=x&created_from=x&created_to=x&sort=x&limit=0 | status invalid, created_from invalid, created_to invalid, sort invalid, limit out_of_range",
            })
    void aQueryForOrdersAtFaultIsToldEverythingAtOnce(String query, String faults) {
        assertThat(faults(customer().get("/api/orders?" + query))).containsExactlyInAnyOrder(faults.split(", "));
    }

    @Test
    void aCursorBelongsToItsListAlone() {
        newProduct(1);
        newProduct(1);
        var cursor = anyone().get("/api/products?limit=1&sort=newest").ok().string("next_cursor");
        anyone().get("/api/products?limit=1&sort=newest&cursor=" + cursor).ok();
        assertThat(faults(anyone().get("/api/products?limit=1&sort=price_asc&cursor=" + cursor)))
                .containsExactly("cursor invalid");
        assertThat(faults(anyone().get("/api/products?limit=1&cursor=" + cursor + "&offset=0")))
                .containsExactly("cursor invalid");
        assertThat(faults(customer().get("/api/orders?sort=oldest&cursor=" + cursor)))
                .containsExactly("cursor invalid");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "price_asc | abc",
                "price_asc | 1e999999",
                "newest    | yesterday",
                "newest    | 2026-13-45 00:00:00+00",
                "newest    | 999999-01-01 00:00:00+00",
                "newest    | infinity",
            })
    void aCursorMadeUpByHandIsRefused(String sort, String key) {
        var text = sort + "\n>\n0193b0c4-0000-7000-8000-000000000000\n" + key;
        var cursor =
                java.util.Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        assertThat(faults(anyone().get("/api/products?sort=" + sort + "&cursor=" + cursor)))
                .containsExactly("cursor invalid");
    }

    @Test
    void unknownParametersAreIgnored() {
        anyone().get("/api/products?utm_source=x&limit=1").ok();
    }

    private static List<String> faults(Client.Answer answer) {
        return StreamSupport.stream(
                        answer.problem(400, "invalid_request")
                                .body()
                                .get("errors")
                                .spliterator(),
                        false)
                .map(error ->
                        error.get("field").asString() + " " + error.get("code").asString())
                .toList();
    }

    private static Map<String, Object> line(String product, int quantity) {
        return Map.of("product_id", product, "quantity", quantity);
    }

    private static Map<String, Object> order(Map<String, ?> members, Object... lines) {
        var body = new HashMap<String, Object>(members);
        body.put("items", java.util.Arrays.asList(lines));
        return body;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
