package productstore.platform;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.security.web.firewall.HttpFirewall;
import org.springframework.security.web.firewall.RequestRejectedHandler;
import org.springframework.security.web.firewall.StrictHttpFirewall;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.filter.RequestContextFilter;
import org.springframework.web.filter.UrlHandlerFilter;
import productstore.telemetry.AccessLog;

/** What every request passes before it reaches security and the controllers, outermost first. */
@Configuration(proxyBeanMethods = false)
class WebFilters {
    // Right inside Spring's observation filter (HIGHEST_PRECEDENCE + 1), which opens the request's span.
    private static final int OUTERMOST = Ordered.HIGHEST_PRECEDENCE + 2;

    @Bean
    FilterRegistrationBean<TraceAndProblemFilter> traceAndProblems(TraceIds traceIds) {
        return ordered(new TraceAndProblemFilter(traceIds), OUTERMOST);
    }

    @Bean
    FilterRegistrationBean<UrlHandlerFilter> trailingSlashes() {
        return ordered(
                UrlHandlerFilter.trailingSlashHandler("/**").wrapRequest().build(), OUTERMOST + 1);
    }

    @Bean
    FilterRegistrationBean<BodyLimitFilter> bodyLimit(Limits limits) {
        return ordered(new BodyLimitFilter(limits), OUTERMOST + 2);
    }

    /** Off: the dispatcher does what it does, and nothing before the dispatcher asks for it. */
    @Bean
    FilterRegistrationBean<RequestContextFilter> noRequestContext() {
        var registration = new FilterRegistrationBean<RequestContextFilter>(new RequestContextFilter());
        registration.setEnabled(false);
        return registration;
    }

    /** Lets methods that nobody has heard of through: the dispatcher answers them 405 with what there is instead. */
    @Bean
    HttpFirewall firewall() {
        var firewall = new StrictHttpFirewall();
        firewall.setUnsafeAllowAnyHttpMethod(true);
        // What the firewall checks itself, but by a loop: its regular expression over every header costs more.
        firewall.setAllowedHeaderNames(WebFilters::isPlainText);
        firewall.setAllowedHeaderValues(WebFilters::isPlainText);
        return firewall;
    }

    private static boolean isPlainText(String text) {
        for (int n = 0; n < text.length(); n++) {
            var c = text.charAt(n);
            // A tab is white space in a value (RFC 9110, section 5.5); in a name the server itself refuses it.
            if ((Character.isISOControl(c) && c != '\t') || !Character.isDefined(c)) {
                return false;
            }
        }
        return true;
    }

    @Bean
    RequestRejectedHandler firewallProblems() {
        return (request, response, rejected) -> Problems.write(
                request,
                response,
                Problem.of(ProblemCode.BAD_REQUEST, "The server can't take this request as it is written."));
    }

    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> valves(
            Draining draining, @Value("${store.trusted-proxies:}") String trustedProxies) {
        var trusted = TrustedProxies.of(trustedProxies);
        return factory -> factory.addContextCustomizers(context -> {
            var pipeline = context.getParent().getPipeline();
            pipeline.addValve(new AccessLog());
            pipeline.addValve(draining.new GoodBye());
            if (!trusted.isEmpty()) {
                pipeline.addValve(new ForwardedClient(trusted));
            }
            pipeline.addValve(new ProblemValve());
        });
    }

    private static <F extends jakarta.servlet.Filter> FilterRegistrationBean<F> ordered(F filter, int order) {
        var registration = new FilterRegistrationBean<>(filter);
        registration.setOrder(order);
        return registration;
    }

    /** Gives every answer its trace id, and makes a problem of whatever escapes the filters inside. */
    static final class TraceAndProblemFilter extends OncePerRequestFilter {
        private final TraceIds traceIds;

        TraceAndProblemFilter(TraceIds traceIds) {
            this.traceIds = traceIds;
        }

        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
                throws IOException {
            traceIds.announce(request, response);
            try {
                chain.doFilter(request, response);
            } catch (Exception failure) {
                Problems.answer(request, response, failure);
            } finally {
                RequestObservation.markFailure(request, response.getStatus());
            }
        }
    }

    /** Bounds the size of a body, and the time it may take to arrive. */
    static final class BodyLimitFilter extends OncePerRequestFilter {
        private final Limits limits;

        BodyLimitFilter(Limits limits) {
            this.limits = limits;
        }

        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
                throws ServletException, IOException {
            BoundedBody.checkLength(request, limits);
            try (var large = new LargeBody()) {
                chain.doFilter(
                        new HttpServletRequestWrapper(request) {
                            @Override
                            public ServletInputStream getInputStream() throws IOException {
                                return new BoundedBody(super.getInputStream(), limits, large);
                            }
                        },
                        response);
            }
        }
    }
}
