package productstore.platform;

import io.micrometer.core.instrument.LongTaskTimer;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.http.Outcome;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.propagation.Propagator;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import productstore.telemetry.RequestNotes;

/**
 * A route that a filter answers before the framework wakes, because it is called so often. Its requests are traced and
 * measured as the framework's are, under the same names, and what fails is answered as the same problem.
 */
public final class EarlyRoute {
    private final String method;
    private final String uri;
    private final Tracer tracer;
    private final Propagator propagator;
    private final MeterRegistry metrics;
    private final Map<Integer, Timer> timers = new ConcurrentHashMap<>();
    private final LongTaskTimer inFlight;

    private EarlyRoute(HttpMethod method, String uri, Tracer tracer, Propagator propagator, MeterRegistry metrics) {
        this.method = method.name();
        this.uri = uri;
        this.tracer = tracer;
        this.propagator = propagator;
        this.metrics = metrics;
        // With what Spring says of a request that has only begun.
        this.inFlight = metrics.more()
                .longTaskTimer(
                        "http.server.requests.active",
                        "exception",
                        "none",
                        "method",
                        this.method,
                        "outcome",
                        Outcome.SUCCESS.name(),
                        "status",
                        "200",
                        "uri",
                        "UNKNOWN");
    }

    /** Makes them. */
    @Component
    public static class Routes {
        private final Tracer tracer;
        private final Propagator propagator;
        private final MeterRegistry metrics;

        Routes(Tracer tracer, Propagator propagator, MeterRegistry metrics) {
            this.tracer = tracer;
            this.propagator = propagator;
            this.metrics = metrics;
        }

        /**
         * One of them.
         *
         * @param uri the name of the route, as its controller's mapping has it
         */
        public EarlyRoute of(HttpMethod method, String uri) {
            return new EarlyRoute(method, uri, tracer, propagator, metrics);
        }
    }

    /** What answers a request. */
    @FunctionalInterface
    public interface Work {
        void answer(Span span) throws IOException;
    }

    /** Whether it may be answered with JSON, without looking closer at what the client accepts. */
    public static boolean acceptsJson(HttpServletRequest request) {
        var accept = request.getHeader(HttpHeaders.ACCEPT);
        return accept == null || accept.equals(MediaType.ALL_VALUE) || accept.equals(MediaType.APPLICATION_JSON_VALUE);
    }

    /** Has a request answered, whatever happens. Work that is not done in a moment is to be done {@link #inSpan}. */
    public void answer(HttpServletRequest request, HttpServletResponse response, Work work) throws IOException {
        var began = System.nanoTime();
        var span = propagator
                .extract(request, HttpServletRequest::getHeader)
                .name("http " + method.toLowerCase(Locale.ROOT) + " " + uri)
                .kind(Span.Kind.SERVER)
                .start();
        try {
            TraceIds.announce(span, request, response);
            RequestNotes.ROUTE.put(request, uri);
            work.answer(span);
        } catch (RuntimeException | Error failure) {
            // In the span, so that its id is in the log.
            try (var _ = tracer.withSpan(span)) {
                Problems.answer(request, response, failure);
            }
        } finally {
            end(span, request, response.getStatus(), System.nanoTime() - began);
        }
    }

    /** Does work that others can see: what is logged, measured and written meanwhile belongs to this span. */
    public void inSpan(Span span, Work work) throws IOException {
        var flight = inFlight.start();
        try (var _ = tracer.withSpan(span)) {
            work.answer(span);
        } finally {
            flight.stop();
        }
    }

    private void end(Span span, HttpServletRequest request, int status, long nanos) {
        var timer = timers.computeIfAbsent(status, this::timer);
        if (span.isNoop()) {
            timer.record(nanos, TimeUnit.NANOSECONDS);
        } else {
            span.tag("method", method).tag("uri", uri).tag("status", Integer.toString(status));
            RequestObservation.tags(request).forEach(tag -> span.tag(tag.getKey(), tag.getValue()));
            // In its scope, so that it becomes the timer's exemplar.
            try (var _ = tracer.withSpan(span)) {
                timer.record(nanos, TimeUnit.NANOSECONDS);
                RequestObservation.markFailure(request, status);
            }
        }
        span.end();
    }

    /** The very one that Spring's observation of requests records to. */
    private Timer timer(int status) {
        return metrics.timer(
                "http.server.requests",
                "error",
                "none",
                "exception",
                "none",
                "method",
                method,
                "outcome",
                Outcome.forStatus(status).name(),
                "status",
                Integer.toString(status),
                "uri",
                uri);
    }
}
