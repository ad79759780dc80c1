package productstore.platform;

import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One order in which a list can be asked for. Ties are broken by id, in the same direction.
 *
 * @param name as clients write it in {@code sort=}
 * @param key the SQL expression sorted by
 * @param type the SQL type of {@code key}, to which a cursor's text is cast
 */
public record SortOrder(String name, String key, String type, boolean descending) {

    // As PostgreSQL prints them; an amount is a numeric of at most 24 digits.
    private static final Pattern NUMERIC = Pattern.compile("\\d{1,24}(\\.\\d{1,24})?");
    private static final Pattern REAL = Pattern.compile("\\d{1,9}(\\.\\d{1,9})?(e-[0-2]\\d)?");
    private static final Pattern TIMESTAMPTZ =
            Pattern.compile("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?[+-]\\d\\d(:\\d\\d)?");

    /**
     * The order that a client asked for; where there is none of that name, a fault is noted in {@code validation}.
     *
     * @return null if there was no name, or a fault
     */
    public static @Nullable SortOrder named(Validation validation, @Nullable String name, List<SortOrder> orders) {
        for (var order : orders) {
            if (order.name().equals(name)) {
                return order;
            }
        }
        if (name != null) {
            validation.fault(
                    "sort",
                    "invalid",
                    "sort is one of "
                            + String.join(
                                    ", ", orders.stream().map(SortOrder::name).toList()) + ".");
        }
        return null;
    }

    /** Whether PostgreSQL can read this text of a cursor, which a client may have made up, as {@code type}. */
    boolean reads(String text) {
        return switch (type) {
            case "numeric" -> NUMERIC.matcher(text).matches();
            case "real" -> REAL.matcher(text).matches();
            case "timestamptz" -> TIMESTAMPTZ.matcher(text).matches() && isTime(text);
            case "text" -> true;
            default -> throw new IllegalStateException("no rule for keys of type " + type);
        };
    }

    private static boolean isTime(String text) {
        try {
            var minutes = text.charAt(text.length() - 3) == ':' ? "" : ":00";
            OffsetDateTime.parse(text.replace(' ', 'T') + minutes);
            return true;
        } catch (DateTimeException e) {
            return false;
        }
    }

    /** ORDER BY, for a page read {@code backward} in the opposite direction. */
    public String orderBy(String key, String id, boolean backward) {
        var direction = descending == backward ? "ASC" : "DESC";
        return "ORDER BY " + key + " " + direction + ", " + id + " " + direction;
    }

    /** The condition for rows behind the cursor's row, or before it where it points backward. */
    public String beyond(Cursor cursor, String key, String id) {
        return "(%s, %s) %s (CAST(:cursor_key AS %s), :cursor_id)"
                .formatted(key, id, descending == cursor.backward() ? ">" : "<", type);
    }
}
