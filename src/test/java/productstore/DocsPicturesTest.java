package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Modules, ports and files in the papers' pictures are those of the sources. That they can be drawn is tested elsewhere. */
class DocsPicturesTest {
    private static final Set<String> CALLED_BY_ALL = Set.of("platform", "telemetry");
    private static final Pattern ARROW = Pattern.compile("^ *(\\w+) --> (\\w+)$", Pattern.MULTILINE);
    private static final Pattern NODE = Pattern.compile("^ *(\\w+)\\[\".*\"]$", Pattern.MULTILINE);
    private static final Pattern PORT = Pattern.compile("(?<=:)\\d{3,5}\\b");
    private static final Pattern FILE = Pattern.compile("\\b(?:ops|src|docs|loadtest|bench|ci)/[\\w./-]*\\w");

    @Test
    void modulesCallEachOtherAsDrawn() throws IOException {
        assertThat(drawnCalls(modules())).isEqualTo(calls());
    }

    @Test
    void everyModuleIsDrawn() throws IOException {
        assertThat(names(modules(), NODE)).isEqualTo(packages());
    }

    @Test
    void aWrongPictureIsCaught() throws IOException {
        var right = modules();
        assertThat(drawnCalls(right.replace("orders --> inventory\n", ""))).isNotEqualTo(calls());
        assertThat(drawnCalls(right + "\n    inventory --> catalog")).isNotEqualTo(calls());
        assertThat(faults(new Paper(Path.of("docs/wrong.md"), """
                ```mermaid
                flowchart LR
                    a["ops/prometheus, :9090"] --> b["ops/promtheus, :9089"]
                ```
                """)))
                .containsExactly("docs/wrong.md: no file ops/promtheus", "docs/wrong.md: no port 9089");
    }

    @ParameterizedTest
    @MethodSource("productstore.DocsLinksTest#papers")
    void portsAndFilesAreThere(Path paper) {
        assertThat(faults(new Paper(paper, DocsLinksTest.read(paper)))).isEmpty();
    }

    private static List<String> faults(Paper paper) {
        var faults = new ArrayList<String>();
        for (var block : paper.blocks()) {
            if (block.language().equals("mermaid")) {
                names(block.text(), FILE).stream()
                        .filter(file -> !Files.exists(Path.of(file)))
                        .forEach(file -> faults.add(paper.file() + ": no file " + file));
                names(block.text(), PORT).stream()
                        .filter(port -> !Sources.ALL.contains(port))
                        .forEach(port -> faults.add(paper.file() + ": no port " + port));
            }
        }
        return faults;
    }

    private static String modules() throws IOException {
        var text = Paper.read("docs/architecture.md").text();
        return new Paper(Path.of("docs/architecture.md"), text.substring(text.indexOf("\n## Modules\n")))
                .blocks()
                .getFirst()
                .text();
    }

    private static Set<String> drawnCalls(String picture) {
        return ARROW.matcher(picture)
                .results()
                .map(arrow -> arrow.group(1) + " → " + arrow.group(2))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> names(String text, Pattern pattern) {
        return pattern.matcher(text)
                .results()
                .map(found -> found.groupCount() == 0 ? found.group() : found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** What classes of one module use of another, but for those that all may call. */
    private static Set<String> calls() {
        return store().flatMap(one -> one.getDirectDependenciesFromSelf().stream())
                .filter(use -> use.getTargetClass().getPackageName().startsWith("productstore"))
                .filter(use -> !CALLED_BY_ALL.contains(module(use.getTargetClass())))
                .filter(use -> !module(use.getOriginClass()).equals(module(use.getTargetClass())))
                .map(use -> module(use.getOriginClass()) + " → " + module(use.getTargetClass()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> packages() {
        return store().map(DocsPicturesTest::module).collect(Collectors.toCollection(TreeSet::new));
    }

    private static Stream<JavaClass> store() {
        return new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages("productstore").stream();
    }

    /** The package's last word; the start-up's classes lie above all modules. */
    private static String module(JavaClass type) {
        var name = type.getPackageName();
        return name.substring(name.lastIndexOf('.') + 1);
    }

    /** Where ports are set: the store's sources and the kit's files. */
    private static final class Sources {
        static final String ALL;

        static {
            ALL = Stream.of("src/main", "ops", "loadtest", "store", "compose.yaml")
                    .map(Path::of)
                    .filter(Files::exists)
                    .flatMap(DocsPicturesTest::walk)
                    .filter(Files::isRegularFile)
                    .filter(file -> !file.toString().contains("dashboards"))
                    .filter(file -> !file.toString().matches(".*\\.(png|ndjson|csv|pyc)"))
                    .map(DocsLinksTest::read)
                    .collect(Collectors.joining());
        }
    }

    private static Stream<Path> walk(Path folder) {
        try (var files = Files.walk(folder)) {
            return files.toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
