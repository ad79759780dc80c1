package productstore.platform;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The part of a list that a client asks for.
 *
 * @param limit rows a page, 1 to 100
 * @param offset rows before the page, 0 to 10000; 0 where a cursor is given
 * @param withTotal whether to count the whole list
 */
public record Paging(int limit, int offset, @Nullable Cursor cursor, boolean withTotal) {
    private static final int DEFAULT_LIMIT = 20;
    private static final int MAX_LIMIT = 100;
    static final int MAX_OFFSET = 10_000;

    /** A row of a list with its place in it. */
    public record Placed<T>(T item, Cursor.Row place) {}

    /** Reads {@code limit}, {@code offset}, {@code cursor} and {@code with_total}; faults are noted in {@code validation}. */
    public static Paging of(Validation validation, Map<String, String> query) {
        var limit = number(validation, query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT);
        var offset = number(validation, query, "offset", 0, 0, MAX_OFFSET);
        var withTotal = flag(validation, "with_total", query.get("with_total"), true);
        var text = query.get("cursor");
        var cursor = text == null ? null : Cursor.parse(text).orElse(null);
        if (text != null && query.containsKey("offset")) {
            validation.fault("cursor", "invalid", "Give a cursor or an offset, not both.");
        } else if (text != null && cursor == null) {
            validation.fault("cursor", "invalid", Cursor.NONE);
        }
        return new Paging(limit, offset, cursor, withTotal);
    }

    /** Reads {@code true} or {@code false}. */
    public static boolean flag(Validation validation, String field, @Nullable String text, boolean otherwise) {
        if (text == null) {
            return otherwise;
        }
        if (!text.equals("true") && !text.equals("false")) {
            validation.fault(field, "invalid", field + " is true or false.");
        }
        return text.equals("true");
    }

    /** Whether the rows are read from the end of the list towards its beginning. */
    public boolean backward() {
        return cursor != null && cursor.backward();
    }

    /**
     * The condition that the cursor sets, or TRUE. Its values are in {@link #parameters}.
     *
     * @throws Problem {@code invalid_request} if the cursor is of a list in another order
     */
    public String beyond(SortOrder sort, String key, String id) {
        if (cursor == null) {
            return "TRUE";
        }
        cursor.requireSort(sort);
        return cursor.row() == null ? "TRUE" : sort.beyond(cursor, key, id);
    }

    /**
     * {@code :rows} (one more than the page, to see whether there is a next one), {@code :skip}, {@code :reach} (both
     * together) and what {@link #beyond} needs.
     */
    public Map<String, Object> parameters() {
        var parameters = new HashMap<String, Object>();
        parameters.put("rows", limit + 1);
        parameters.put("skip", offset);
        parameters.put("reach", offset + limit + 1);
        if (cursor != null && cursor.row() != null) {
            parameters.put("cursor_key", cursor.row().key());
            parameters.put("cursor_id", cursor.row().id());
        }
        return parameters;
    }

    /**
     * Makes the page of what was read with {@link #parameters}.
     *
     * @param total called only if the client wants it
     */
    public <R, T> Page<T> page(
            SortOrder sort, List<Placed<R>> rows, Function<List<R>, List<T>> whole, LongSupplier total) {
        var more = rows.size() > limit;
        var shown = more ? rows.subList(0, limit) : rows;
        if (backward()) {
            shown = shown.reversed();
        }
        // Behind a backward page there is at least the row that its cursor stands at, except at the list's end.
        var hasNext = (cursor != null && cursor.backward()) ? cursor.row() != null : more;
        var hasPrevious = cursor == null ? offset > 0 : (!cursor.backward() || more);
        var next = hasNext && !shown.isEmpty()
                ? new Cursor(sort.name(), false, shown.getLast().place()).text()
                : null;
        var previous = hasPrevious && !shown.isEmpty()
                ? new Cursor(sort.name(), true, shown.getFirst().place()).text()
                : null;
        return new Page<>(
                whole.apply(shown.stream().map(Placed::item).toList()),
                withTotal ? total.getAsLong() : null,
                limit,
                cursor == null ? offset : null,
                next,
                new Page.Links(previous, Cursor.last(sort.name()).text()));
    }

    private static int number(
            Validation validation, Map<String, String> query, String field, int otherwise, int smallest, int largest) {
        var text = query.get(field);
        if (text == null) {
            return otherwise;
        }
        if (text.matches("\\d{1,9}")) {
            var number = Integer.parseInt(text);
            if (number >= smallest && number <= largest) {
                return number;
            }
        }
        validation.fault(field, "out_of_range", "A whole number from " + smallest + " to " + largest + " is needed.");
        return otherwise;
    }
}
