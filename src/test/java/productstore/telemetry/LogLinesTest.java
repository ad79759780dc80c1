package productstore.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;
import org.slf4j.event.Level;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** How lines look, that the writer holds nobody up, and what the file does when it is full or can't be written. */
@Timeout(60)
class LogLinesTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Service SERVICE = new Service("product-store", "1.2.3", "host:8080");

    @TempDir
    private Path folder = Path.of("");

    private static LogLine line(String message) {
        return format -> {
            format.begin(1_764_250_455_000_042L, Level.INFO, message);
            format.text(Field.USER_ID, message);
            format.number(Field.DURATION, Long.MAX_VALUE);
            format.end();
        };
    }

    private static String written(LineFormat format) throws IOException {
        var out = new ByteArrayOutputStream();
        format.drainTo(out);
        return out.toString(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "plain",
                "Молоко «Простоквашино» 3,2 %",
                "quotes \" and \\ backslashes \\\" \\n",
                "lines\nand\r\nmore\ttabs\u000b\u0000\u0001\u001f\u007f",
                "🥛🧀 and 𝔊",
                "\u2028\u2029\ufeff\ufffe",
                "{\"message\":\"I am no field\"}",
                "</script><b>&amp;%n%s${jndi:ldap://x}"
            })
    void everyTextArrivesAsItIs(String text) throws IOException {
        var format = new JsonFormat(SERVICE);
        line(text).writeTo(format);
        var written = written(format);
        assertThat(written).endsWith("}\n").hasLineCount(1);
        var json = JSON.readTree(written);
        assertThat(json.get("message").asString()).isEqualTo(text);
        assertThat(json.get("user.id").asString()).isEqualTo(text);
        assertThat(json.get("event.duration").asLong()).isEqualTo(Long.MAX_VALUE);
        assertThat(json.get("@timestamp").asString()).isEqualTo("2025-11-27T13:34:15.000042Z");
        assertThat(json.get("log.level").asString()).isEqualTo("INFO");
        assertThat(json.get("service.node.name").asString()).isEqualTo("host:8080");
    }

    @Test
    void halfOfAPairIsReplacedSoThatTheLineIsUtf8() throws IOException {
        var format = new JsonFormat(SERVICE);
        line("a\ud83eb\udd5b").writeTo(format);
        assertThat(JSON.readTree(written(format)).get("message").asString()).isEqualTo("a\ufffdb\ufffd");
    }

    @Test
    void aVeryLongLineIsOneLine() throws IOException {
        var format = new JsonFormat(SERVICE);
        var text = "ы\"".repeat(500_000);
        line(text).writeTo(format);
        assertThat(JSON.readTree(written(format)).get("message").asString()).isEqualTo(text);
    }

    @Test
    void noTwoLinesHaveTheSameId() throws IOException {
        var ids = new HashSet<String>();
        for (int store = 0; store < 3; store++) {
            var format = new JsonFormat(SERVICE);
            IntStream.range(0, 1000).forEach(n -> line("x").writeTo(format));
            written(format)
                    .lines()
                    .map(JSON::readTree)
                    .forEach(json -> ids.add(json.get("event.id").asString()));
        }
        assertThat(ids).hasSize(3000);
    }

    @Test
    void whatCameFromOutsideDoesNotSteerTheTerminal() throws IOException {
        var format = new TerminalFormat();
        line("red \033[31m and\nanother line").writeTo(format);
        var written = written(format);
        assertThat(written).contains("red \ufffd[31m and\ufffdanother line").hasLineCount(1);
    }

    /** Lets through what it is told to. */
    private static final class Gate extends OutputStream {
        final CountDownLatch open = new CountDownLatch(1);
        final ByteArrayOutputStream passed = new ByteArrayOutputStream();

        @Override
        public void write(int b) {
            passed.write(b);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            try {
                open.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            passed.write(bytes, from, length);
        }
    }

    @Test
    void whoLogsNeverWaitsAndWhatIsDroppedIsCountedAndTold() {
        var gate = new Gate();
        var writer = new LogWriter(List.of(new LogWriter.Target(new JsonFormat(SERVICE), gate)));
        writer.start();
        int lines = 100_000;
        // With a closed gate behind the writer this could not end if anybody waited.
        for (int n = 0; n < lines; n++) {
            writer.add(line("line " + n));
        }
        assertThat(writer.dropped()).isPositive().isLessThan(lines);
        gate.open.countDown();
        writer.flush(Duration.ofSeconds(20));
        var dropped = writer.dropped();
        var told = new ArrayList<String>();
        for (int look = 0; look < 200 && told.isEmpty(); look++) {
            writer.add(line("one more"));
            writer.flush(Duration.ofMillis(100));
            messages(gate).filter(message -> message.contains("dropped")).forEach(told::add);
            pause();
        }
        assertThat(messages(gate).filter(message -> message.startsWith("line ")).count())
                .isEqualTo(lines - dropped);
        assertThat(messages(gate)
                        .filter(message -> message.startsWith("line "))
                        .map(message -> Integer.parseInt(message.substring(5))))
                .as("in the order they came")
                .isSorted();
        assertThat(told).isNotEmpty();
    }

    private static java.util.stream.Stream<String> messages(Gate gate) {
        return gate.passed
                .toString(StandardCharsets.UTF_8)
                .lines()
                .map(line -> JSON.readTree(line).get("message").asString());
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void linesThatCannotBeWrittenAreCountedAndTheOthersGoOn() {
        var broken = new OutputStream() {
            private boolean works;

            @Override
            public void write(int b) throws IOException {
                throw new IOException("the disk is full");
            }

            @Override
            public void write(byte[] bytes, int from, int length) throws IOException {
                if (!works) {
                    throw new IOException("the disk is full");
                }
            }
        };
        var writer = new LogWriter(List.of(new LogWriter.Target(new JsonFormat(SERVICE), broken)));
        writer.start();
        writer.add(line("lost"));
        writer.flush(Duration.ofSeconds(10));
        assertThat(writer.dropped()).isEqualTo(1);
        broken.works = true;
        writer.add(line("written"));
        writer.flush(Duration.ofSeconds(10));
        assertThat(writer.dropped()).isEqualTo(1);
    }

    @Test
    void aLineThatCannotBeFormattedIsDroppedAndTheOthersGoOn() {
        var out = new ByteArrayOutputStream();
        var writer = new LogWriter(List.of(new LogWriter.Target(new JsonFormat(SERVICE), out)));
        writer.start();
        writer.add(line("before"));
        writer.add(format -> {
            format.begin(0, Level.INFO, "half of a line");
            throw new IllegalStateException("its message can't be asked for");
        });
        writer.add(line("behind"));
        writer.flush(Duration.ofSeconds(10));
        assertThat(writer.dropped()).isEqualTo(1);
        assertThat(out.toString(StandardCharsets.UTF_8)
                        .lines()
                        .map(line -> JSON.readTree(line).get("message").asString()))
                .containsExactly("before", "behind");
    }

    @Test
    void aFileThatCannotBeRenamedIsWrittenOn() throws IOException {
        var file = folder.resolve("store.log");
        Files.createDirectories(folder.resolve("store.log.1/in the way"));
        try (var out = new RotatingFile(file, 10, 1)) {
            for (int n = 0; n < 5; n++) {
                out.write("a line of the log\n".getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(file).content().hasLineCount(5);
    }

    @Test
    void halfALineIsEndedBeforeTheNextOne() throws IOException {
        var file = folder.resolve("store.log");
        Files.writeString(file, "a line\nhalf of");
        try (var out = new RotatingFile(file, 1000, 1)) {
            out.write("another one\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(file).hasContent("a line\nhalf of\nanother one\n");
    }

    @Test
    void aFullFileBeginsAnewAndTheOldestGoes() throws IOException {
        var file = folder.resolve("logs/store.log");
        try (var out = new RotatingFile(file, 100, 2)) {
            for (int n = 0; n < 10; n++) {
                var line = "%d %s%n".formatted(n, "x".repeat(97));
                out.write(line.getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(file.getParent()).isDirectoryContaining("glob:**/store.log");
        try (var files = Files.list(file.getParent())) {
            assertThat(files.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("store.log", "store.log.1", "store.log.2");
        }
        assertThat(Files.readString(file)).startsWith("9 ");
        assertThat(Files.readString(folder.resolve("logs/store.log.1"))).startsWith("8 ");
        assertThat(Files.readString(folder.resolve("logs/store.log.2"))).startsWith("7 ");
    }

    @Test
    void aFileIsContinuedAfterARestart() throws IOException {
        var file = folder.resolve("store.log");
        for (int start = 0; start < 2; start++) {
            try (var out = new RotatingFile(file, 1000, 2)) {
                out.write("line\n".getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(file).hasContent("line\nline\n");
    }

    @Test
    void whatTheDatabaseSaysOfValuesIsNotRepeated() {
        var said = new PSQLException(new ServerErrorMessage(
                "SERROR\0C23505\0Mduplicate key (anna@example.com)\0tapp_user\0napp_user_email_key\0"));
        var wrapped = new IllegalStateException("it failed; " + said.getMessage(), said);
        assertThat(Failures.message(wrapped))
                .isEqualTo("it failed; SQLSTATE 23505, constraint app_user_email_key, table app_user");
        assertThat(Failures.stackTrace(wrapped)).doesNotContain("anna@").contains("LogLinesTest", "Caused by: ");
        assertThat(Failures.summary(new SQLException("column \"x\" does not exist", "42703")))
                .as("our own fault, told in full")
                .contains("column \"x\" does not exist");
    }

    @Test
    void ofAPathOnlyOurWordsAndIdsAreWritten() {
        var id = "0193b0c4-0000-7000-8000-000000000000";
        assertThat(AccessLine.path("/api/orders", "/api/orders/")).isEqualTo("/api/orders");
        assertThat(AccessLine.path("/api/orders/{id}", "/api/orders/" + id)).isEqualTo("/api/orders/" + id);
        assertThat(AccessLine.path("/api/orders/{id}", "/api/orders/anna@example.com"))
                .isEqualTo("/api/orders/*");
        assertThat(AccessLine.path("/api/docs/**", "/api/docs/anna")).isEqualTo("/api/docs/*");
        assertThat(AccessLine.path(null, "/anna")).isNull();
    }

    @Test
    void addressesAreCutToTheirNetwork() {
        assertThat(Networks.of("203.0.113.77")).isEqualTo("203.0.113.0");
        assertThat(Networks.of("2001:db8:12:34:5:6:7:8")).isEqualTo("2001:db8:12::");
        assertThat(Networks.of("nonsense")).isNull();
        assertThat(Networks.of(null)).isNull();
    }

    @Test
    void aTimeHasItsFieldsInEveryCase() throws IOException {
        var format = new JsonFormat(SERVICE);
        for (var micros : List.of(0L, 999_999L, 1_000_000L, 4_102_444_799_999_999L)) {
            format.begin(micros, Level.WARN, "x");
            format.end();
            JsonNode json = JSON.readTree(written(format));
            assertThat(Instant.parse(json.get("@timestamp").asString()))
                    .isEqualTo(Instant.EPOCH.plusNanos(micros * 1000));
        }
    }
}
