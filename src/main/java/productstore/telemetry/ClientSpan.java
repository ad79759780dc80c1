package productstore.telemetry;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The span of one call to a server that this one waits for: a round trip to the database, a call to the Redis. There is
 * one only inside of a span that is recorded; what isn't costs one look.
 */
public final class ClientSpan implements AutoCloseable {
    /** Of a request that isn't recorded. */
    public static final ClientSpan NONE = new ClientSpan(null);

    private final @Nullable Span span;
    private @Nullable Instant answered;
    private long returned = -1;
    private long affected = -1;

    private ClientSpan(@Nullable Span span) {
        this.span = span;
    }

    /**
     * Begins.
     *
     * @param system whose answer is waited for, {@code postgresql}
     * @param operation what is asked of it, by a name that the sources give it
     */
    public static ClientSpan begin(Tracer tracer, String system, String operation) {
        if (!Span.current().isRecording()) {
            return NONE;
        }
        return new ClientSpan(tracer.spanBuilder(operation)
                .setSpanKind(SpanKind.CLIENT)
                .setAttribute("db.system.name", system)
                .setAttribute("db.operation.name", operation)
                .startSpan());
    }

    /** The answer is there; what follows is only its reading. */
    public void answered() {
        if (span != null) {
            answered = Instant.now();
        }
    }

    /** It went wrong. Why exactly is in the log: what the database says holds people's values. */
    public void failed(Throwable failure) {
        if (span != null) {
            answered = Instant.now();
            span.setStatus(StatusCode.ERROR);
            var state = failure instanceof SQLException sql ? sql.getSQLState() : null;
            span.setAttribute("error.type", state == null ? failure.getClass().getName() : state);
        }
    }

    /** Rows that were changed, or none of that if it is negative. */
    public void affected(long rows) {
        if (span != null && rows >= 0) {
            affected = Math.max(affected, 0) + rows;
        }
    }

    /** The same rows, counted as they are read. */
    public ResultSet counting(ResultSet rows) {
        if (span == null) {
            return rows;
        }
        returned = Math.max(returned, 0);
        return (ResultSet) Proxy.newProxyInstance(
                ClientSpan.class.getClassLoader(), new Class<?>[] {ResultSet.class}, (_, method, arguments) -> {
                    try {
                        var answer = method.invoke(rows, arguments);
                        if (method.getName().equals("next") && Boolean.TRUE.equals(answer)) {
                            returned++;
                        }
                        return answer;
                    } catch (InvocationTargetException e) {
                        throw Objects.requireNonNullElse(e.getCause(), e);
                    }
                });
    }

    /** Ends it, at the moment of its answer. */
    @Override
    public void close() {
        if (span == null) {
            return;
        }
        if (returned >= 0) {
            span.setAttribute("db.response.returned_rows", returned);
        }
        if (affected >= 0) {
            span.setAttribute("db.response.affected_rows", affected);
        }
        if (answered == null) {
            span.end();
        } else {
            span.end(answered);
        }
    }
}
