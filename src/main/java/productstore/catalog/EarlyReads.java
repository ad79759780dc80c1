package productstore.catalog;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.stereotype.Component;
import productstore.identity.RateLimit;
import productstore.identity.SecurityHeaders;
import productstore.platform.Answer;
import productstore.platform.EarlyFilter;
import productstore.platform.EarlyRoute;
import productstore.platform.Ids;
import productstore.platform.Page;

/**
 * Answers what everybody may read before the framework wakes: most of it is ready. What it answers differs in nothing
 * from what the controllers do. Whatever is not plainly such a request goes on to them.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class EarlyReads extends EarlyFilter {
    private final CatalogReads reads;
    private final CatalogAnswers answers;
    private final RateLimit rateLimit;
    private final EarlyRoute products;
    private final EarlyRoute product;
    private final EarlyRoute categories;

    EarlyReads(CatalogReads reads, CatalogAnswers answers, RateLimit rateLimit, EarlyRoute.Routes routes) {
        this.reads = reads;
        this.answers = answers;
        this.rateLimit = rateLimit;
        products = routes.of(HttpMethod.GET, CatalogReads.PRODUCTS);
        product = routes.of(HttpMethod.GET, CatalogReads.PRODUCTS + "/{id}");
        categories = routes.of(HttpMethod.GET, CatalogReads.CATEGORIES);
    }

    @Override
    protected boolean answers(HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (!isPlain(request)) {
            return false;
        }
        var address = Page.address(request);
        var route = route(address);
        if (route == null) {
            return false;
        }
        var ready = answers.ready(address);
        var ifNoneMatch = request.getHeader(HttpHeaders.IF_NONE_MATCH);
        if (ifNoneMatch != null && (ready == null || !ready.isTagged(ifNoneMatch))) {
            return false;
        }
        answer(route, address, ready, request, response);
        return true;
    }

    private static boolean isPlain(HttpServletRequest request) {
        return request.getMethod().equals("GET")
                && request.getHeader(HttpHeaders.AUTHORIZATION) == null
                && EarlyRoute.acceptsJson(request);
    }

    private @Nullable EarlyRoute route(String address) {
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
            EarlyRoute route,
            String address,
            @Nullable Answer ready,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        route.answer(request, response, span -> {
            SecurityHeaders.write(response);
            if (!rateLimit.admits(request, response)) {
                return;
            }
            if (ready != null) {
                span.tag(CatalogAnswers.CACHE, "hit");
                ready.write(request, response);
            } else {
                route.inSpan(span, _ -> make(route, address, request).write(request, response));
            }
        });
    }

    private Answer make(EarlyRoute route, String address, HttpServletRequest request) {
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
