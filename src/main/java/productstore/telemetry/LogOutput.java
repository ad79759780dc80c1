package productstore.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the log goes: all of it, from whomever, by one {@link LogWriter}. */
public final class LogOutput {
    private static final long FILE_BYTES = 50L * 1024 * 1024;
    private static final int FILES_KEPT = 10;
    private static final Duration LAST_WORDS = Duration.ofSeconds(2);

    private static volatile @Nullable LogWriter writer;
    // What PostgreSQL says of its daily work is in its own file; a person at a terminal waits for the store.
    private static volatile List<String> quiet = List.of();

    private LogOutput() {}

    /** How lines look on standard output. */
    public enum Format {
        JSON,
        TEXT
    }

    /**
     * Begins to write.
     *
     * @param format on standard output
     * @param file where they go too, always as JSON; null for none
     * @throws IOException if nothing can be written to the file
     */
    public static void begin(Service service, Format format, @Nullable Path file) throws IOException {
        var targets = new ArrayList<LogWriter.Target>();
        // Not System.out, which would take each byte for a character.
        var console = new FileOutputStream(FileDescriptor.out);
        targets.add(
                new LogWriter.Target(format == Format.JSON ? new JsonFormat(service) : new TerminalFormat(), console));
        if (file != null) {
            targets.add(new LogWriter.Target(new JsonFormat(service), new RotatingFile(file, FILE_BYTES, FILES_KEPT)));
        }
        begin(targets);
        var root = (ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
        // Until the framework brings its settings.
        root.setLevel(Level.WARN);
        quiet = format == Format.TEXT ? List.of("productstore.postgresql") : List.of();
        takeOver();
    }

    static LogWriter begin(List<LogWriter.Target> targets) {
        var begun = new LogWriter(targets);
        begun.start();
        writer = begun;
        return begun;
    }

    /** Makes it the only output of Logback; to be repeated when the framework has set up its own. */
    public static void takeOver() {
        if (writer == null) {
            return;
        }
        var context = (LoggerContext) LoggerFactory.getILoggerFactory();
        var root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.detachAndStopAllAppenders();
        var appender = new QueueAppender();
        appender.setContext(context);
        appender.setName("log");
        appender.start();
        root.addAppender(appender);
        quiet.forEach(logger -> context.getLogger(logger).setLevel(Level.WARN));
    }

    /** Waits until what was logged so far is written, but not for long. */
    public static void flush() {
        var to = writer;
        if (to != null) {
            to.flush(LAST_WORDS);
        }
    }

    static void add(LogLine line) {
        var to = writer;
        if (to != null) {
            to.add(line);
        }
    }

    /** Lines dropped so far. */
    static long dropped() {
        var to = writer;
        return to == null ? 0 : to.dropped();
    }

    private static final class QueueAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
        @Override
        protected void append(ILoggingEvent event) {
            add(LoggedLine.of(event));
        }
    }
}
