package productstore.platform;

import jakarta.servlet.ServletException;
import java.io.IOException;
import java.util.Collections;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;

/**
 * Puts the client's address in the place of a trusted proxy's, for all who ask the request for it, the access log too.
 * Tomcat's own valve takes whatever text stands in the header for an address.
 */
final class ForwardedClient extends ValveBase {
    private static final String HEADER = "X-Forwarded-For";

    private final TrustedProxies trusted;

    ForwardedClient(TrustedProxies trusted) {
        super(true);
        this.trusted = trusted;
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        if (request.getHeader(HEADER) != null) {
            request.setRemoteAddr(
                    trusted.client(request.getRemoteAddr(), Collections.list(request.getHeaders(HEADER))));
        }
        getNext().invoke(request, response);
    }
}
