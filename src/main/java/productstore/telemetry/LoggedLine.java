package productstore.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/** A line that was logged by SLF4J, with the fields that were given to it and those of its trace. */
record LoggedLine(
        long epochMicros,
        Level level,
        String logger,
        String thread,
        String message,
        @Nullable String traceId,
        @Nullable String spanId,
        List<Value> values,
        @Nullable Throwable failure)
        implements LogLine {
    static final String DATASET = "store.app";

    // As Micrometer's tracing puts them there.
    private static final String MDC_TRACE_ID = "traceId";
    private static final String MDC_SPAN_ID = "spanId";

    record Value(Field field, String text) {}

    static LoggedLine of(ILoggingEvent event) {
        Map<String, String> mdc = event.getMDCPropertyMap();
        return new LoggedLine(
                micros(event.getInstant()),
                Level.valueOf(event.getLevel().toString()),
                event.getLoggerName(),
                event.getThreadName(),
                event.getFormattedMessage(),
                mdc.get(MDC_TRACE_ID),
                mdc.get(MDC_SPAN_ID),
                values(event),
                event.getThrowableProxy() instanceof ThrowableProxy proxy ? proxy.getThrowable() : null);
    }

    private static long micros(Instant instant) {
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
    }

    private static List<Value> values(ILoggingEvent event) {
        var pairs = event.getKeyValuePairs();
        if (pairs == null) {
            return List.of();
        }
        var values = new ArrayList<Value>();
        for (var pair : pairs) {
            var field = Field.named(pair.key);
            if (field != null && pair.value != null) {
                values.add(new Value(field, pair.value.toString()));
            }
        }
        return values;
    }

    @Override
    public void writeTo(LineFormat line) {
        line.begin(epochMicros, level, message);
        if (values.stream().noneMatch(value -> value.field() == Field.DATASET)) {
            line.text(Field.DATASET, DATASET);
        }
        line.text(Field.LOGGER, logger);
        line.text(Field.THREAD, thread);
        line.text(Field.TRACE_ID, traceId);
        line.text(Field.SPAN_ID, spanId);
        values.forEach(value -> line.text(value.field(), value.text()));
        if (failure != null) {
            line.text(Field.ERROR_TYPE, failure.getClass().getName());
            line.text(Field.ERROR_MESSAGE, Failures.message(failure));
            line.text(Field.ERROR_STACK_TRACE, Failures.stackTrace(failure));
        }
        line.end();
    }
}
