package productstore.orders;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The life of an order as {@code docs/architecture.md} draws it and {@code docs/api.md} lists it is the one that the code allows. */
class OrderLifePaperTest {
    private static final Pattern STEP = Pattern.compile("^ {4}(\\w+|\\[\\*]) --> (\\w+|\\[\\*])$", Pattern.MULTILINE);
    private static final Pattern ROW = Pattern.compile("^\\| (`.*`) \\| (.*) \\|$", Pattern.MULTILINE);

    @Test
    void thePictureHasEachStep() throws IOException {
        var ends = Arrays.stream(OrderStatus.values())
                .filter(status -> status.next().isEmpty())
                .map(status -> status.code() + " → [*]");
        var allowed = Stream.concat(Stream.of("[*] → pending"), Stream.concat(steps(), ends));
        assertThat(drawn(picture())).isEqualTo(allowed.collect(Collectors.toSet()));
    }

    @Test
    void aStepThatIsNotAllowedIsCaught() throws IOException {
        assertThat(drawn(picture() + "\n    shipped --> cancelled\n")).isNotEqualTo(drawn(picture()));
    }

    @Test
    void theTableHasEachStep() throws IOException {
        var text = Files.readString(Path.of("docs/api.md"));
        var table = text.substring(text.indexOf("| from | to |"));
        var listed = ROW.matcher(table.substring(0, table.indexOf("\n\n") + 1))
                .results()
                .flatMap(row ->
                        words(row.group(1)).flatMap(from -> words(row.group(2)).map(to -> from + " → " + to)))
                .collect(Collectors.toSet());
        assertThat(listed).isEqualTo(steps().collect(Collectors.toSet()));
    }

    private static Stream<String> words(String cell) {
        return Pattern.compile("`(\\w+)`").matcher(cell).results().map(word -> word.group(1));
    }

    private static Stream<String> steps() {
        return Arrays.stream(OrderStatus.values())
                .flatMap(from -> from.next().stream().map(to -> from.code() + " → " + to.code()));
    }

    private static String picture() throws IOException {
        var text = Files.readString(Path.of("docs/architecture.md"));
        var begin = text.indexOf("stateDiagram-v2");
        return text.substring(begin, text.indexOf("```", begin));
    }

    private static Set<String> drawn(String picture) {
        return STEP.matcher(picture)
                .results()
                .map(step -> step.group(1) + " → " + step.group(2))
                .collect(Collectors.toSet());
    }
}
