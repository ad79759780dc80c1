package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Above each command for a shell that a paper shows stands which test runs it, {@code <!-- run: DocsApiTest -->} or
 * {@code <!-- run: ops/tests/test_papers.py -->}, or why none does, {@code <!-- not run: needs a cluster -->}.
 */
class DocsCommandsTest {
    private static final Set<String> SHELLS = Set.of("sh", "bash", "shell", "console");
    private static final Pattern RUN = Pattern.compile("<!-- run: (\\S+) -->");
    private static final Pattern NOT_RUN = Pattern.compile("<!-- not run: \\S.* -->|\\*Not run by a test: \\S.*\\.\\*");
    // What a fence without a language hides.
    private static final Pattern COMMAND = Pattern.compile(
            "^\\s*(?:\\$ |sudo |\\./|ops/|ci/|curl |docker |podman |kubectl |helm |psql )", Pattern.MULTILINE);

    private static final Pattern NAMED_IN_JAVA = Pattern.compile("-D(?:it\\.)?test=([\\w,]+)");
    private static final Pattern NAMED_IN_PYTHON = Pattern.compile("ops/tests/run ((?:test_[\\w.]+ ?)+)");

    @ParameterizedTest
    @MethodSource("productstore.DocsLinksTest#papers")
    void everyCommandSaysWhoRunsIt(Path file) {
        assertThat(faults(new Paper(file, DocsLinksTest.read(file)))).isEmpty();
    }

    @Test
    void aCommandThatNobodyRunsIsCaught() {
        assertThat(faults("""
                <!-- run: DocsApiTest -->
                ```sh
                curl http://localhost:8080/api/products/
                ```
                <!-- run: src/test/java/productstore/DocsApiTest.java -->
                ```sh
                curl http://localhost:8080/api/products/
                ```
                *Not run by a test: needs a Telegram account.*
                ```sh
                curl https://api.telegram.org/
                ```
                ```
                a picture ──► made of signs
                ```
                """)).isEmpty();
        assertThat(faults("""
                <!-- run: DocsApiTest -->

                ```sh
                curl http://localhost:8080/api/products/
                ```
                1. ```sh
                   ./store run
                   ```
                <!-- run: DocsApiTest -->
                ```sh
                ./store run
                ```
                <!-- run: DocsFarmTest -->
                ```sh
                ./store run
                ```
                <!-- run: ProblemsPaperTest -->
                ```sh
                ./store run
                ```
                <!-- not run: -->
                ```sh
                ./store run
                ```
                ```
                ./store run
                ```
                """))
                .containsExactly(
                        "docs/api.md:4: nobody is said to run it, and no reason given",
                        "docs/api.md:7: nobody is said to run it, and no reason given",
                        "docs/api.md:11: DocsApiTest runs only what calls the store",
                        "docs/api.md:15: there is no test DocsFarmTest",
                        "docs/api.md:19: ProblemsPaperTest does not name this paper",
                        "docs/api.md:23: nobody is said to run it, and no reason given",
                        "docs/api.md:26: a command in a fence without a language");
    }

    @ParameterizedTest
    @MethodSource("productstore.DocsLinksTest#papers")
    void everyTestThatACommandNamesIsThere(Path file) {
        assertThat(missingTests(DocsLinksTest.read(file))).isEmpty();
    }

    @Test
    void aTestThatIsNotThereIsCaught() {
        assertThat(
                        missingTests(
                                "`./store test surefire:test -Dtest=DocsApiTest,DocsFarmTest`, `ops/tests/run test_live test_life`"))
                .containsExactlyInAnyOrder("DocsFarmTest", "ops/tests/test_life.py");
    }

    private static List<String> missingTests(String text) {
        var java = NAMED_IN_JAVA
                .matcher(text)
                .results()
                .flatMap(named -> Stream.of(named.group(1).split(",", -1)));
        var python = NAMED_IN_PYTHON
                .matcher(text)
                .results()
                .flatMap(named -> Stream.of(named.group(1).strip().split(" ", -1)))
                .map(module -> "ops/tests/" + module.replaceFirst("\\..*", "") + ".py");
        return Stream.concat(java, python)
                .filter(name -> source(name).isEmpty())
                .toList();
    }

    private static List<String> faults(String text) {
        return faults(new Paper(Path.of("docs/api.md"), text));
    }

    private static List<String> faults(Paper paper) {
        var faults = new ArrayList<String>();
        for (var block : paper.blocks()) {
            var fault = fault(paper, block);
            if (fault != null) {
                faults.add(paper.file() + ":" + block.line() + ": " + fault);
            }
        }
        return faults;
    }

    private static @Nullable String fault(Paper paper, Paper.Block block) {
        if (!SHELLS.contains(block.language())) {
            return block.language().isEmpty() && COMMAND.matcher(block.text()).find()
                    ? "a command in a fence without a language"
                    : null;
        }
        var run = RUN.matcher(block.mark());
        if (!run.matches()) {
            return NOT_RUN.matcher(block.mark()).matches() ? null : "nobody is said to run it, and no reason given";
        }
        var name = run.group(1);
        var test = source(name);
        if (test.isEmpty()) {
            return "there is no test " + name;
        }
        if (!test.get().contains(paper.file().toString())) {
            return name + " does not name this paper";
        }
        return name.equals("DocsApiTest") && !Paper.callsTheStore(block)
                ? "DocsApiTest runs only what calls the store"
                : null;
    }

    /** What a test is made of: one in Java by its class, another by its path. */
    private static Optional<String> source(String name) {
        var path = Path.of(name);
        if (name.contains("/")) {
            return Files.isRegularFile(path) ? Optional.of(DocsLinksTest.read(path)) : Optional.empty();
        }
        try (var files = Files.walk(Path.of("src/test/java"))) {
            return files.filter(file -> file.endsWith(name + ".java"))
                    .findFirst()
                    .map(DocsLinksTest::read);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
