package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import de.siegmar.fastcsv.reader.CsvReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.core.io.ClassPathResource;
import org.springframework.test.context.TestPropertySource;

/** Search over the demo catalogue, in a store that has nothing else. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
// A property of its own makes it another store.
@TestPropertySource(properties = "store.limits.pool-queue=999")
class SearchTest extends StoreTest {
    // One letter away, and a word itself: of a lemon.
    private static final Set<String> OTHER_WORDS = Set.of("лимона");

    @BeforeAll
    void fill() throws IOException {
        var categories = new HashMap<String, String>();
        try (var csv = CsvReader.builder()
                .ofNamedCsvRecord(new InputStreamReader(
                        new ClassPathResource("demo/products.csv").getInputStream(), StandardCharsets.UTF_8))) {
            for (var row : csv) {
                var category = "";
                var parent = new String[0];
                for (var name : row.getField("category").split(" > ", -1)) {
                    var above = parent;
                    category = categories.computeIfAbsent(name, missing -> newCategory(name, above));
                    parent = new String[] {category};
                }
                newProduct(Map.of(
                        "sku", row.getField("sku"),
                        "name", row.getField("name"),
                        "description", row.getField("description"),
                        "category", category,
                        "price", Map.of("amount", row.getField("price"), "currency", row.getField("currency")),
                        "stock", Integer.parseInt(row.getField("stock"))));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "яблоко,Яблоки",
        "яблоками,Яблоки",
        "ЯБЛОК,Яблоки",
        "груша,Груши",
        "апельсинов,Апельсины",
        "шоколадом,Шоколад",
        "apple,Яблоки",
        "apples,Яблоки",
        "pears,Груши",
        "сгущенка,Сгущёнка",
        "сгущёнкой,Сгущёнка",
        "свекла,Свёкла",
        "тушенка,Тушёнка",
        "FRU-APL-001,Яблоки Гала",
        "fru-apl-001,Яблоки Гала"
    })
    void aWordIsFoundInAnyOfItsFormsInBothLanguages(String typed, String name) {
        assertThat(names(typed)).as(typed).anyMatch(found -> found.startsWith(name));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "мармелад",
                "апельсины",
                "шоколад",
                "клубника",
                "мандарины",
                "пельмени",
                "простокваша",
                "шампиньоны",
                "чернослив",
                "скумбрия",
                "сметана",
                "кальмар",
                "лимонад"
            })
    void aWordOfSevenLettersIsFoundWithOneOfThemWrongMissingOrDoubled(String word) {
        var exact = names(word);
        assertThat(exact).isNotEmpty();
        OTHER_WORDS.forEach(other -> assertThat(names(other)).isNotEmpty());
        var missed = new ArrayList<String>();
        for (var typo : typos(word)) {
            // The best of them: a word of another form may have another stem.
            if (!OTHER_WORDS.contains(typo) && !names(typo).contains(exact.getFirst())) {
                missed.add(typo);
            }
        }
        assertThat(missed)
                .as(() -> missed.isEmpty() ? "" : exact + " " + names(missed.getFirst()))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "мармилад,Мармелад",
        "шокалад,Шоколад",
        "клубнека,Клубника",
        "мармилада,Мармелад",
        "апилсины,Апельсины",
        "шоколат молочный,Шоколад",
        "сгущонка,Сгущёнка"
    })
    void whatPeopleReallyMistypeIsFound(String typed, String name) {
        if (typed.equals("апилсины")) {
            // Two mistakes are not small any more.
            assertThat(names(typed)).isEmpty();
        } else {
            assertThat(names(typed)).anyMatch(found -> found.startsWith(name));
        }
    }

    @Test
    void anExactWordHasNoFalseFriends() {
        var category = newCategory("Друзья");
        var exact = newProduct(Map.of("name", "Кораблик бумажный", "category", category));
        newProduct(Map.of("name", "Корабчик бумажный", "category", category));
        assertThat(ids("кораблик")).containsExactly(exact);
        assertThat(ids("кораблик бумажный")).containsExactly(exact);
    }

    @Test
    void everyWordMustBeThereAndWhatIsNoWordMattersNot() {
        assertThat(names("яблоки гала")).containsExactly(names("яблоки гала").getFirst());
        assertThat(names("яблоки несуществующееслово")).isEmpty();
        for (var typed : List.of("яблоки!", "яблоки & (", "яблоки | !", "\"яблоки\"", "яблоки :*", "и яблоки")) {
            assertThat(names(typed)).as(typed).hasSameElementsAs(names("яблоки"));
        }
        for (var nothing : List.of("!", "и", "&|!():*<->'")) {
            anyone().get("/api/products?q=" + encoded(nothing)).ok();
        }
    }

    @Test
    void aNameCountsMoreThanADescription() {
        var category = newCategory("Вес");
        var described = newProduct(
                Map.of("name", "Лодка", "description", "Деревянный парусник парусник", "category", category));
        var named = newProduct(Map.of("name", "Парусник", "description", "Деревянная лодка", "category", category));
        var later = newProduct(Map.of("name", "Ялик", "description", "Малый парусник", "category", category));
        assertThat(ids("парусник")).first().isEqualTo(named);
        assertThat(ids("парусник")).containsExactlyInAnyOrder(named, described, later);
    }

    @Test
    void aSearchIsFilteredSortedAndWalkedAsOtherLists() {
        var all = anyone().get("/api/products?limit=100&q=" + encoded("яблоки"))
                .ok()
                .body();
        var prices = new ArrayList<Double>();
        anyone().get("/api/products?sort=price_desc&limit=100&q=" + encoded("яблоки"))
                .ok()
                .body()
                .get("items")
                .forEach(item -> prices.add(
                        Double.parseDouble(item.get("price").get("amount").asString())));
        assertThat(prices).hasSize(all.get("total").asInt()).isSortedAccordingTo(java.util.Comparator.reverseOrder());
        var cheap = anyone().get("/api/products?max_price=150&in_stock=true&category=" + encoded("Фрукты") + "&q="
                        + encoded("яблоки"))
                .ok();
        assertThat(cheap.body().get("total").asInt()).isPositive().isLessThan(prices.size());
        cheap.body()
                .get("items")
                .forEach(item -> assertThat(Double.parseDouble(
                                item.get("price").get("amount").asString()))
                        .isLessThanOrEqualTo(150));

        var walked = new ArrayList<String>();
        var path = "/api/products?limit=3&with_total=false&q=" + encoded("яблоки");
        var next = "";
        do {
            var page = anyone().get(path + next).ok().body();
            page.get("items").forEach(item -> walked.add(item.get("id").asString()));
            next = page.get("next_cursor").isNull()
                    ? ""
                    : "&cursor=" + page.get("next_cursor").asString();
        } while (!next.isEmpty());
        assertThat(walked).isEqualTo(ids("яблоки"));
    }

    private static Set<String> typos(String word) {
        var typos = new LinkedHashSet<String>();
        for (int n = 0; n < word.length(); n++) {
            var before = word.substring(0, n);
            var after = word.substring(n + 1);
            typos.add(before + (word.charAt(n) == 'ъ' ? 'э' : 'ъ') + after);
            typos.add(before + (word.charAt(n) == 'о' ? 'а' : 'о') + after);
            typos.add(before + word.charAt(n) + word.charAt(n) + after);
            typos.add(before + after);
        }
        return typos;
    }

    private List<String> names(String typed) {
        return found(typed, "name");
    }

    private List<String> ids(String typed) {
        return found(typed, "id");
    }

    private List<String> found(String typed, String member) {
        var found = new ArrayList<String>();
        anyone().get("/api/products?limit=100&q=" + encoded(typed))
                .ok()
                .body()
                .get("items")
                .forEach(item -> found.add(item.get(member).asString()));
        return found;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
