package productstore.platform;

import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.springframework.stereotype.Component;
import productstore.telemetry.RequestNotes;

/** The id of the current trace (W3C: 32 hexadecimal digits), the thread from an answer to everything said about it. */
@Component
public class TraceIds {
    static final String HEADER = "X-Trace-Id";
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Tracer tracer;

    TraceIds(Tracer tracer) {
        this.tracer = tracer;
    }

    /** The current trace's id; a new one outside of any trace. */
    public String current() {
        Span span = tracer.currentSpan();
        return span == null ? invented() : span.context().traceId();
    }

    /** Puts the current trace's id into the answer and remembers it with the request. */
    void announce(ServletRequest request, HttpServletResponse response) {
        var span = tracer.currentSpan();
        if (span == null) {
            of(request, response);
        } else {
            announce(span, request, response);
        }
    }

    /** As {@link #announce}, for a span that is not the current one. */
    static void announce(Span span, ServletRequest request, HttpServletResponse response) {
        var id = span.context().traceId();
        RequestNotes.TRACE_ID.put(request, id);
        RequestNotes.SPAN_ID.put(request, span.context().spanId());
        response.setHeader(HEADER, id);
    }

    /** The id announced for this request, or, where the server refused it before tracing began, a new one. */
    static String of(ServletRequest request, HttpServletResponse response) {
        var announced = RequestNotes.TRACE_ID.of(request);
        var id = announced == null ? invented() : announced;
        RequestNotes.TRACE_ID.put(request, id);
        response.setHeader(HEADER, id);
        return id;
    }

    private static String invented() {
        var bytes = new byte[16];
        RANDOM.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
