package productstore.orders;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.stereotype.Component;
import productstore.identity.Callers;
import productstore.identity.SecurityHeaders;
import productstore.platform.BoundedBody;
import productstore.platform.EarlyFilter;
import productstore.platform.EarlyRoute;
import productstore.platform.Idempotency;
import productstore.platform.Limits;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Problems;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.json.JsonMapper;

/**
 * Takes orders before the framework wakes, which would spend more on one than everything else that the program does for
 * it. What it answers differs in nothing from what the controller does. Whatever is not plainly an order that a signed-in
 * client sends goes on to it.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class EarlyOrders extends EarlyFilter {
    private final OrderController controller;
    private final Callers callers;
    private final Limits limits;
    private final ObjectReader json;
    private final EarlyRoute route;

    EarlyOrders(OrderController controller, Callers callers, Limits limits, JsonMapper json, EarlyRoute.Routes routes) {
        this.controller = controller;
        this.callers = callers;
        this.limits = limits;
        this.json = json.readerFor(Placing.Input.class);
        this.route = routes.of(HttpMethod.POST, OrderController.PATH);
    }

    @Override
    protected boolean answers(HttpServletRequest request, HttpServletResponse response) throws IOException {
        var token = isPlain(request) ? Callers.token(request) : null;
        if (token == null) {
            return false;
        }
        route.answer(request, response, span -> route.inSpan(span, _ -> place(token, request, response)));
        return true;
    }

    private boolean isPlain(HttpServletRequest request) {
        return request.getMethod().equals("POST")
                && isOrders(request.getRequestURI())
                && MediaType.APPLICATION_JSON_VALUE.equals(request.getContentType())
                && request.getContentLengthLong() > 0
                && BoundedBody.isSmall(request, limits)
                && EarlyRoute.acceptsJson(request)
                && hasOneKeyAtMost(request);
    }

    private static boolean isOrders(String uri) {
        return uri.startsWith(OrderController.PATH)
                && (uri.length() == OrderController.PATH.length()
                        || (uri.length() == OrderController.PATH.length() + 1 && uri.endsWith("/")));
    }

    private static boolean hasOneKeyAtMost(HttpServletRequest request) {
        var keys = request.getHeaders(OrderController.KEY);
        return !keys.hasMoreElements() || (Idempotency.isPrintable(keys.nextElement()) && !keys.hasMoreElements());
    }

    private void place(String token, HttpServletRequest request, HttpServletResponse response) throws IOException {
        SecurityHeaders.write(response);
        var user = callers.admit(token, request, response);
        if (user != null) {
            write(controller.place(input(request), request.getHeader(OrderController.KEY), user, request), response);
        }
    }

    private Placing.Input input(HttpServletRequest request) throws IOException {
        try {
            Placing.@Nullable Input input = json.readValue(BoundedBody.small(request, limits));
            if (input == null) {
                throw Problem.of(ProblemCode.INVALID_JSON, "A JSON body is needed.");
            }
            return input;
        } catch (JacksonException e) {
            throw Problems.unreadable(e);
        }
    }

    private static void write(ResponseEntity<byte[]> answer, HttpServletResponse response) throws IOException {
        response.setStatus(answer.getStatusCode().value());
        answer.getHeaders().forEach((name, values) -> values.forEach(value -> response.addHeader(name, value)));
        SecurityHeaders.writeCacheControl(response);
        var body = answer.getBody();
        if (body != null) {
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }
}
