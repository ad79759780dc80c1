package productstore.platform;

import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.apache.coyote.ActionCode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpStatusCode;

/** Requests that Tomcat itself refuses (an encoded slash, an oversized line) are answered as problems too. */
class ProblemValve extends ErrorReportValve {
    private static final Logger log = LoggerFactory.getLogger(ProblemValve.class);

    @Override
    protected void report(Request request, Response response, Throwable throwable) {
        // Not ours: fine so far, already answered, or the connection is gone.
        if (response.getStatus() < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
            return;
        }
        var ioAllowed = new java.util.concurrent.atomic.AtomicBoolean(false);
        response.getCoyoteResponse().action(ActionCode.IS_IO_ALLOWED, ioAllowed);
        if (!ioAllowed.get()) {
            return;
        }
        try {
            Problems.write(
                    request.getRequest(),
                    response.getResponse(),
                    Problems.ofStatus(HttpStatusCode.valueOf(response.getStatus())));
        } catch (IOException | IllegalStateException e) {
            log.debug("the client went away before its refusal was written", e);
        }
    }
}
