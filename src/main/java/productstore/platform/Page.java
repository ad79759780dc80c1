package productstore.platform;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.support.ServletUriComponentsBuilder;

/**
 * One page of a list.
 *
 * @param total rows of the whole list; left out where the client didn't want it counted
 * @param offset null where the page was asked for by cursor
 * @param nextCursor null on the last page
 */
public record Page<T>(
        List<T> items,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Long total,
        int limit,
        @Nullable Integer offset,
        @Nullable String nextCursor,
        @JsonIgnore Links links) {

    record Links(@Nullable String previousCursor, String lastCursor) {}

    /** 200 with the page and its {@code Link} header. */
    public ResponseEntity<Page<T>> answer() {
        return ResponseEntity.ok().header(HttpHeaders.LINK, link()).body(this);
    }

    /** The {@code Link} header (RFC 8288), with the query of the current request kept. */
    String link() {
        var targets = new ArrayList<String>();
        targets.add(link("first", Map.of()));
        if (nextCursor != null) {
            targets.add(
                    offset != null && offset + limit <= Paging.MAX_OFFSET
                            ? link("next", Map.of("offset", offset + limit))
                            : link("next", Map.of("cursor", nextCursor)));
        }
        if (offset != null && offset > 0) {
            targets.add(link("prev", Map.of("offset", Math.max(0, offset - limit))));
        } else if (offset == null && links.previousCursor() != null) {
            targets.add(link("prev", Map.of("cursor", links.previousCursor())));
        }
        var lastOffset = total == null || total == 0 ? 0 : (total - 1) / limit * limit;
        targets.add(
                offset != null && total != null && lastOffset <= Paging.MAX_OFFSET
                        ? link("last", Map.of("offset", lastOffset))
                        : link("last", Map.of("cursor", links.lastCursor())));
        return String.join(", ", targets);
    }

    private static String link(String relation, Map<String, Object> place) {
        var uri = ServletUriComponentsBuilder.fromCurrentRequest()
                .replaceQueryParam("offset")
                .replaceQueryParam("cursor");
        place.forEach((name, value) -> uri.replaceQueryParam(name, value));
        var components = uri.build();
        // Relative, as every address here: behind a proxy only the client knows our host.
        var query = components.getQuery();
        return "<" + components.getPath() + (query == null ? "" : "?" + query) + ">; rel=\"" + relation + "\"";
    }
}
