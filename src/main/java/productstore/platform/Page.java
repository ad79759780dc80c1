package productstore.platform;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.servlet.http.HttpServletRequest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;

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
    public ResponseEntity<Page<T>> answer(HttpServletRequest request) {
        return ResponseEntity.ok()
                .header(HttpHeaders.LINK, link(address(request)))
                .body(this);
    }

    /** What a request asks for: its path, without a slash at the end, and its query. */
    public static String address(HttpServletRequest request) {
        var path = request.getRequestURI();
        if (path.endsWith("/")) {
            path = path.substring(0, path.length() - 1);
        }
        var query = request.getQueryString();
        return query == null ? path : path + "?" + query;
    }

    /**
     * The {@code Link} header (RFC 8288).
     *
     * @param address of this page, as {@link #address} tells it; what it asks for besides the place is kept
     */
    String link(String address) {
        var targets = new ArrayList<String>();
        targets.add(link(address, "first", ""));
        if (nextCursor != null) {
            targets.add(
                    offset != null && offset + limit <= Paging.MAX_OFFSET
                            ? link(address, "next", "offset=" + (offset + limit))
                            : link(address, "next", "cursor=" + nextCursor));
        }
        if (offset != null && offset > 0) {
            targets.add(link(address, "prev", "offset=" + Math.max(0, offset - limit)));
        } else if (offset == null && links.previousCursor() != null) {
            targets.add(link(address, "prev", "cursor=" + links.previousCursor()));
        }
        var lastOffset = total == null || total == 0 ? 0 : (total - 1) / limit * limit;
        targets.add(
                offset != null && total != null && lastOffset <= Paging.MAX_OFFSET
                        ? link(address, "last", "offset=" + lastOffset)
                        : link(address, "last", "cursor=" + links.lastCursor()));
        return String.join(", ", targets);
    }

    // Relative, as every address here: behind a proxy only the client knows our host.
    private static String link(String address, String relation, String place) {
        var link = new StringBuilder("<");
        int path = address.indexOf('?');
        link.append(address, 0, path < 0 ? address.length() : path);
        var separator = '?';
        for (int begin = path + 1; path >= 0 && begin <= address.length(); ) {
            int end = address.indexOf('&', begin);
            end = end < 0 ? address.length() : end;
            if (!address.startsWith("offset=", begin) && !address.startsWith("cursor=", begin)) {
                link.append(separator).append(address, begin, end);
                separator = '&';
            }
            begin = end + 1;
        }
        if (!place.isEmpty()) {
            link.append(separator).append(place);
        }
        return link.append(">; rel=\"").append(relation).append('"').toString();
    }
}
