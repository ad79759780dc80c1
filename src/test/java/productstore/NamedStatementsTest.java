package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Every statement begins with a comment that names it, a name of its own. Those written where they are sent are looked up
 * in the sources; those put together are caught when any test of {@link StoreTest} sends them.
 */
class NamedStatementsTest extends StoreTest {
    private static final Path SOURCES = Path.of("src/main/java");
    private static final Pattern SENT = Pattern.compile("\\.sql\\(\\s*\"(?:\"\"\\s*)?(?<sql>[^\"\n]*)");
    private static final Pattern NAME = Pattern.compile("/\\* ([a-z_]+(?:\\.[a-z_]+)+) \\*/");

    @Test
    void everyStatementInTheSourcesHasOne() throws IOException {
        var unnamed = new ArrayList<String>();
        sources().forEach((className, text) -> {
            if (UnnamedStatements.mustName(className)) {
                unnamed(text).forEach(sql -> unnamed.add(className + ": " + sql));
            }
        });
        assertThat(unnamed).isEmpty();
    }

    @Test
    void noTwoStatementsShareOne() throws IOException {
        assertThat(sources().values().stream()
                        .flatMap(text -> matches(NAME, text))
                        .map(match -> match.group(1)))
                .hasSizeGreaterThan(20)
                .doesNotHaveDuplicates();
    }

    @Test
    void oneWithoutIsCaught() {
        assertThat(unnamed("""
                        db.sql("SELECT 1"); db.sql("/* a.b */ SELECT 2");
                        db.sql(\"""
                                SELECT 3
                                \""");
                        db.sql(\"""
                                /* a.b */
                                SELECT 4
                                \""");
                        """)).containsExactly("SELECT 1", "SELECT 3");

        var watch = UnnamedStatements.watch();
        db.sql("SELECT 1").query(Integer.class).single();
        db.sql("/* test.one */ SELECT 1").query(Integer.class).single();
        watch.end();
        assertThat(watch.seen())
                .filteredOn(statement -> statement.sender() == getClass())
                .containsExactly(new UnnamedStatements.Statement(getClass(), "SELECT 1"));
        assertThat(watch.faults()).as("this one is a test's").isEmpty();
        assertThat(new UnnamedStatements.Statement(Store.class, "").isTheStores())
                .isTrue();
    }

    private static List<String> unnamed(String source) {
        return matches(SENT, source)
                .map(match -> match.group("sql"))
                .filter(sql -> !NAME.matcher(sql).lookingAt())
                .toList();
    }

    /** Texts by the names of their classes. */
    private static Map<String, String> sources() throws IOException {
        try (var files = Files.walk(SOURCES)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .collect(Collectors.toMap(
                            NamedStatementsTest::className, DocsLinksTest::read, (a, _) -> a, TreeMap::new));
        }
    }

    private static String className(Path file) {
        return SOURCES.relativize(file).toString().replace(".java", "").replace('/', '.');
    }

    private static Stream<MatchResult> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results();
    }
}
