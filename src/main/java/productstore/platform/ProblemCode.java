package productstore.platform;

import java.util.Locale;
import org.springframework.http.HttpStatus;

/** Every code a problem can bear, with its HTTP status and title. Clients rely on them: none is ever renamed. */
public enum ProblemCode {
    INVALID_REQUEST(HttpStatus.BAD_REQUEST, "The request is not valid"),
    INVALID_JSON(HttpStatus.BAD_REQUEST, "The body can't be read as JSON"),
    BAD_REQUEST(HttpStatus.BAD_REQUEST, "The server refused the request"),
    UNAUTHORIZED(HttpStatus.UNAUTHORIZED, "Sign in first"),
    INVALID_CREDENTIALS(HttpStatus.UNAUTHORIZED, "The e-mail, password or token is wrong"),
    FORBIDDEN(HttpStatus.FORBIDDEN, "Not allowed"),
    NOT_FOUND(HttpStatus.NOT_FOUND, "Not found"),
    METHOD_NOT_ALLOWED(HttpStatus.METHOD_NOT_ALLOWED, "This address does not take this method"),
    NOT_ACCEPTABLE(HttpStatus.NOT_ACCEPTABLE, "No representation that the client accepts"),
    REQUEST_TIMEOUT(HttpStatus.REQUEST_TIMEOUT, "The request took too long to arrive"),
    PRECONDITION_FAILED(HttpStatus.PRECONDITION_FAILED, "Changed in the meantime"),
    BODY_TOO_LARGE(HttpStatus.CONTENT_TOO_LARGE, "The body is too large"),
    UNSUPPORTED_MEDIA_TYPE(HttpStatus.UNSUPPORTED_MEDIA_TYPE, "The body's media type is not supported"),
    IDEMPOTENCY_KEY_REUSED(HttpStatus.UNPROCESSABLE_CONTENT, "The idempotency key was used for another request"),
    IDEMPOTENCY_IN_FLIGHT(HttpStatus.CONFLICT, "The first request with this idempotency key is still running"),
    RATE_LIMITED(HttpStatus.TOO_MANY_REQUESTS, "Too many requests"),
    TOO_MANY_ATTEMPTS(HttpStatus.TOO_MANY_REQUESTS, "Too many failed sign-ins"),
    INTERNAL_ERROR(HttpStatus.INTERNAL_SERVER_ERROR, "Something broke on our side"),
    DATABASE_UNAVAILABLE(HttpStatus.SERVICE_UNAVAILABLE, "The database can't be reached"),
    OVERLOADED(HttpStatus.SERVICE_UNAVAILABLE, "The store is too busy"),

    SKU_TAKEN(HttpStatus.CONFLICT, "Another product has this sku"),
    CATEGORY_NAME_TAKEN(HttpStatus.CONFLICT, "Another category has this name"),
    SLUG_TAKEN(HttpStatus.CONFLICT, "Another category has this slug"),
    CATEGORY_NOT_EMPTY(HttpStatus.CONFLICT, "The category is not empty"),
    CATEGORY_CYCLE(HttpStatus.CONFLICT, "A category can't be below itself"),
    INSUFFICIENT_STOCK(HttpStatus.CONFLICT, "Not enough in stock"),
    PRODUCT_UNAVAILABLE(HttpStatus.CONFLICT, "A product can't be ordered"),
    MIXED_CURRENCIES(HttpStatus.CONFLICT, "Products of different currencies in one order"),
    ILLEGAL_TRANSITION(HttpStatus.CONFLICT, "The order can't change to this status"),
    EMAIL_TAKEN(HttpStatus.CONFLICT, "There is an account with this e-mail"),
    LAST_ADMIN(HttpStatus.CONFLICT, "The last administrator must stay");

    private final HttpStatus status;
    private final String title;

    ProblemCode(HttpStatus status, String title) {
        this.status = status;
        this.title = title;
    }

    public HttpStatus status() {
        return status;
    }

    public String title() {
        return title;
    }

    /** The code as it stands in a body, for example {@code sku_taken}. */
    public String code() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The problem's type, relative and stable, for example {@code /problems/sku-taken}. */
    public String type() {
        return "/problems/" + code().replace('_', '-');
    }
}
