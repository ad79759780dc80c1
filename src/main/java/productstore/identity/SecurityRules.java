package productstore.identity;

import static org.springframework.http.HttpMethod.DELETE;
import static org.springframework.http.HttpMethod.GET;
import static org.springframework.http.HttpMethod.HEAD;
import static org.springframework.http.HttpMethod.PATCH;
import static org.springframework.http.HttpMethod.POST;
import static org.springframework.http.HttpMethod.PUT;
import static productstore.identity.SecurityRules.Access.ADMIN;
import static productstore.identity.SecurityRules.Access.ANYONE;
import static productstore.identity.SecurityRules.Access.CUSTOMER;
import static productstore.identity.SecurityRules.Access.MANAGER;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.springframework.boot.security.autoconfigure.actuate.web.servlet.EndpointRequest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpMethod;
import org.springframework.security.access.hierarchicalroles.RoleHierarchy;
import org.springframework.security.access.hierarchicalroles.RoleHierarchyImpl;
import org.springframework.security.authentication.AuthenticationManagerResolver;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.config.observation.SecurityObservationSettings;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.web.authentication.BearerTokenAuthenticationConverter;
import org.springframework.security.oauth2.server.resource.web.authentication.BearerTokenAuthenticationFilter;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.servlet.util.matcher.PathPatternRequestMatcher;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;

/** Which role may make which call, and the filters that see to it. */
@Configuration(proxyBeanMethods = false)
class SecurityRules {
    /** The least that a caller must be. */
    enum Access {
        ANYONE,
        CUSTOMER,
        MANAGER,
        ADMIN
    }

    /** One call. GET means HEAD too. */
    record Rule(HttpMethod method, PathPattern path, Access access) {
        Set<HttpMethod> methods() {
            return method.equals(GET) ? Set.of(GET, HEAD) : Set.of(method);
        }
    }

    /**
     * The contract's table, the most specific paths first. A call that is not in it is let through to the dispatcher,
     * which answers 404 or 405; that no controller is reached that way is seen to by a test over all mappings.
     */
    static final List<Rule> TABLE = Stream.of(
                    rules(
                            ANYONE,
                            GET,
                            "/api/products",
                            "/api/products/{id}",
                            "/api/categories",
                            "/api/categories/{id}"),
                    rules(MANAGER, POST, "/api/products", "/api/products/{id}/stock", "/api/categories"),
                    rules(MANAGER, PUT, "/api/products/{id}", "/api/categories/{id}"),
                    rules(MANAGER, PATCH, "/api/products/{id}"),
                    rules(MANAGER, DELETE, "/api/products/{id}", "/api/categories/{id}"),
                    rules(MANAGER, GET, "/api/inventory/audit"),
                    rules(CUSTOMER, GET, "/api/orders", "/api/orders/{id}"),
                    rules(CUSTOMER, POST, "/api/orders"),
                    rules(CUSTOMER, DELETE, "/api/orders/{id}"),
                    rules(MANAGER, PUT, "/api/orders/{id}"),
                    rules(ANYONE, POST, "/api/auth/register", "/api/auth/login"),
                    rules(ANYONE, POST, "/api/auth/refresh", "/api/auth/logout"),
                    rules(CUSTOMER, GET, "/api/auth/me"),
                    rules(ADMIN, POST, "/api/auth/keys/rotate"),
                    rules(ADMIN, GET, "/api/log-levels"),
                    rules(ADMIN, PUT, "/api/log-levels/{logger}"),
                    rules(ADMIN, GET, "/api/users", "/api/users/{id}"),
                    rules(ADMIN, PUT, "/api/users/{id}"),
                    rules(ANYONE, GET, "/.well-known/jwks.json"),
                    rules(ANYONE, GET, "/api/openapi", "/api/openapi.json", "/api/openapi.yaml"),
                    rules(ANYONE, GET, "/api/docs", "/api/docs/**"))
            .flatMap(List::stream)
            .sorted(Comparator.comparing(Rule::path, PathPattern.SPECIFICITY_COMPARATOR))
            .toList();

    /** The endpoints of the management port, which is not published. */
    @Bean
    @Order(1)
    SecurityFilterChain management(HttpSecurity http) {
        return plain(http)
                .securityMatcher(EndpointRequest.toAnyEndpoint())
                .authorizeHttpRequests(calls -> calls.anyRequest().permitAll())
                .build();
    }

    @Bean
    @Order(2)
    SecurityFilterChain api(
            HttpSecurity http,
            AuthenticationManagerResolver<HttpServletRequest> tokenChecks,
            Refusals refusals,
            RateLimit rateLimit) {
        var tokens = new BearerTokenAuthenticationConverter();
        tokens.setBearerTokenResolver(Callers::token);
        var bearerTokens = new BearerTokenAuthenticationFilter(tokenChecks, tokens);
        bearerTokens.setAuthenticationEntryPoint(refusals);
        return plain(http)
                .addFilter(bearerTokens)
                .addFilterAfter(new RateLimitFilter(rateLimit), BearerTokenAuthenticationFilter.class)
                .exceptionHandling(
                        failures -> failures.authenticationEntryPoint(refusals).accessDeniedHandler(refusals))
                .authorizeHttpRequests(calls -> {
                    for (var rule : TABLE) {
                        for (var method : rule.methods()) {
                            var call = calls.requestMatchers(PathPatternRequestMatcher.pathPattern(
                                    method, rule.path().getPatternString()));
                            if (rule.access() == ANYONE) {
                                call.permitAll();
                            } else {
                                call.hasRole(rule.access().name());
                            }
                        }
                    }
                    calls.anyRequest().permitAll();
                })
                .build();
    }

    /**
     * Turns a token into its user, as the database has the user now. That the database can't be asked is no fault of the
     * token: such an exception passes through the filters and becomes a 503.
     */
    @Bean
    AuthenticationManagerResolver<HttpServletRequest> tokenChecks(Callers callers) {
        return _ -> authentication -> {
            var token = ((BearerTokenAuthenticationToken) authentication).getToken();
            var user =
                    callers.find(token).orElseThrow(() -> new InvalidBearerTokenException("not valid, or no longer"));
            return UsernamePasswordAuthenticationToken.authenticated(
                    user,
                    null,
                    AuthorityUtils.createAuthorityList("ROLE_" + user.role().name()));
        };
    }

    /** The request has its span and its timer already; one more for each security filter cost as much as the request. */
    @Bean
    static SecurityObservationSettings noSecurityObservations() {
        return SecurityObservationSettings.noObservations();
    }

    @Bean
    static RoleHierarchy roleHierarchy() {
        return RoleHierarchyImpl.fromHierarchy("ROLE_ADMIN > ROLE_MANAGER\nROLE_MANAGER > ROLE_CUSTOMER");
    }

    private static HttpSecurity plain(HttpSecurity http) {
        return http.sessionManagement(sessions -> sessions.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
                // Nothing here is authorised by a cookie.
                .csrf(AbstractHttpConfigurer::disable)
                .logout(AbstractHttpConfigurer::disable)
                .requestCache(AbstractHttpConfigurer::disable)
                .headers(headers -> headers.defaultsDisabled().addHeaderWriter((_, response) -> {
                    SecurityHeaders.write(response);
                    SecurityHeaders.writeCacheControl(response);
                }));
    }

    private static List<Rule> rules(Access access, HttpMethod method, String... paths) {
        return Stream.of(paths)
                .map(path -> new Rule(method, PathPatternParser.defaultInstance.parse(path), access))
                .toList();
    }
}
