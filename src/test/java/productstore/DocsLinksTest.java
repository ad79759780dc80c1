package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.core.env.MutablePropertySources;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import productstore.platform.Limits;

/** What the papers point to is there: files, headings, classes and their methods, columns, indexes, codes and settings. */
class DocsLinksTest {
    private static final Pattern LINK = Pattern.compile("\\[[^\\]]*]\\(([^)\\s]+)\\)");
    private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");
    private static final Pattern FENCED = Pattern.compile("^```.*?^```$", Pattern.MULTILINE | Pattern.DOTALL);
    private static final Pattern JAVA_NAME = Pattern.compile("[A-Z][a-z]+(?:[A-Z][a-z]+)+(?:\\.\\w+)*");
    private static final Pattern SQL_NAME = Pattern.compile("[a-z]+(?:_[a-z]+)+");
    private static final Pattern SETTING = Pattern.compile("STORE_[A-Z_]+[A-Z]");
    private static final Pattern TABLE_ROW =
            Pattern.compile("^\\| `(STORE_LIMITS_\\w+)` \\| `(\\S+)` \\|", Pattern.MULTILINE);

    static List<Path> papers() {
        return files(Path.of("."), ".md")
                .filter(file -> !file.startsWith("target") && !file.startsWith("data"))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("papers")
    void everyLinkLeadsSomewhere(Path paper) throws IOException {
        assertThat(deadLinks(paper, Files.readString(paper))).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("papers")
    void everyNameIsInTheSources(Path paper) throws IOException {
        assertThat(unknownNames(Files.readString(paper))).isEmpty();
    }

    @Test
    void whatIsNotThereIsCaught() {
        var paper = Path.of("docs/api.md");
        assertThat(deadLinks(
                        paper, "[a](problems.md) [b](problms.md) [c](problems.md#the-request) [d](problems.md#thereq)"))
                .containsExactly("problms.md", "problems.md#thereq");
        assertThat(unknownNames(
                        "`OrderController.place` `OrderController.plaice` `OrderControler` `orders_newest` `orders_newst`"
                                + " `src/main/resources/openapi.yaml` `src/main/resources/openapi.yml`"))
                .containsExactlyInAnyOrder(
                        "OrderController.plaice", "OrderControler", "orders_newst", "src/main/resources/openapi.yml");
    }

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "README.ru.md"})
    void everySettingIsExplained(String readme) throws IOException {
        var explained = matches(SETTING, Files.readString(Path.of(readme)))
                .map(MatchResult::group)
                .filter(name -> !name.startsWith("STORE_LIMITS"))
                .toList();
        var read = matches(
                        SETTING,
                        Files.readString(Path.of("src/main/java/productstore/Settings.java"))
                                + Files.readString(Path.of("store")))
                .map(MatchResult::group)
                .toList();
        assertThat(explained).containsAll(read);
        assertThat(read).containsAll(explained);
    }

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "README.ru.md"})
    void everyLimitIsExplainedWithItsValue(String readme) throws Exception {
        var explained = matches(TABLE_ROW, Files.readString(Path.of(readme)))
                .collect(
                        TreeMap<String, Object>::new, (rows, row) -> rows.put(row.group(1), row.group(2)), Map::putAll);
        assertThat(explained.keySet())
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(Limits.class.getRecordComponents())
                        .map(limit -> "STORE_LIMITS_"
                                + limit.getName().replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT))
                        .toList());
        assertThat(bind(explained)).isEqualTo(bind(Map.of()));
        // And the variables do set what they say.
        explained.replaceAll((name, value) -> value.toString().matches("\\d+") ? "7" : "7s");
        var set = bind(explained);
        for (var limit : Limits.class.getRecordComponents()) {
            assertThat(limit.getAccessor().invoke(set)).as(limit.getName()).isIn(7, DurationStyle.detectAndParse("7s"));
        }
    }

    private static Limits bind(Map<String, Object> environment) {
        var sources = new MutablePropertySources();
        sources.addFirst(new SystemEnvironmentPropertySource("systemEnvironment", environment));
        return new Binder(ConfigurationPropertySources.from(sources)).bindOrCreate("store.limits", Limits.class);
    }

    private static List<String> deadLinks(Path paper, String text) {
        return matches(LINK, withoutBlocks(text))
                .map(link -> link.group(1))
                .filter(link -> !link.startsWith("https://") && !link.startsWith("http://"))
                .filter(link -> !leadsSomewhere(paper, link))
                .toList();
    }

    private static boolean leadsSomewhere(Path paper, String link) {
        int hash = link.indexOf('#');
        var file = link.substring(0, hash < 0 ? link.length() : hash);
        var target = file.isEmpty() ? paper : paper.resolveSibling(file).normalize();
        if (!Files.exists(target)) {
            return false;
        }
        return hash < 0 || headings(read(target)).anyMatch(link.substring(hash + 1)::equals);
    }

    /** As forges make them: lower case, spaces to hyphens, signs dropped. */
    private static Stream<String> headings(String text) {
        return withoutBlocks(text)
                .lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ ", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'));
    }

    private static List<String> unknownNames(String text) {
        var unknown = new ArrayList<String>();
        matches(CODE, withoutBlocks(text)).map(code -> code.group(1)).distinct().forEach(code -> {
            if (code.matches("(src|docs|ci)/\\S+") && !Files.exists(Path.of(code))) {
                unknown.add(code);
            }
            if (JAVA_NAME.matcher(code).matches()
                    && !isInJava(code.split("\\.", -1))
                    && !Sources.ALL.contains("alert: " + code)) {
                unknown.add(code);
            }
            if (SQL_NAME.matcher(code).matches() && !Sources.ALL.contains(code)) {
                unknown.add(code);
            }
        });
        return unknown;
    }

    private static boolean isInJava(String[] words) {
        var file = Sources.JAVA.get(words[0]);
        var text = file == null ? Sources.ALL : file;
        return Arrays.stream(words)
                .allMatch(word ->
                        Pattern.compile("\\b" + word + "\\b").matcher(text).find());
    }

    /** Read once. */
    private static final class Sources {
        static final Map<String, String> JAVA = new TreeMap<>();
        static final String ALL;

        static {
            files(Path.of("src"), ".java").forEach(file -> {
                JAVA.put(String.valueOf(file.getFileName()).replace(".java", ""), DocsLinksTest.read(file));
            });
            var all = new StringBuilder();
            // This test's own examples of names that are nowhere don't count.
            JAVA.forEach((name, text) -> all.append(name.equals("DocsLinksTest") ? "" : text));
            Stream.of(".sql", ".yaml")
                    .flatMap(ending -> files(Path.of("src/main"), ending))
                    .forEach(file -> all.append(DocsLinksTest.read(file)));
            // Alerts, and the exporters' metrics that they ask for.
            Stream.of(".yml", ".tmpl", ".py")
                    .flatMap(ending -> files(Path.of("ops"), ending))
                    .forEach(file -> all.append(DocsLinksTest.read(file)));
            // Held against a running store elsewhere.
            MetricsTest.documented(DocsLinksTest.read(MetricsTest.PAPER))
                    .values()
                    .forEach(metric -> all.append(metric).append('\n'));
            ALL = all.toString();
        }
    }

    private static String withoutBlocks(String text) {
        return FENCED.matcher(text).replaceAll("");
    }

    private static Stream<MatchResult> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results();
    }

    private static Stream<Path> files(Path folder, String ending) {
        try (var files = Files.walk(folder)) {
            return files
                    .map(Path::normalize)
                    .filter(file -> file.toString().endsWith(ending) && Files.isRegularFile(file))
                    .toList()
                    .stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
