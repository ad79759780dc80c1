package productstore.platform;

import jakarta.servlet.ServletException;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.springframework.context.ApplicationListener;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;

/**
 * The time between the signal to stop and the end of serving. The store says that it is not ready, and goes on answering
 * until whoever sends it requests must have noticed; each answer meanwhile ends its connection.
 */
@Component
final class Draining implements ApplicationListener<ContextClosedEvent> {
    private final Limits limits;
    private volatile boolean begun;

    Draining(Limits limits) {
        this.limits = limits;
    }

    /** Readiness was refused right before this, and nothing is stopped before this returns. */
    @Override
    public void onApplicationEvent(ContextClosedEvent closed) {
        if (closed.getApplicationContext().getParent() != null) {
            // The management port's own, which ends later.
            return;
        }
        begun = true;
        try {
            Thread.sleep(limits.drainTime());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells clients and proxies to come back by another connection, which leads to another store. */
    final class GoodBye extends ValveBase {
        GoodBye() {
            super(true);
        }

        @Override
        public void invoke(Request request, Response response) throws IOException, ServletException {
            if (begun) {
                response.setHeader(HttpHeaders.CONNECTION, "close");
            }
            getNext().invoke(request, response);
        }
    }
}
