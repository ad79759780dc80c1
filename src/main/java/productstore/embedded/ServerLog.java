package productstore.embedded;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import productstore.telemetry.Field;

/**
 * Writes what the server says into {@code postgres.log}, and when that is full begins it anew, keeping one old one. The server's
 * own collector isn't used: it outlives the server for a moment, and a stopped store should leave no process behind.
 */
final class ServerLog {
    private static final Logger log = LoggerFactory.getLogger(ServerLog.class);
    private static final Logger server = LoggerFactory.getLogger("productstore.postgresql");
    // "2026-11-27 13:34:15.123 UTC [4711] LOG:  checkpoint complete"; statements are there only if somebody wants them.
    private static final Pattern MESSAGE = Pattern.compile(
            "[-\\d]+ [.:\\d]+ \\w+ \\[\\d+] (?<severity>LOG|FATAL|PANIC):  (?!statement|execute|duration|parse|bind)(?<said>.*)");
    private static final long LIMIT_BYTES = 10L * 1024 * 1024;
    private static final int REMEMBERED_LINES = 30;

    private final Path file;
    private final Deque<String> lastLines = new ArrayDeque<>();

    ServerLog(Path file) {
        this.file = file;
    }

    Path file() {
        return file;
    }

    /** Follows one server until it has ended, in a thread of its own. */
    Thread follow(InputStream said) {
        return Thread.ofPlatform().daemon().name("postgres-log").start(() -> copy(said));
    }

    private void copy(InputStream said) {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(said, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                remember(line);
                write(line);
                pass(line);
            }
        } catch (IOException e) {
            log.warn("PostgreSQL's messages can no longer be read: {}", e.toString());
        }
    }

    /** What is no statement and no value goes into the store's own log too, where it takes the way of all lines. */
    private static void pass(String line) {
        var message = MESSAGE.matcher(line);
        if (message.matches()) {
            server.atLevel(level(message.group("severity")))
                    .addKeyValue(Field.DATASET.toString(), "store.postgresql")
                    .log(message.group("said"));
        }
    }

    private static Level level(String severity) {
        return switch (severity) {
            case "PANIC" -> Level.ERROR;
            // The end of one connection.
            case "FATAL" -> Level.WARN;
            default -> Level.INFO;
        };
    }

    private void write(String line) {
        try {
            if (Files.exists(file) && Files.size(file) > LIMIT_BYTES) {
                Files.move(file, file.resolveSibling(file.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
            }
            try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
                out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            // A full disk must not stop the reading, or the server would block on its own log.
            log.debug("a line of PostgreSQL's could not be kept: {}", e.toString());
        }
    }

    private synchronized void remember(String line) {
        lastLines.addLast(line);
        if (lastLines.size() > REMEMBERED_LINES) {
            lastLines.removeFirst();
        }
    }

    synchronized void forget() {
        lastLines.clear();
    }

    synchronized boolean mentions(String words) {
        return lastLines.stream().anyMatch(line -> line.contains(words));
    }

    /** The last reason given for ending. */
    synchronized String lastWords() {
        String words = "it said nothing";
        for (String line : lastLines) {
            if (line.contains("FATAL:") || line.contains("PANIC:") || !line.contains("LOG:")) {
                words = line.replaceFirst("^.*?(FATAL|PANIC):\\s*", "");
            }
        }
        return words;
    }
}
