package productstore.identity;

import jakarta.servlet.http.HttpServletResponse;

/** What every answer tells a browser not to do with it (OWASP's HTTP Headers Cheat Sheet). */
public final class SecurityHeaders {
    private SecurityHeaders() {}

    public static void write(HttpServletResponse response) {
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("X-Frame-Options", "DENY");
        response.setHeader("X-XSS-Protection", "0");
        response.setHeader("Referrer-Policy", "no-referrer");
    }
}
