package productstore.catalog;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.propagation.Propagator;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import productstore.identity.RateLimit;
import productstore.identity.SecurityHeaders;
import productstore.platform.Answer;
import productstore.platform.TraceIds;

/**
 * Gives answers that are ready before the framework wakes. What it gives differs in nothing from what the controllers
 * give: it is counted, measured, traced and limited in the same way. Whatever is not plainly such a request goes on.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class ReadyAnswers implements Filter {
    private static final String PRODUCTS = "/api/products";
    private static final String CATEGORIES = "/api/categories";

    private final CatalogAnswers answers;
    private final RateLimit rateLimit;
    private final Tracer tracer;
    private final Propagator propagator;
    private final Route products;
    private final Route product;
    private final Route categories;

    ReadyAnswers(
            CatalogAnswers answers, RateLimit rateLimit, Tracer tracer, Propagator propagator, MeterRegistry metrics) {
        this.answers = answers;
        this.rateLimit = rateLimit;
        this.tracer = tracer;
        this.propagator = propagator;
        products = new Route(PRODUCTS, metrics);
        product = new Route(PRODUCTS + "/{id}", metrics);
        categories = new Route(CATEGORIES, metrics);
    }

    /** A call, and the timers of its answers: the very ones that Spring's observation of requests records to. */
    private static final class Route {
        final String uri;
        final Timer ok;
        final Timer notModified;
        final Timer tooMany;

        Route(String uri, MeterRegistry metrics) {
            this.uri = uri;
            ok = timer(metrics, "200", "SUCCESS");
            notModified = timer(metrics, "304", "REDIRECTION");
            tooMany = timer(metrics, "429", "CLIENT_ERROR");
        }

        private Timer timer(MeterRegistry metrics, String status, String outcome) {
            return metrics.timer(
                    "http.server.requests",
                    "error",
                    "none",
                    "exception",
                    "none",
                    "method",
                    "GET",
                    "outcome",
                    outcome,
                    "status",
                    status,
                    "uri",
                    uri);
        }

        Timer of(int status) {
            return status == 200 ? ok : status == 304 ? notModified : tooMany;
        }
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        var began = System.nanoTime();
        if (request instanceof HttpServletRequest http && isPlain(http)) {
            var key = CatalogAnswers.key(http);
            var route = route(key);
            var answer = route == null ? null : answers.ready(key);
            if (route != null && answer != null && answer.isPlain(http.getHeader(HttpHeaders.IF_NONE_MATCH))) {
                give(answer, route, http, (HttpServletResponse) response, began);
                return;
            }
        }
        chain.doFilter(request, response);
    }

    private static boolean isPlain(HttpServletRequest request) {
        var accept = request.getHeader(HttpHeaders.ACCEPT);
        return request.getMethod().equals("GET")
                && request.getHeader(HttpHeaders.AUTHORIZATION) == null
                && (accept == null || accept.equals("*/*") || accept.equals("application/json"));
    }

    private @Nullable Route route(String key) {
        if (key.startsWith(PRODUCTS)) {
            return key.length() == PRODUCTS.length() || key.charAt(PRODUCTS.length()) == '?' ? products : product;
        }
        return key.equals(CATEGORIES) ? categories : null;
    }

    private void give(Answer answer, Route route, HttpServletRequest request, HttpServletResponse response, long began)
            throws IOException {
        var span = propagator
                .extract(request, HttpServletRequest::getHeader)
                .name("http get " + route.uri)
                .kind(Span.Kind.SERVER)
                .start();
        try {
            TraceIds.announce(span, request, response);
            if (rateLimit.admits(request, response)) {
                SecurityHeaders.write(response);
                answer.write(request, response);
            }
        } finally {
            end(span, route, response.getStatus(), System.nanoTime() - began);
        }
    }

    private void end(Span span, Route route, int status, long nanos) {
        if (span.isNoop()) {
            route.of(status).record(nanos, TimeUnit.NANOSECONDS);
        } else {
            span.tag("method", "GET").tag("uri", route.uri).tag("status", Integer.toString(status));
            // In its scope, so that it becomes the timer's exemplar.
            try (var _ = tracer.withSpan(span)) {
                route.of(status).record(nanos, TimeUnit.NANOSECONDS);
            }
        }
        span.end();
    }
}
