package productstore.platform;

import java.util.List;

/**
 * One order in which a list can be asked for. Ties are broken by id, in the same direction.
 *
 * @param name as clients write it in {@code sort=}
 * @param key the SQL expression sorted by
 * @param type the SQL type of {@code key}, to which a cursor's text is cast
 */
public record SortOrder(String name, String key, String type, boolean descending) {

    /**
     * The order that a client asked for.
     *
     * @throws Problem {@code invalid_request} if there is no order of that name
     */
    public static SortOrder named(String name, List<SortOrder> orders) {
        return orders.stream()
                .filter(order -> order.name().equals(name))
                .findFirst()
                .orElseThrow(() -> Problem.invalid(
                        "sort",
                        "invalid",
                        "sort is one of "
                                + String.join(
                                        ", ",
                                        orders.stream().map(SortOrder::name).toList()) + "."));
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
