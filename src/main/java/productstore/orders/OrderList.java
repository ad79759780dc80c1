package productstore.orders;

import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.Cursor;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.SortOrder;
import productstore.platform.Validation;

/** The list of orders. */
@Repository
class OrderList {
    private static final SortOrder NEWEST = new SortOrder("newest", "o.created_at", "timestamptz", true);
    static final List<SortOrder> ORDERS = List.of(
            NEWEST,
            new SortOrder("oldest", "o.created_at", "timestamptz", false),
            new SortOrder("total_asc", "o.total", "numeric", false),
            new SortOrder("total_desc", "o.total", "numeric", true));
    // No id of ours: a customer that nobody is.
    private static final UUID NOBODY = new UUID(0, 0);
    private static final Pattern RFC_3339 =
            Pattern.compile("\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-]\\d\\d:\\d\\d)");

    private final JdbcClient db;
    private final OrderRepository orders;

    OrderList(JdbcClient db, OrderRepository orders) {
        this.db = db;
        this.orders = orders;
    }

    /**
     * What a client wants to see.
     *
     * @param owner whose orders can be seen at all; null for everyone's
     * @param customer whose are wanted
     * @param createdFrom inclusive
     * @param createdTo exclusive
     */
    record Filter(
            @Nullable UUID owner,
            @Nullable UUID customer,
            @Nullable OrderStatus status,
            @Nullable OffsetDateTime createdFrom,
            @Nullable OffsetDateTime createdTo,
            SortOrder sort) {

        /** Reads a query; faults are noted in {@code validation}. */
        static Filter of(Validation validation, @Nullable UUID owner, Map<String, String> query) {
            var customer = query.get("customer_id");
            var status = query.get("status");
            if (status != null && OrderStatus.find(status).isEmpty()) {
                validation.fault(
                        "status", "invalid", "status is one of " + String.join(", ", OrderStatus.codes()) + ".");
                status = null;
            }
            var sort = SortOrder.named(validation, query.get("sort"), ORDERS);
            return new Filter(
                    owner,
                    customer == null ? null : Ids.wellFormed(customer) ? UUID.fromString(customer) : NOBODY,
                    status == null ? null : OrderStatus.of(status),
                    time(validation, "created_from", query.get("created_from")),
                    time(validation, "created_to", query.get("created_to")),
                    sort == null ? NEWEST : sort);
        }

        private static @Nullable OffsetDateTime time(Validation validation, String field, @Nullable String text) {
            if (text == null) {
                return null;
            }
            // A + that was not percent-encoded arrives as a space.
            var time = text.replace(' ', '+');
            try {
                if (RFC_3339.matcher(time).matches()) {
                    // RFC 3339 allows offsets up to 23:59, Java up to 18:00, and PostgreSQL less than 16:00.
                    return OffsetDateTime.parse(time).withOffsetSameInstant(ZoneOffset.UTC);
                }
            } catch (DateTimeException e) {
                validation.fault(field, "invalid", "There is no such day or time.");
                return null;
            }
            validation.fault(field, "invalid", "A time like 2026-11-22T10:00:00Z is needed (RFC 3339).");
            return null;
        }
    }

    Page<Order> page(Filter filter, Paging paging) {
        var parameters = new HashMap<>(paging.parameters());
        parameters.put("owner", filter.owner());
        parameters.put("customer", filter.customer());
        parameters.put(
                "status", filter.status() == null ? null : filter.status().code());
        parameters.put("created_from", filter.createdFrom());
        parameters.put("created_to", filter.createdTo());
        var rows = db.sql(pageSql(filter, paging))
                .params(parameters)
                .query((row, n) -> new Paging.Placed<>(
                        OrderRepository.Head.of(row, n),
                        new Cursor.Row(row.getString("place"), row.getObject("id", UUID.class))))
                .list();
        return paging.page(
                filter.sort(),
                rows,
                orders::whole,
                () -> db.sql(totalSql(filter))
                        .params(parameters)
                        .query(Long.class)
                        .single());
    }

    static String pageSql(Filter filter, Paging paging) {
        var sort = filter.sort();
        return """
                /* order.page */
                WITH page (id, sort_key) AS (
                    SELECT o.id, %s FROM orders o WHERE %s AND %s
                    %s LIMIT :rows OFFSET :skip)
                SELECT CAST(page.sort_key AS text) AS place, %s
                FROM page
                JOIN orders o ON o.id = page.id
                JOIN app_user u ON u.id = o.customer_id
                %s
                """.formatted(
                        sort.key(),
                        conditions(filter),
                        paging.beyond(sort, sort.key(), "o.id"),
                        sort.orderBy(sort.key(), "o.id", paging.backward()),
                        OrderRepository.COLUMNS,
                        sort.orderBy("page.sort_key", "page.id", paging.backward()));
    }

    static String totalSql(Filter filter) {
        return "/* order.total */ SELECT count(*) FROM orders o WHERE " + conditions(filter);
    }

    private static String conditions(Filter filter) {
        return "TRUE"
                + (filter.owner() == null ? "" : " AND o.customer_id = :owner")
                + (filter.customer() == null ? "" : " AND o.customer_id = :customer")
                + (filter.status() == null ? "" : " AND o.status = :status")
                + (filter.createdFrom() == null ? "" : " AND o.created_at >= :created_from")
                + (filter.createdTo() == null ? "" : " AND o.created_at < :created_to");
    }
}
