package productstore.platform;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;

/**
 * A refusal that a client is told of, as an RFC 9457 problem. Thrown from anywhere; {@link Problems} turns it into the
 * answer.
 */
public final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ProblemCode code;
    private final transient List<FieldError> errors;
    private final transient HttpHeaders headers = new HttpHeaders();

    /**
     * One fault of one field.
     *
     * @param field the member's path, for example {@code items[2].quantity}, or a query parameter's or header's name
     * @param code machine-readable and stable
     */
    public record FieldError(String field, String code, String message) {}

    private Problem(ProblemCode code, String detail, List<FieldError> errors, @Nullable Throwable cause) {
        // No stack trace: a refusal is an answer, and filling traces costs more than the request.
        super(detail, cause, false, cause != null);
        this.code = code;
        this.errors = List.copyOf(errors);
    }

    public static Problem of(ProblemCode code, String detail) {
        return new Problem(code, detail, List.of(), null);
    }

    public static Problem of(ProblemCode code, String detail, List<FieldError> errors) {
        return new Problem(code, detail, errors, null);
    }

    public static Problem of(ProblemCode code, String detail, Throwable cause) {
        return new Problem(code, detail, List.of(), cause);
    }

    /** {@code invalid_request} for one field. */
    public static Problem invalid(String field, String code, String message) {
        return of(ProblemCode.INVALID_REQUEST, message, List.of(new FieldError(field, code, message)));
    }

    public static Problem notFound(String what) {
        return of(ProblemCode.NOT_FOUND, "There is no such " + what + ".");
    }

    /** Adds a header that the answer bears. */
    public Problem with(String header, String value) {
        headers.set(header, value);
        return this;
    }

    /** Says when another try makes sense; at least one second. */
    public Problem retryAfter(Duration wait) {
        return with(HttpHeaders.RETRY_AFTER, Long.toString(Math.max(1, (wait.toMillis() + 999) / 1000)));
    }

    public ProblemCode code() {
        return code;
    }

    public String detail() {
        return String.valueOf(getMessage());
    }

    public List<FieldError> errors() {
        return errors;
    }

    public HttpHeaders headers() {
        return headers;
    }
}
