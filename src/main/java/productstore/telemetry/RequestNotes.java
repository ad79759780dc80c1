package productstore.telemetry;

import jakarta.servlet.ServletRequest;
import org.jspecify.annotations.Nullable;
import org.springframework.web.servlet.HandlerMapping;

/** What becomes known of a request while it is answered, kept with it for its access line and its span. */
public enum RequestNotes {
    TRACE_ID,
    SPAN_ID,
    ROUTE,
    USER_ID,
    ORDER_ID,
    PROBLEM;

    private final String attribute = RequestNotes.class.getName() + "." + name();

    /** Notes it; the last one holds. */
    public void put(ServletRequest request, String value) {
        request.setAttribute(attribute, value);
    }

    /** What was noted, null if nothing was. */
    public @Nullable String of(ServletRequest request) {
        var value = request.getAttribute(attribute);
        return value == null ? null : value.toString();
    }

    /** The pattern of the path that answers a request, {@code /api/products/{id}}; null where nothing answers it. */
    static @Nullable String route(ServletRequest request) {
        var noted = ROUTE.of(request);
        if (noted != null) {
            return noted;
        }
        var pattern = request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE);
        return pattern == null ? null : pattern.toString();
    }
}
