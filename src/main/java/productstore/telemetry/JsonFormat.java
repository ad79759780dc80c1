package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/**
 * Lines as JSON objects in the Elastic Common Schema, with dotted names at the top level, as ECS loggers have them. By
 * hand, because a cached answer takes a few microseconds and each has its line.
 */
final class JsonFormat implements LineFormat {
    private static final byte[] BEGIN = ascii("{\"@timestamp\":\"");
    private static final byte[] LEVEL = ascii("Z\",\"log.level\":\"");
    private static final byte[] MESSAGE = ascii("\",\"message\":\"");

    /** The names of fields as they begin a member behind another one. */
    private static final Map<Field, byte[]> MEMBERS = members();

    private final TextBuffer out = new TextBuffer();
    private final byte[] service;
    private long lines;
    private long second = -1;
    private byte[] secondText = {};

    /** @param service who writes; see {@link Service} */
    JsonFormat(Service service) {
        // Unique among all lines that any store ever writes, so that a line which is shipped twice is kept once.
        var start = Long.toString(new SecureRandom().nextLong() & Long.MAX_VALUE, Character.MAX_RADIX);
        var text = new TextBuffer();
        text.add("\",\"ecs.version\":\"9.0.0\",\"service.name\":\"", false);
        text.add(service.name(), true);
        text.add("\",\"service.version\":\"", false);
        text.add(service.version(), true);
        text.add("\",\"service.node.name\":\"", false);
        text.add(service.node(), true);
        text.add("\",\"event.id\":\"" + start + "-", false);
        this.service = text.toBytes();
    }

    @Override
    public void begin(long epochMicros, Level level, String message) {
        out.add(BEGIN);
        addTime(epochMicros);
        out.add(LEVEL);
        out.add(level.name(), false);
        out.add(MESSAGE);
        out.add(message, true);
        out.add(service);
        out.add(lines++);
        out.add('"');
    }

    private void addTime(long epochMicros) {
        long now = Math.floorDiv(epochMicros, 1_000_000);
        if (now != second) {
            second = now;
            // To the second, "2026-11-27T13:34:15", without the Z.
            var text = Instant.ofEpochSecond(now).toString();
            secondText = ascii(text.substring(0, text.length() - 1) + ".");
        }
        out.add(secondText);
        int micros = Math.toIntExact(Math.floorMod(epochMicros, 1_000_000));
        for (int rest = 100_000; rest > 0; rest /= 10) {
            out.add((char) ('0' + micros / rest % 10));
        }
    }

    @Override
    public void text(Field field, @Nullable String value) {
        if (value != null) {
            addName(field);
            out.add('"');
            out.add(value, true);
            out.add('"');
        }
    }

    @Override
    public void number(Field field, long value) {
        addName(field);
        out.add(value);
    }

    @Override
    public void end() {
        out.add('}');
        out.add('\n');
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

    private void addName(Field field) {
        out.add(Objects.requireNonNull(MEMBERS.get(field)));
    }

    private static Map<Field, byte[]> members() {
        var members = new EnumMap<Field, byte[]>(Field.class);
        for (var field : Field.values()) {
            members.put(field, ascii(",\"" + field + "\":"));
        }
        return members;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
