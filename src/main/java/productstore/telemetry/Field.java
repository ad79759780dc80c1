package productstore.telemetry;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a log line can hold beside time, level and message, by its name in the Elastic Common Schema or, where that has
 * none, in its manner. There are no others, so that the index knows all of them. Docs: docs/logging.md.
 */
public enum Field {
    DATASET("event.dataset"),
    ACTION("event.action"),
    OUTCOME("event.outcome"),
    DURATION("event.duration"),
    LOGGER("log.logger"),
    THREAD("process.thread.name"),
    TRACE_ID("trace.id"),
    SPAN_ID("span.id"),
    METHOD("http.request.method"),
    ROUTE("http.route"),
    PATH("url.path"),
    STATUS("http.response.status_code"),
    BODY_BYTES("http.response.body.bytes"),
    CLIENT_IP("client.ip"),
    USER_ID("user.id"),
    TARGET_USER_ID("user.target.id"),
    ORDER_ID("order.id"),
    ORDER_NUMBER("order.number"),
    PRODUCT_ID("product.id"),
    CATEGORY_ID("category.id"),
    CHANGE_FIELD("change.field"),
    CHANGE_FROM("change.from"),
    CHANGE_TO("change.to"),
    ERROR_CODE("error.code"),
    ERROR_TYPE("error.type"),
    ERROR_MESSAGE("error.message"),
    ERROR_STACK_TRACE("error.stack_trace");

    private static final Map<String, Field> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toMap(Field::toString, Function.identity()));

    private final String name;

    Field(String name) {
        this.name = name;
    }

    /** The one of this name, null if there is none. */
    static @Nullable Field named(String name) {
        return BY_NAME.get(name);
    }

    @Override
    public String toString() {
        return name;
    }
}
