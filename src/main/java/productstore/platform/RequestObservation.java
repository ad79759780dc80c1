package productstore.platform;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import jakarta.servlet.ServletRequest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.server.observation.DefaultServerRequestObservationConvention;
import org.springframework.http.server.observation.ServerRequestObservationContext;
import org.springframework.stereotype.Component;
import productstore.telemetry.RequestNotes;

/** What a request's span says beside its route: who asked, and for which order. Not the path, in which people write things. */
@Component
class RequestObservation extends DefaultServerRequestObservationConvention {
    @Override
    public KeyValues getHighCardinalityKeyValues(ServerRequestObservationContext context) {
        var request = context.getCarrier();
        return request == null ? KeyValues.empty() : KeyValues.of(tags(request));
    }

    /** The same, for whoever has no observation. */
    static List<KeyValue> tags(ServletRequest request) {
        var tags = new ArrayList<KeyValue>();
        add(tags, "user.id", RequestNotes.USER_ID.of(request));
        add(tags, "order.id", RequestNotes.ORDER_ID.of(request));
        add(tags, "error.code", RequestNotes.PROBLEM.of(request));
        return tags;
    }

    /** A trace in which something of ours failed is kept by whoever keeps only some of them. */
    static void markFailure(ServletRequest request, int status) {
        if (status >= 500 || ProblemCode.INTERNAL_ERROR.code().equals(RequestNotes.PROBLEM.of(request))) {
            Span.current().setStatus(StatusCode.ERROR);
        }
    }

    private static void add(List<KeyValue> tags, String name, @Nullable String value) {
        if (value != null) {
            tags.add(KeyValue.of(name, value));
        }
    }
}
