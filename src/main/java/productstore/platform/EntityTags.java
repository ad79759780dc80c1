package productstore.platform;

import java.net.URI;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/**
 * Answers that are one resource, with its strong entity tag (RFC 9110, section 8.8): a hash of the very bytes sent, so
 * that it changes exactly when they do, a category's new name inside a product included.
 */
@Component
public class EntityTags {
    private final JsonMapper json;

    EntityTags(JsonMapper json) {
        this.json = json;
    }

    /** What everybody may read, ready to be given again and again. */
    public Answer answer(Object resource) {
        return made(resource, null);
    }

    /** A page of what everybody may read, ready to be given again and again; see {@link Page#link}. */
    public Answer answer(Page<?> page, String address) {
        return made(page, page.link(address));
    }

    private Answer made(Object resource, @Nullable String link) {
        var body = json.writeValueAsBytes(resource);
        return new Answer(body, tag(body), link);
    }

    /** 200 with the resource; Spring makes a 304 of it where {@code If-None-Match} says so. */
    public ResponseEntity<byte[]> ok(Object resource) {
        return answer(HttpStatus.OK, null, json.writeValueAsBytes(resource));
    }

    /** 201 with the new resource and its address. */
    public ResponseEntity<byte[]> created(String location, Object resource) {
        return answer(HttpStatus.CREATED, location, json.writeValueAsBytes(resource));
    }

    /**
     * Lets a write go on only if the client knows the resource as it is now. Call it while holding the row's lock.
     *
     * @param ifMatch the {@code If-Match} header, null if there was none
     * @throws Problem {@code precondition_failed}
     */
    public void require(@Nullable String ifMatch, Object resource) {
        if (ifMatch == null || ifMatch.strip().equals("*")) {
            return;
        }
        var current = tag(json.writeValueAsBytes(resource));
        if (Arrays.stream(ifMatch.split(",")).map(String::strip).noneMatch(current::equals)) {
            throw Problem.of(
                    ProblemCode.PRECONDITION_FAILED, "It was changed since you read it. Read it again, then decide.");
        }
    }

    static ResponseEntity<byte[]> answer(HttpStatus status, @Nullable String location, byte[] body) {
        var answer = ResponseEntity.status(status)
                .contentType(MediaType.APPLICATION_JSON)
                .header(HttpHeaders.ETAG, tag(body));
        if (location != null) {
            answer.location(URI.create(location));
        }
        return answer.body(body);
    }

    private static String tag(byte[] body) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(body);
            return '"' + Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(hash, 15)) + '"';
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
