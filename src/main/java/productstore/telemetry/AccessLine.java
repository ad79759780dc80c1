package productstore.telemetry;

import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/** A request and how it was answered. Nothing of it is what a person wrote: no query, no path beyond its route and ids. */
record AccessLine(
        long epochMicros,
        long nanos,
        @Nullable String method,
        @Nullable String uri,
        @Nullable String route,
        int status,
        long bodyBytes,
        @Nullable String traceId,
        @Nullable String spanId,
        @Nullable String userId,
        @Nullable String orderId,
        @Nullable String problem,
        @Nullable String address)
        implements LogLine {
    static final String DATASET = "store.access";

    private static final Pattern ID = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    // A method is any word to HTTP.
    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");
    private static final String OTHER = "*";

    @Override
    public void writeTo(LineFormat line) {
        var verb = method != null && METHODS.contains(method) ? method : OTHER;
        boolean failed = status >= 500;
        line.begin(
                epochMicros,
                failed ? Level.WARN : Level.INFO,
                verb + " " + (route == null ? "an unknown path" : route) + " " + status);
        line.text(Field.DATASET, DATASET);
        line.text(Field.LOGGER, AccessLog.LOGGER);
        line.text(Field.TRACE_ID, traceId);
        line.text(Field.SPAN_ID, spanId);
        line.text(Field.METHOD, verb);
        line.text(Field.ROUTE, route);
        line.text(Field.PATH, path(route, uri));
        line.number(Field.STATUS, status);
        line.number(Field.BODY_BYTES, bodyBytes);
        line.number(Field.DURATION, nanos);
        line.text(Field.OUTCOME, failed ? "failure" : "success");
        line.text(Field.USER_ID, userId);
        line.text(Field.ORDER_ID, orderId);
        line.text(Field.ERROR_CODE, problem);
        line.text(Field.CLIENT_IP, Networks.of(address));
        line.end();
    }

    private static int end(String path, int from) {
        int end = path.indexOf('/', from);
        return end < 0 ? path.length() : end;
    }

    /** The path as far as it is the store's own words and ids; a star for each part that is not. */
    static @Nullable String path(@Nullable String route, @Nullable String uri) {
        if (route == null || uri == null) {
            return null;
        }
        if (route.indexOf('{') < 0 && route.indexOf('*') < 0) {
            return route;
        }
        var path = new StringBuilder(uri.length());
        int at = 1;
        for (int from = 1; from <= route.length(); ) {
            int end = end(route, from);
            int askedEnd = end(uri, at);
            var part = at > uri.length() ? "" : uri.substring(at, askedEnd);
            boolean same = part.length() == end - from && route.startsWith(part, from);
            path.append('/').append(same || ID.matcher(part).matches() ? part : OTHER);
            from = end + 1;
            at = askedEnd + 1;
        }
        return path.toString();
    }
}
