package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/** Lines for a person who looks at a terminal: time, level, message, and in grey what else is known. */
final class TerminalFormat implements LineFormat {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());
    private static final String GREY = "\033[90m";
    private static final String PLAIN = "\033[0m";
    // The message says it already, or nobody at a terminal asks.
    private static final Set<Field> LEFT_OUT = EnumSet.of(
            Field.DATASET,
            Field.ACTION,
            Field.METHOD,
            Field.ROUTE,
            Field.STATUS,
            Field.THREAD,
            Field.SPAN_ID,
            Field.OUTCOME);

    private final TextBuffer out = new TextBuffer();
    private @Nullable String below;

    @Override
    public void begin(long epochMicros, Level level, String message) {
        below = null;
        out.add(GREY + TIME.format(Instant.EPOCH.plus(epochMicros, ChronoUnit.MICROS)) + " " + PLAIN, false);
        out.add(colour(level) + "%-5s ".formatted(level) + PLAIN, false);
        out.add(printable(message), false);
        out.add(GREY, false);
    }

    private static String colour(Level level) {
        return switch (level) {
            case ERROR -> "\033[31m";
            case WARN -> "\033[33m";
            case INFO -> "\033[32m";
            case DEBUG, TRACE -> GREY;
        };
    }

    @Override
    public void text(Field field, @Nullable String value) {
        if (value == null || LEFT_OUT.contains(field)) {
            return;
        }
        if (field == Field.ERROR_STACK_TRACE) {
            below = value;
            return;
        }
        out.add("  " + field + "=" + printable(value), false);
    }

    @Override
    public void number(Field field, long value) {
        if (field == Field.DURATION) {
            out.add("  %.1f ms".formatted(value / 1e6), false);
        } else {
            text(field, Long.toString(value));
        }
    }

    @Override
    public void end() {
        if (below != null) {
            out.add("\n" + below.lines().map(TerminalFormat::printable).collect(Collectors.joining("\n")), false);
            below = null;
        }
        out.add(PLAIN + "\n", false);
    }

    /** What came from outside must not steer the terminal. */
    private static String printable(String text) {
        if (text.chars().noneMatch(c -> Character.isISOControl(c) && c != '\t')) {
            return text;
        }
        var safe = new StringBuilder();
        text.chars().forEach(c -> safe.append(Character.isISOControl(c) && c != '\t' ? '\uFFFD' : (char) c));
        return safe.toString();
    }

    @Override
    public int size() {
        return out.size();
    }

    @Override
    public void cutBackTo(int size) {
        out.cutBackTo(size);
    }

    @Override
    public void drainTo(OutputStream to) throws IOException {
        out.drainTo(to);
    }
}
