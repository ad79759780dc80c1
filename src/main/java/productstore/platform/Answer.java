package productstore.platform;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;

/** The body of a 200 with what is sent beside it, the same to whoever asks the same. */
public final class Answer {
    // Everybody may keep it. A browser asks each time whether it still holds, so that people see what they have just
    // written; a proxy that many share may spare us the question for a second.
    private static final String CACHE_CONTROL = "public, max-age=0, s-maxage=1, must-revalidate";
    // What the object, its array's header and its place in a cache take beside its texts, about.
    private static final int OVERHEAD_BYTES = 250;

    private final byte[] body;
    private final String etag;
    private final @Nullable String link;

    /**
     * An answer.
     *
     * @param body JSON in UTF-8, never changed
     * @param etag strong, in its quotation marks
     * @param link the {@code Link} header of a list, null for a single resource
     */
    Answer(byte[] body, String etag, @Nullable String link) {
        this.body = body;
        this.etag = etag;
        this.link = link;
    }

    /** About as many bytes as it takes to keep. */
    public int weight() {
        return OVERHEAD_BYTES + body.length + etag.length() + (link == null ? 0 : link.length());
    }

    /** As a controller answers it; Spring makes a 304 of it where {@code If-None-Match} says so. */
    public ResponseEntity<byte[]> entity() {
        var answer = ResponseEntity.ok()
                .contentType(MediaType.APPLICATION_JSON)
                .header(HttpHeaders.CACHE_CONTROL, CACHE_CONTROL)
                .header(HttpHeaders.ETAG, etag);
        if (link != null) {
            answer.header(HttpHeaders.LINK, link);
        }
        return answer.body(body);
    }

    /**
     * This answer for another store.
     *
     * @param bornMicros when the reading of its data began, by a clock that both know
     */
    public byte[] bytes(long bornMicros) {
        var tag = etag.getBytes(StandardCharsets.UTF_8);
        var links = link == null ? new byte[0] : link.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Long.BYTES + 2 * Integer.BYTES + tag.length + links.length + body.length)
                .putLong(bornMicros)
                .putInt(tag.length)
                .putInt(links.length)
                .put(tag)
                .put(links)
                .put(body)
                .array();
    }

    /** What {@link #bytes} was told of the birth. */
    public static long bornMicros(byte[] bytes) {
        return ByteBuffer.wrap(bytes).getLong();
    }

    /** Reads what {@link #bytes} made. */
    public static Answer of(byte[] bytes) {
        var buffer = ByteBuffer.wrap(bytes, Long.BYTES, bytes.length - Long.BYTES);
        var tag = new byte[buffer.getInt()];
        var links = new byte[buffer.getInt()];
        buffer.get(tag).get(links);
        var body = new byte[buffer.remaining()];
        buffer.get(body);
        return new Answer(
                body,
                new String(tag, StandardCharsets.UTF_8),
                links.length == 0 ? null : new String(links, StandardCharsets.UTF_8));
    }

    /** Whether this {@code If-None-Match} is this answer's tag and nothing else. */
    public boolean isTagged(String ifNoneMatch) {
        return ifNoneMatch.equals(etag);
    }

    /** Writes the very answer that {@link #entity} would become; an {@code If-None-Match} there is, {@link #isTagged}. */
    public void write(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.setHeader(HttpHeaders.CACHE_CONTROL, CACHE_CONTROL);
        response.setHeader(HttpHeaders.ETAG, etag);
        if (link != null) {
            response.setHeader(HttpHeaders.LINK, link);
        }
        if (request.getHeader(HttpHeaders.IF_NONE_MATCH) != null) {
            response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
            return;
        }
        response.setContentType(MediaType.APPLICATION_JSON_VALUE);
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }
}
