package productstore.seeding;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.springframework.core.io.ClassPathResource;

/** Groceries with names as a Russian shop has them, as many as one likes; the same number is always the same product. */
final class Wares {
    private static final List<String> QUALITIES = List.of(
            "отборн",
            "классическ",
            "домашн~",
            "фермерск",
            "деревенск",
            "традиционн",
            "натуральн",
            "нежн",
            "праздничн",
            "ароматн",
            "сливочн",
            "шоколадн",
            "ванильн",
            "клубничн",
            "сочн",
            "хрустящ",
            "сладк",
            "остр",
            "копчён",
            "солён",
            "маринован",
            "золотист",
            "воздушн",
            "пикантн",
            "медов",
            "орехов",
            "лимонн",
            "малинов",
            "вишнёв",
            "карамельн",
            "чесночн",
            "томатн",
            "грибн",
            "яблочн",
            "грушев",
            "абрикосов",
            "персиков",
            "черничн",
            "клюквенн",
            "облепихов",
            "имбирн",
            "мятн",
            "кокосов",
            "банановн",
            "миндальн",
            "фисташков",
            "кофейн",
            "крестьянск",
            "столичн",
            "московск",
            "сибирск",
            "алтайск",
            "уральск",
            "крымск",
            "кубанск",
            "волжск",
            "вологодск",
            "башкирск",
            "карельск",
            "костромск",
            "рязанск",
            "северн",
            "южн",
            "летн~",
            "зимн~",
            "горн",
            "лесн",
            "монастырск",
            "купеческ",
            "царск",
            "бабушкин",
            "диетическ",
            "обогащённ",
            "цельнозернов",
            "безглютенов",
            "постн",
            "детск",
            "авторск",
            "легендарн",
            "душист");
    private static final List<String> SENTENCES = List.of(
            "Готовим по старинному рецепту небольшими партиями.",
            "Хранить при температуре от 2 до 6 градусов.",
            "Без консервантов и усилителей вкуса.",
            "Хорошо сочетается с чаем и кофе.",
            "Подавайте охлаждённым или слегка подогретым.",
            "Удобная упаковка, которую легко закрыть снова.",
            "Любимый вкус детства для всей семьи.",
            "После вскрытия употребить в течение трёх суток.",
            "Собрано вручную и упаковано в день сбора.",
            "Источник белка и кальция.",
            "Подойдёт для завтрака, пикника и праздничного стола.",
            "Произведено из местного сырья под контролем технологов.",
            "Насыщенный вкус и приятное послевкусие.",
            "Не содержит сахара и глютена (gluten free).",
            "Можно замораживать, вкус при этом не теряется.",
            "Выбор поваров и внимательных хозяек.",
            "Отличный подарок к столу (premium quality).",
            "Срок годности указан на упаковке.",
            "Рекомендуем для салатов, супов и запеканок.",
            "Лёгкая кислинка и тонкий аромат.");
    private static final List<String> INGREDIENTS = List.of(
            "сахар",
            "соль",
            "молоко",
            "вода",
            "мука пшеничная",
            "масло подсолнечное",
            "какао-порошок",
            "ванилин",
            "орехи лесные",
            "сыворотка",
            "крахмал",
            "дрожжи",
            "чеснок",
            "перец чёрный",
            "паприка",
            "лимонная кислота",
            "пектин",
            "желатин",
            "семена кунжута",
            "мёд цветочный",
            "корица",
            "изюм",
            "курага",
            "отруби",
            "розмарин",
            "базилик",
            "имбирь",
            "кориандр",
            "кардамон",
            "шафран");
    private static final List<String> REGIONS = List.of(
            "Московская область",
            "Краснодарский край",
            "Алтайский край",
            "Татарстан",
            "Башкортостан",
            "Вологодская область",
            "Воронежская область",
            "Ставропольский край",
            "Ленинградская область",
            "Карелия",
            "Крым",
            "Дагестан",
            "Тверская область",
            "Приморский край",
            "Камчатка",
            "Беларусь",
            "Армения",
            "Сербия");
    private static final List<String> BRAND_BEGINNINGS = List.of(
            "Бер", "Зор", "Лад", "Мил", "Рос", "Свет", "Вор", "Гор", "Дол", "Жар", "Зел", "Ист", "Кал", "Луг", "Мир",
            "Нив", "Озёр", "Пол", "Рад", "Сол", "Тих", "Усад", "Фил", "Хлеб", "Цар", "Чист", "Юж", "Яр", "Верес",
            "Клен", "Малин", "Рябин", "Север", "Тропин", "Ясен", "Добр", "Красн", "Бел", "Нов", "Стар");
    private static final List<String> BRAND_ENDINGS = List.of(
            "ино",
            "ово",
            "ица",
            "ская нива",
            "ье",
            "ушка",
            "овка",
            "ский двор",
            "ия",
            "инка",
            "ский луг",
            "енка",
            "аны",
            "ополье",
            "одар",
            "ский край",
            "еево",
            "ана",
            "ский хутор",
            "орье",
            "овъ",
            "енское",
            "иково",
            "оград",
            "яна",
            "ские зори",
            "уша",
            "ель",
            "ский дом",
            "авушка");
    private static final List<String> BRANDS = brands();
    private static final int FIRST_ON_SALE = 50;

    private final long seed;
    private final long idSeed;
    private final long firstNumber;
    private final int count;
    private final Span span;
    private final List<Shelf> shelves = shelves();
    private final List<Shelf> filled =
            shelves.stream().filter(shelf -> !shelf.nouns().isEmpty()).toList();

    /**
     * Begins.
     *
     * @param firstNumber of the sku of the first
     * @param span in which they came on sale
     */
    Wares(long seed, long idSeed, long firstNumber, int count, Span span) {
        this.seed = seed;
        this.idSeed = idSeed;
        this.firstNumber = firstNumber;
        this.count = count;
        this.span = span;
    }

    /** A category, and what stands there; nothing if it only holds other categories. */
    record Shelf(List<String> path, String slug, List<Noun> nouns, List<String> amounts) {
        String name() {
            return path.getLast();
        }
    }

    record Noun(String text, char gender) {}

    /** What an order must know of a product; the price in hundredths. */
    record Ware(UUID id, String sku, String name, long price, long createdMicros) {}

    /** The categories, each behind the one it is in. */
    List<Shelf> categories() {
        return shelves;
    }

    /** The n-th, from 0; those with a greater number are newer. */
    Ware ware(int n) {
        var random = about(Chance.Of.WARE, n);
        var shelf = Chance.popular(random, filled);
        var noun = Chance.popular(random, shelf.nouns());
        var name = new StringBuilder(noun.text());
        name.append(' ').append(agreeing(Chance.popular(random, QUALITIES), noun.gender()));
        if (random.nextInt(3) == 0) {
            name.append(' ').append(agreeing(QUALITIES.get(random.nextInt(QUALITIES.size())), noun.gender()));
        }
        name.append(" «").append(Chance.popular(random, BRANDS)).append("», ");
        name.append(shelf.amounts().get(random.nextInt(shelf.amounts().size())));
        name.setCharAt(0, Character.toUpperCase(name.charAt(0)));
        long roubles = Math.clamp(Math.round(Math.exp(5.1 + 0.75 * random.nextGaussian())), 9, 49_999);
        var created = createdMicros(n);
        return new Ware(
                Chance.id(idSeed, Chance.Of.WARE, n, created),
                "SEED-%08d".formatted(firstNumber + n),
                name.toString(),
                roubles * 100 + (random.nextInt(10) < 7 ? 90 : 0),
                created);
    }

    UUID id(int n) {
        return Chance.id(idSeed, Chance.Of.WARE, n, createdMicros(n));
    }

    /** Where the n-th stands. */
    Shelf shelf(int n) {
        return Chance.popular(about(Chance.Of.WARE, n), filled);
    }

    String description(int n) {
        var random = about(Chance.Of.TEXT, n);
        var text = new StringBuilder(Chance.popular(random, SENTENCES));
        text.append(' ').append(Chance.popular(random, SENTENCES));
        text.append("\nСостав: ").append(Chance.popular(random, INGREDIENTS));
        for (int more = random.nextInt(4); more > 0; more--) {
            text.append(", ").append(INGREDIENTS.get(random.nextInt(INGREDIENTS.size())));
        }
        return text.append(". Производитель: ")
                .append(Chance.popular(random, BRANDS))
                .append(", ")
                .append(Chance.popular(random, REGIONS))
                .append('.')
                .toString();
    }

    /** How many are left over when all orders are delivered: none of one in twenty-five, few of most. */
    int leftOver(int n) {
        var random = about(Chance.Of.STOCK, n);
        return random.nextInt(25) == 0 ? 0 : 1 + (int) (random.nextExponential() * 80);
    }

    /** How many were on sale at some part of the span, 0 to 1. */
    int onSale(double part) {
        return Math.min(count, Math.max(FIRST_ON_SALE, (int) (count * part)));
    }

    long createdMicros(int n) {
        return n < FIRST_ON_SALE ? span.begin() - 86_400_000_000L + n * 1_000_000L : span.at((double) n / count);
    }

    private RandomGenerator about(Chance.Of kind, long n) {
        return Chance.about(seed, kind, firstNumber + n);
    }

    /** A stem with the ending that its noun's gender wants; {@code ~} marks a soft stem. */
    private static String agreeing(String stem, char gender) {
        if (stem.endsWith("ин")) {
            return stem + List.of("", "а", "о", "ы").get("mfnp".indexOf(gender));
        }
        if (stem.endsWith("~")) {
            return stem.substring(0, stem.length() - 1)
                    + List.of("ий", "яя", "ее", "ие").get("mfnp".indexOf(gender));
        }
        var last = stem.charAt(stem.length() - 1);
        var endings = "кгх".indexOf(last) >= 0
                ? List.of("ий", "ая", "ое", "ие")
                : "жшчщ".indexOf(last) >= 0 ? List.of("ий", "ая", "ее", "ие") : List.of("ый", "ая", "ое", "ые");
        return stem + endings.get("mfnp".indexOf(gender));
    }

    private static List<String> brands() {
        var brands = new ArrayList<String>();
        for (int ending = 0; ending < BRAND_ENDINGS.size(); ending++) {
            for (int beginning = 0; beginning < BRAND_BEGINNINGS.size(); beginning++) {
                brands.add(BRAND_BEGINNINGS.get(beginning)
                        + BRAND_ENDINGS.get((ending + beginning) % BRAND_ENDINGS.size()));
            }
        }
        return List.copyOf(brands);
    }

    private static List<Shelf> shelves() {
        try (var lines = new BufferedReader(new InputStreamReader(
                new ClassPathResource("seeding/groceries.txt").getInputStream(), StandardCharsets.UTF_8))) {
            return lines.lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(Wares::shelf)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Shelf shelf(String line) {
        var columns = List.of(line.split(" \\| ", -1));
        var path = List.of(columns.getFirst().split(" > ", -1));
        if (columns.size() == 2) {
            return new Shelf(path, columns.get(1), List.of(), List.of());
        }
        var nouns = new ArrayList<Noun>();
        for (var noun : columns.get(2).split("(?<=/[mfnp]) ", -1)) {
            nouns.add(new Noun(noun.substring(0, noun.length() - 2), noun.charAt(noun.length() - 1)));
        }
        return new Shelf(
                path, columns.get(1), List.copyOf(nouns), List.of(columns.get(3).split(";", -1)));
    }
}
