package productstore.platform;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Answers the requests of an {@link EarlyRoute}, and lets all others go on. */
public abstract class EarlyFilter implements Filter {
    /** Answers a request that this filter knows in full; false if it is another one, of which nothing was used up. */
    protected abstract boolean answers(HttpServletRequest request, HttpServletResponse response) throws IOException;

    @Override
    public final void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        if (!(request instanceof HttpServletRequest http
                && response instanceof HttpServletResponse httpResponse
                && answers(http, httpResponse))) {
            chain.doFilter(request, response);
        }
    }
}
