package productstore.telemetry;

import jakarta.servlet.ServletException;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One line a request, whoever answers it: a filter, a controller, or the server that refuses it before them. */
public final class AccessLog extends ValveBase implements org.apache.catalina.AccessLog {
    /** Its name, by which its level is changed: {@code warn} leaves those that failed. */
    static final String LOGGER = "productstore.access";

    private static final Logger log = LoggerFactory.getLogger(LOGGER);
    private static final int FAILED = 500;

    public AccessLog() {
        super(true);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        getNext().invoke(request, response);
    }

    /** Called by the server when all of the answer is out. */
    @Override
    public void log(Request request, Response response, long nanos) {
        int status = response.getStatus();
        if (!(status >= FAILED ? log.isWarnEnabled() : log.isInfoEnabled())) {
            return;
        }
        LogOutput.add(new AccessLine(
                System.currentTimeMillis() * 1000,
                nanos,
                request.getMethod(),
                request.getRequestURI(),
                RequestNotes.route(request),
                status,
                response.getContentWritten(),
                RequestNotes.TRACE_ID.of(request),
                RequestNotes.SPAN_ID.of(request),
                RequestNotes.USER_ID.of(request),
                RequestNotes.ORDER_ID.of(request),
                RequestNotes.PROBLEM.of(request),
                request.getRemoteAddr()));
    }

    @Override
    public void setRequestAttributesEnabled(boolean enabled) {
        // What a trusted proxy says of the client has taken the address' place by then.
    }

    @Override
    public boolean getRequestAttributesEnabled() {
        return false;
    }
}
