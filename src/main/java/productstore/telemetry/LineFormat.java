package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/** How a line looks: whoever writes one calls {@code begin}, its fields, and {@code end}. For one thread. */
interface LineFormat {
    /**
     * Begins a line.
     *
     * @param epochMicros when it happened, in microseconds since 1970
     */
    void begin(long epochMicros, Level level, String message);

    /** Nothing is written of a field without a value. */
    void text(Field field, @Nullable String value);

    void number(Field field, long value);

    void end();

    /** Bytes that were formatted since the last {@link #drainTo}. */
    int size();

    /** Takes back what was formatted behind the first so many bytes. */
    void cutBackTo(int size);

    /** Hands all of them over in one go, and begins anew. Whether that fails or not, they are gone. */
    void drainTo(OutputStream out) throws IOException;
}
