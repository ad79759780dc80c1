package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.test.context.TestPropertySource;
import productstore.catalog.ProductFiles;
import productstore.identity.Users;
import tools.jackson.databind.json.JsonMapper;

/**
 * Types each curl command of the papers into a shell, as their reader would after {@code ./store run}, and holds what comes back
 * against what the paper shows.
 */
@TestPropertySource(properties = "store.rate-limit=on")
class DocsApiTest extends StoreTest {
    private static final String ADDRESS = "http://localhost:8080";
    private static final String ADMIN_PASSWORD = "made-at-first-start";
    private static final int LIMIT_S = 120;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Autowired
    private Users users;

    @Autowired
    private ProductFiles files;

    @TempDir
    private Path folder;

    @BeforeEach
    void asAfterTheFirstStart() throws IOException {
        users.ensureAdministrator("admin@store.local", ADMIN_PASSWORD);
        Files.writeString(
                Files.createDirectory(folder.resolve("data")).resolve("admin-password.txt"), ADMIN_PASSWORD + "\n");
        files.loadDemoIfEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "docs/api.md"})
    void thePaperTellsTheTruth(String file) throws Exception {
        var paper = Paper.read(file);
        assertThat(paper.examples()).isNotEmpty();
        assertThat(untruthsOf(paper)).as("where %s and the store part", file).isEmpty();
    }

    @Test
    void everyAnswerShownFollowsItsCommand() throws IOException {
        var blocks = Paper.read("docs/api.md").blocks();
        for (int n = 0; n < blocks.size(); n++) {
            if (Paper.isAnswer(blocks.get(n))) {
                assertThat(n > 0 && Paper.callsTheStore(blocks.get(n - 1)))
                        .as("a command before line %s", blocks.get(n).line())
                        .isTrue();
            }
        }
    }

    @Test
    void bothReadmesHaveTheSameCommands() throws IOException {
        assertThat(commands("README.ru.md")).isEqualTo(commands("README.md"));
    }

    /** That the test above can fail: the same paper, rotten in one place. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    "token_type"            | "token_kind"
                    "expires_in": 900       | "expires_in": 901
                    "expires_in": 900       | "expires_in": "900"
                    200                     | 201
                    no-store                | no-cache
                    -d '{"email":           | -d '{"e_mail":
                    """)
    void aRottenPaperIsCaught(String fresh, String rotten) throws Exception {
        var text = """
                ```sh
                curl -i http://localhost:8080/api/auth/login -H 'Content-Type: application/json' \\
                  -d '{"email": "admin@store.local", "password": "%s"}'
                ```
                ```http
                HTTP/1.1 200
                Cache-Control: no-store

                {"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "…"}
                ```
                """.formatted(ADMIN_PASSWORD);
        assertThat(untruthsOf(new Paper(Path.of("fresh.md"), text))).isEmpty();
        var changed = text.replace(fresh, rotten);
        assertThat(changed).isNotEqualTo(text);
        assertThat(untruthsOf(new Paper(Path.of("rotten.md"), changed))).isNotEmpty();
    }

    private static List<String> commands(String file) throws IOException {
        return Paper.read(file).blocks().stream()
                .filter(block -> block.language().equals("sh"))
                // Comments are in the language of the paper.
                .map(block -> block.text().replaceAll(" +# .*", ""))
                .toList();
    }

    /** What of the paper is not so, a sentence each. */
    private List<String> untruthsOf(Paper paper) throws IOException, InterruptedException {
        var examples = paper.examples();
        run(examples);
        var likeness = new Likeness();
        var untruths = new ArrayList<String>();
        for (int n = 0; n < examples.size(); n++) {
            var command = examples.get(n).command();
            var where = paper.file() + ":" + command.line();
            if (Files.exists(folder.resolve(n + ".failed"))) {
                untruths.add(where + " failed: " + Files.readString(folder.resolve(n + ".err")));
            } else {
                hold(where, examples.get(n), answerTo(n), likeness, untruths);
            }
        }
        untruths.addAll(likeness.differences());
        return untruths;
    }

    /** What curl wrote to standard output, and what the answer's head was in any case. */
    private record Answer(String printed, List<String> head) {
        int status() {
            return Integer.parseInt(head.getFirst().split(" ", 3)[1].strip());
        }

        boolean withHead() {
            return printed.startsWith("HTTP/");
        }

        String body() {
            return withHead() ? printed.substring(printed.indexOf("\r\n\r\n") + 4) : printed;
        }
    }

    private static void hold(
            String where, Paper.Example example, Answer answer, Likeness likeness, List<String> untruths) {
        var shown = example.answer();
        if (shown == null) {
            if (answer.status() >= 400) {
                untruths.add(where + " was answered " + answer.status() + " " + answer.body());
            }
            return;
        }
        if (answer.withHead() != shown.language().equals("http")) {
            untruths.add(where + " shows a head without -i, or none with it");
            return;
        }
        var parts = shown.text().split("\n\n", 2);
        var body = shown.text();
        if (answer.withHead()) {
            body = parts.length > 1 ? parts[1] : "";
            holdHead(where, parts[0].lines().toList(), answer, likeness);
        }
        if (body.isBlank()) {
            likeness.compare(where, "", answer.body());
            return;
        }
        var json = JSON.readTree(body);
        // Where the head is not shown, a problem says its status itself.
        if (!answer.withHead()
                && answer.status() >= 300
                && (!json.has("status") || json.get("status").asInt() != answer.status())) {
            untruths.add(where + " was answered " + answer.status());
        }
        likeness.compare(where, json, JSON.readTree(answer.body()));
    }

    private static void holdHead(String where, List<String> shown, Answer answer, Likeness likeness) {
        likeness.compare(where, shown.getFirst(), answer.head().getFirst().strip());
        for (var line : shown.subList(1, shown.size())) {
            var name = line.substring(0, line.indexOf(':') + 1);
            likeness.compare(
                    where,
                    line,
                    answer.head().stream()
                            .filter(header -> header.startsWith(name))
                            .findFirst()
                            .orElse(""));
        }
    }

    private Answer answerTo(int n) throws IOException {
        return new Answer(
                Files.readString(folder.resolve(n + ".out")), Files.readAllLines(folder.resolve(n + ".head")));
    }

    /** All in one shell, so that variables are there for the commands that follow. */
    private void run(List<Paper.Example> examples) throws IOException, InterruptedException {
        var script = new StringBuilder("""
                set -u
                command -v curl >/dev/null || { echo "curl is needed to try the papers' commands: install it." >&2; exit 1; }
                curl() { command curl --silent --show-error --max-time 30 --dump-header "$example.head" "$@"; }
                """);
        for (int n = 0; n < examples.size(); n++) {
            script.append("example=%1$d\n{\n%2$s\n} >%1$d.out 2>%1$d.err || touch %1$d.failed\n"
                    .formatted(n, examples.get(n).command().text().replace(ADDRESS, "http://127.0.0.1:" + port)));
        }
        Files.writeString(folder.resolve("script.sh"), script);
        var errors = folder.resolve("script.err");
        var shell = new ProcessBuilder("sh", "script.sh")
                .directory(folder.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(errors.toFile());
        // What this machine's curl is told to do by default is not the papers' concern.
        shell.environment()
                .keySet()
                .removeIf(name -> name.toLowerCase(java.util.Locale.ROOT).endsWith("_proxy"));
        shell.environment().put("CURL_HOME", folder.toString());
        var process = shell.start();
        if (!process.waitFor(LIMIT_S, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("the papers' commands took longer than " + LIMIT_S + " s");
        }
        assertThat(process.exitValue()).as(Files.readString(errors)).isZero();
    }
}
