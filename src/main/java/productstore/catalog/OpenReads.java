package productstore.catalog;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.http.Outcome;
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
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import productstore.identity.RateLimit;
import productstore.identity.SecurityHeaders;
import productstore.platform.Answer;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Problems;
import productstore.platform.TraceIds;

/**
 * Answers what everybody may read before the framework wakes: most of it is ready. What it answers differs in nothing
 * from what the controllers do, and is limited, measured and traced in the same way. Whatever is not plainly such a
 * request goes on to them.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class OpenReads implements Filter {
    private final CatalogReads reads;
    private final CatalogAnswers answers;
    private final RateLimit rateLimit;
    private final Tracer tracer;
    private final Propagator propagator;
    private final Route products;
    private final Route product;
    private final Route categories;

    OpenReads(
            CatalogReads reads,
            CatalogAnswers answers,
            RateLimit rateLimit,
            Tracer tracer,
            Propagator propagator,
            MeterRegistry metrics) {
        this.reads = reads;
        this.answers = answers;
        this.rateLimit = rateLimit;
        this.tracer = tracer;
        this.propagator = propagator;
        products = new Route(CatalogReads.PRODUCTS, metrics);
        product = new Route(CatalogReads.PRODUCTS + "/{id}", metrics);
        categories = new Route(CatalogReads.CATEGORIES, metrics);
    }

    /** A call, and the timers of its answers: the very ones that Spring's observation of requests records to. */
    private static final class Route {
        final String uri;
        private final MeterRegistry metrics;
        private final Map<Integer, Timer> timers = new ConcurrentHashMap<>();

        Route(String uri, MeterRegistry metrics) {
            this.uri = uri;
            this.metrics = metrics;
        }

        Timer timer(int status) {
            return timers.computeIfAbsent(
                    status,
                    code -> metrics.timer(
                            "http.server.requests",
                            "error",
                            "none",
                            "exception",
                            "none",
                            "method",
                            "GET",
                            "outcome",
                            Outcome.forStatus(code).name(),
                            "status",
                            Integer.toString(code),
                            "uri",
                            uri));
        }
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        if (request instanceof HttpServletRequest http
                && response instanceof HttpServletResponse httpResponse
                && isPlain(http)) {
            var address = Page.address(http);
            var route = route(address);
            if (route != null) {
                var ready = answers.ready(address);
                var ifNoneMatch = http.getHeader(HttpHeaders.IF_NONE_MATCH);
                if (ifNoneMatch == null || (ready != null && ready.isTagged(ifNoneMatch))) {
                    answer(route, address, ready, http, httpResponse);
                    return;
                }
            }
        }
        chain.doFilter(request, response);
    }

    private static boolean isPlain(HttpServletRequest request) {
        var accept = request.getHeader(HttpHeaders.ACCEPT);
        return request.getMethod().equals("GET")
                && request.getHeader(HttpHeaders.AUTHORIZATION) == null
                && (accept == null || accept.equals("*/*") || accept.equals(MediaType.APPLICATION_JSON_VALUE));
    }

    private @Nullable Route route(String address) {
        if (address.startsWith(CatalogReads.PRODUCTS)) {
            int end = CatalogReads.PRODUCTS.length();
            if (address.length() == end || address.charAt(end) == '?') {
                return products;
            }
            return address.charAt(end) == '/' && Ids.wellFormed(address.substring(end + 1)) ? product : null;
        }
        return address.equals(CatalogReads.CATEGORIES) ? categories : null;
    }

    private void answer(
            Route route,
            String address,
            @Nullable Answer ready,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        var began = System.nanoTime();
        var span = propagator
                .extract(request, HttpServletRequest::getHeader)
                .name("http get " + route.uri)
                .kind(Span.Kind.SERVER)
                .start();
        try {
            TraceIds.announce(span, request, response);
            SecurityHeaders.write(response);
            if (rateLimit.admits(request, response)) {
                (ready == null ? make(route, address, request, span) : ready).write(request, response);
            }
        } catch (RuntimeException failure) {
            Problems.answer(request, response, failure);
        } finally {
            end(span, route, response.getStatus(), System.nanoTime() - began);
        }
    }

    private Answer make(Route route, String address, HttpServletRequest request, Span span) {
        try (var _ = tracer.withSpan(span)) {
            if (route.equals(product)) {
                return reads.product(UUID.fromString(address.substring(CatalogReads.PRODUCTS.length() + 1)));
            }
            return route.equals(categories)
                    ? reads.categories()
                    : reads.products(
                            address,
                            request.getParameterMap().entrySet().stream()
                                    .collect(Collectors.toMap(Map.Entry::getKey, values -> values.getValue()[0])));
        }
    }

    private void end(Span span, Route route, int status, long nanos) {
        if (span.isNoop()) {
            route.timer(status).record(nanos, TimeUnit.NANOSECONDS);
        } else {
            span.tag("method", "GET").tag("uri", route.uri).tag("status", Integer.toString(status));
            // In its scope, so that it becomes the timer's exemplar.
            try (var _ = tracer.withSpan(span)) {
                route.timer(status).record(nanos, TimeUnit.NANOSECONDS);
            }
        }
        span.end();
    }
}
