package productstore.identity;

import jakarta.servlet.http.HttpServletResponse;
import org.springframework.http.HttpHeaders;

/**
 * What every answer tells a browser not to do with it (OWASP's REST Security Cheat Sheet). What only a page needs is said
 * with the pages.
 */
public final class SecurityHeaders {
    private SecurityHeaders() {}

    public static void write(HttpServletResponse response) {
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("X-Frame-Options", "DENY");
    }

    /**
     * Kept by nobody, unless its controller says otherwise; what has a tag may be kept by the client, who must ask each
     * time whether it still holds.
     */
    public static void writeCacheControl(HttpServletResponse response) {
        if (!response.containsHeader(HttpHeaders.CACHE_CONTROL)) {
            response.setHeader(
                    HttpHeaders.CACHE_CONTROL,
                    response.containsHeader(HttpHeaders.ETAG) ? "private, no-cache" : "no-store");
        }
    }
}
