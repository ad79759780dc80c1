package productstore.platform;

import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.tomcat.util.http.InvalidParameterException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.security.web.firewall.RequestRejectedException;
import org.springframework.util.InvalidMimeTypeException;
import org.springframework.web.ErrorResponse;
import org.springframework.web.HttpMediaTypeNotSupportedException;
import org.springframework.web.HttpRequestMethodNotSupportedException;
import productstore.telemetry.Failures;
import productstore.telemetry.RequestNotes;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.json.JsonMapper;

/** Turns whatever went wrong into the RFC 9457 answer that the client gets; the one place where that is decided. */
public final class Problems {
    private static final Logger log = LoggerFactory.getLogger(Problems.class);
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(tools.jackson.databind.PropertyNamingStrategies.SNAKE_CASE)
            .build();

    private Problems() {}

    private record Body(
            String type,
            String title,
            int status,
            String detail,
            String instance,
            String code,
            String traceId,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Problem.FieldError> errors) {}

    /** Answers a request with the problem that this failure is. A failure nobody foresaw is logged and becomes a 500. */
    public static void answer(HttpServletRequest request, HttpServletResponse response, Throwable failure)
            throws IOException {
        if (response.isCommitted()) {
            RequestNotes.PROBLEM.put(request, ProblemCode.INTERNAL_ERROR.code());
            // Part of the answer is out: breaking the connection is the only way left to say that it is not whole.
            throw new IOException("failed after the answer had begun", failure);
        }
        var problem = of(failure);
        if (problem.code() == ProblemCode.INTERNAL_ERROR) {
            log.error("a request failed", failure);
        } else if (problem.code() == ProblemCode.DATABASE_UNAVAILABLE) {
            log.warn("the database is not to be had: {}", Failures.summary(failure));
        }
        write(request, response, problem);
    }

    /** Writes a problem as the answer, in place of whatever was prepared. */
    public static void write(HttpServletRequest request, HttpServletResponse response, Problem problem)
            throws IOException {
        response.resetBuffer();
        RequestNotes.PROBLEM.put(request, problem.code().code());
        response.setStatus(problem.code().status().value());
        problem.headers().forEach((name, values) -> values.forEach(value -> response.setHeader(name, value)));
        var body = body(request, TraceIds.of(request, response), problem);
        response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
        response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
        response.setContentLength(body.length);
        if (!HttpMethod.HEAD.matches(request.getMethod())) {
            response.getOutputStream().write(body);
        }
        response.flushBuffer();
    }

    static byte[] body(HttpServletRequest request, String traceId, Problem problem) {
        var code = problem.code();
        return JSON.writeValueAsBytes(new Body(
                code.type(),
                code.title(),
                code.status().value(),
                problem.detail(),
                instance(request.getRequestURI()),
                code.code(),
                traceId,
                problem.errors()));
    }

    // A trailing slash means nothing here, and some of those who ask have had it taken off before.
    private static String instance(@Nullable String uri) {
        return uri == null ? "" : uri.length() > 1 && uri.endsWith("/") ? uri.substring(0, uri.length() - 1) : uri;
    }

    /** The problem that a failure is to the client. */
    public static Problem of(Throwable failure) {
        for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
            switch (cause) {
                case Problem problem -> {
                    return problem;
                }
                case HttpMessageNotReadableException unreadable -> {
                    return unreadable(unreadable);
                }
                case HttpRequestMethodNotSupportedException unsupported -> {
                    return methodNotAllowed(unsupported);
                }
                case HttpMediaTypeNotSupportedException unsupported -> {
                    return Problem.of(
                                    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                                    "Send the body as " + MediaType.toString(unsupported.getSupportedMediaTypes())
                                            + ".")
                            .with(HttpHeaders.ACCEPT, MediaType.toString(unsupported.getSupportedMediaTypes()));
                }
                // The firewall looks at a header only when somebody asks for it.
                case RequestRejectedException _ -> {
                    return Problem.of(ProblemCode.BAD_REQUEST, "A header can't be read.");
                }
                case InvalidMimeTypeException _ -> {
                    return Problem.of(ProblemCode.BAD_REQUEST, "A media type in the headers can't be read.");
                }
                // Tomcat finds a query like "?=x" only when a parameter is asked for.
                case InvalidParameterException _ -> {
                    return Problem.of(ProblemCode.BAD_REQUEST, "The query of the address can't be read.");
                }
                case SQLException sql -> {
                    return of(sql);
                }
                case ErrorResponse refused
                when !refused.getStatusCode().is5xxServerError() -> {
                    return ofStatus(refused.getStatusCode());
                }
                default -> {}
            }
        }
        return Problem.of(ProblemCode.INTERNAL_ERROR, "It is logged under the trace_id given here.", failure);
    }

    /** The problem for a bare status that the server or a library chose. */
    static Problem ofStatus(HttpStatusCode status) {
        return switch (HttpStatus.resolve(status.value())) {
            case UNAUTHORIZED -> Problem.of(ProblemCode.UNAUTHORIZED, "Sign in and send the access token.");
            case FORBIDDEN -> Problem.of(ProblemCode.FORBIDDEN, "Your role does not allow this.");
            case NOT_FOUND -> Problem.of(ProblemCode.NOT_FOUND, "There is nothing at this address.");
            case METHOD_NOT_ALLOWED ->
                Problem.of(ProblemCode.METHOD_NOT_ALLOWED, "This address does not take this method.");
            case NOT_ACCEPTABLE -> Problem.of(ProblemCode.NOT_ACCEPTABLE, "The answer can be had as application/json.");
            case REQUEST_TIMEOUT -> Problem.of(ProblemCode.REQUEST_TIMEOUT, "The request took too long to arrive.");
            case CONTENT_TOO_LARGE -> Problem.of(ProblemCode.BODY_TOO_LARGE, "The body is larger than allowed.");
            case UNSUPPORTED_MEDIA_TYPE ->
                Problem.of(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.");
            // An HTTP version or a transfer coding that the server does not know is the client's fault.
            case NOT_IMPLEMENTED, HTTP_VERSION_NOT_SUPPORTED ->
                Problem.of(ProblemCode.BAD_REQUEST, "The server can't take this request as it is written.");
            case null, default ->
                status.is4xxClientError()
                        ? Problem.of(ProblemCode.BAD_REQUEST, "The server can't take this request as it is written.")
                        : Problem.of(ProblemCode.INTERNAL_ERROR, "It is logged under the trace_id given here.");
        };
    }

    private static Problem databaseUnavailable() {
        return Problem.of(ProblemCode.DATABASE_UNAVAILABLE, "Nothing was changed or the outcome is unknown; try again.")
                .retryAfter(Duration.ofSeconds(2));
    }

    // Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    private static Problem of(SQLException failure) {
        @Nullable String state = failure.getSQLState();
        if (failure instanceof SQLTransientConnectionException || state == null) {
            return databaseUnavailable();
        }
        return switch (state) {
            case "57014", "55P03", "40001", "40P01" ->
                Problem.of(ProblemCode.OVERLOADED, "The database took too long; nothing was changed. Try again.")
                        .retryAfter(Duration.ofSeconds(1));
            // A replica that was promoted, or a primary demoted, under our connections.
            case "25006" -> databaseUnavailable();
            default ->
                state.startsWith("08") || state.startsWith("57P") || state.startsWith("53")
                        ? databaseUnavailable()
                        : Problem.of(
                                ProblemCode.INTERNAL_ERROR, "It is logged under the trace_id given here.", failure);
        };
    }

    private static Problem methodNotAllowed(HttpRequestMethodNotSupportedException unsupported) {
        var allowed = new ArrayList<HttpMethod>();
        if (unsupported.getSupportedHttpMethods() != null) {
            allowed.addAll(unsupported.getSupportedHttpMethods());
        }
        if (allowed.contains(HttpMethod.GET)) {
            allowed.add(HttpMethod.HEAD);
        }
        allowed.add(HttpMethod.OPTIONS);
        var list = allowed.stream().map(HttpMethod::name).distinct().sorted().collect(Collectors.joining(", "));
        return Problem.of(ProblemCode.METHOD_NOT_ALLOWED, "Allowed here: " + list + ".")
                .with(HttpHeaders.ALLOW, list);
    }

    private static Problem unreadable(HttpMessageNotReadableException failure) {
        var known = problemIn(failure);
        if (known != null) {
            return known;
        }
        return failure.getCause() instanceof JacksonException json
                ? unreadable(json)
                : Problem.of(ProblemCode.INVALID_JSON, "A JSON body is needed.");
    }

    /** The problem that an unreadable JSON text is: where it is at fault, never how our classes look. */
    public static Problem unreadable(JacksonException failure) {
        var known = problemIn(failure);
        if (known != null) {
            return known;
        }
        var path = path(failure);
        if (failure instanceof UnrecognizedPropertyException) {
            return Problem.invalid(path, "unknown_member", path + " is not a member of this request.");
        }
        if ((failure instanceof DatabindException || failure instanceof InputCoercionException) && !path.isEmpty()) {
            return Problem.invalid(path, "invalid", path + " has a value of the wrong type or out of range.");
        }
        var where = failure.getLocation() == null || failure.getLocation().getLineNr() < 1
                ? ""
                : " (line %d, column %d)"
                        .formatted(
                                failure.getLocation().getLineNr(),
                                failure.getLocation().getColumnNr());
        if (failure instanceof StreamReadException
                && failure.getOriginalMessage().startsWith("Duplicate")) {
            return Problem.of(ProblemCode.INVALID_JSON, "A member of an object stands there twice" + where + ".");
        }
        return Problem.of(ProblemCode.INVALID_JSON, "The body is not the JSON that is needed here" + where + ".");
    }

    /** What kept the text from being read, where it was not the text itself. */
    private static @Nullable Problem problemIn(Throwable failure) {
        for (@Nullable Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof Problem problem) {
                return problem;
            }
        }
        return null;
    }

    private static String path(JacksonException failure) {
        var path = new StringBuilder();
        for (var step : failure.getPath()) {
            if (step.getPropertyName() != null) {
                path.append(path.isEmpty() ? "" : ".").append(step.getPropertyName());
            } else if (step.getIndex() >= 0) {
                path.append('[').append(step.getIndex()).append(']');
            }
        }
        return path.toString();
    }
}
