package productstore.identity;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.filter.OncePerRequestFilter;
import productstore.telemetry.RequestNotes;

/**
 * Counts each request as soon as its token has said whose it is, before anything is decided or read. One with a bad
 * token never comes here; {@link Refusals} counts it by its address. All that was spent on it by then is the check of a
 * signature, tens of microseconds. Counting by address before that check would be cheaper for us, but would let one
 * customer use up the limit of all the others behind the same address.
 */
class RateLimitFilter extends OncePerRequestFilter {
    private final RateLimit rateLimit;

    RateLimitFilter(RateLimit rateLimit) {
        this.rateLimit = rateLimit;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        var authentication = SecurityContextHolder.getContext().getAuthentication();
        @Nullable Object caller = authentication == null ? null : authentication.getPrincipal();
        boolean admitted;
        if (caller instanceof CurrentUser user) {
            RequestNotes.USER_ID.put(request, user.getName());
            admitted = rateLimit.admits(user, request, response);
        } else {
            admitted = rateLimit.admits(request, response);
        }
        if (admitted) {
            chain.doFilter(request, response);
        }
    }
}
