package productstore.apidocs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import productstore.platform.ProblemCode;

/** {@code docs/problems.md} is what a problem's {@code type} points to, so it has each of them, with its status. */
class ProblemsPaperTest {
    // | `code` | status | what it means | what a client does |
    private static final Pattern ROW =
            Pattern.compile("^\\| `([a-z_]+)` \\| (\\d{3}) \\| \\S[^|]* \\| \\S[^|]* \\|$", Pattern.MULTILINE);

    @Test
    void everyProblemIsExplained() throws IOException {
        var explained = ROW.matcher(Files.readString(Path.of("docs/problems.md")))
                .results()
                .collect(Collectors.toMap(
                        row -> row.group(1), row -> Integer.parseInt(row.group(2)), (one, two) -> -1, TreeMap::new));

        var codes = Arrays.stream(ProblemCode.values())
                .collect(Collectors.toMap(
                        ProblemCode::code, code -> code.status().value(), (one, two) -> one, TreeMap::new));
        assertThat(explained).isEqualTo(codes);
    }
}
