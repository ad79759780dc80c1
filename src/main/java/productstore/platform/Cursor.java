package productstore.platform;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A place in a sorted list, held by the sort key and id of the row it stands at, so that rows written meanwhile move
 * nothing. Opaque to clients.
 *
 * @param sort the order it belongs to; it means nothing in another one
 * @param backward whether the page ends at this place instead of beginning there
 * @param row the row it stands at; null for the end of the list, seen backward
 */
public record Cursor(
        String sort, boolean backward, @Nullable Row row) {

    static final String NONE = "Not a cursor from next_cursor or Link of such a list.";

    /** A row by its sort key, as PostgreSQL prints it, and its id. */
    public record Row(String key, UUID id) {}

    static Cursor last(String sort) {
        return new Cursor(sort, true, null);
    }

    String text() {
        var text = sort + "\n" + (backward ? "<" : ">") + (row == null ? "" : "\n" + row.id() + "\n" + row.key());
        return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Reads what {@link #text} made; nothing for anything else. */
    static Optional<Cursor> parse(String text) {
        try {
            var parts = new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8).split("\n", 4);
            var backward = parts.length > 1 && parts[1].equals("<");
            if (parts.length == 2 && backward) {
                return Optional.of(last(parts[0]));
            }
            // A NUL would only be refused by the database.
            if (parts.length == 4 && (backward || parts[1].equals(">")) && parts[3].indexOf('\0') < 0) {
                return Optional.of(new Cursor(parts[0], backward, new Row(parts[3], UUID.fromString(parts[2]))));
            }
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    /**
     * Refuses a cursor that comes from a list in another order, or from nobody's list.
     *
     * @throws Problem {@code invalid_request}
     */
    void requireSort(SortOrder order) {
        if (!sort.equals(order.name())) {
            throw Problem.invalid("cursor", "invalid", "This cursor belongs to a list in another order.");
        }
        if (row != null && !order.reads(row.key())) {
            throw Problem.invalid("cursor", "invalid", NONE);
        }
    }
}
