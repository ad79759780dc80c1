package productstore.orders;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.Limits;
import productstore.platform.Money;
import productstore.platform.RoundTrip;
import productstore.platform.TraceIds;

@Repository
class OrderRepository {
    static final String COLUMNS = """
            o.id, o.number, o.status, o.total, o.currency, o.comment, o.shipping_address, o.created_at, o.updated_at,
            u.id AS customer_id, u.name AS customer_name, u.email AS customer_email
            """;

    private static final Duration SHORTLY = Duration.ofSeconds(1);

    private final JdbcClient db;
    private final TraceIds traceIds;
    private final String waitShortlyForLocks;

    OrderRepository(JdbcClient db, TraceIds traceIds, Limits limits) {
        this.db = db;
        this.traceIds = traceIds;
        var shortly = limits.lockTime().compareTo(SHORTLY) < 0 ? limits.lockTime() : SHORTLY;
        this.waitShortlyForLocks = "/* order.wait_shortly */ SET LOCAL lock_timeout = " + shortly.toMillis();
    }

    /** An order without its lines and history. */
    record Head(
            UUID id,
            String number,
            OrderStatus status,
            Order.Customer customer,
            Money total,
            @Nullable String comment,
            @Nullable String shippingAddress,
            Instant createdAt,
            Instant updatedAt) {
        static Head of(ResultSet row, int n) throws SQLException {
            return new Head(
                    row.getObject("id", UUID.class),
                    row.getString("number"),
                    OrderStatus.of(row.getString("status")),
                    new Order.Customer(
                            row.getObject("customer_id", UUID.class),
                            row.getString("customer_name"),
                            row.getString("customer_email")),
                    new Money(row.getBigDecimal("total"), row.getString("currency")),
                    row.getString("comment"),
                    row.getString("shipping_address"),
                    instant(row, "created_at"),
                    instant(row, "updated_at"));
        }
    }

    /** Bounds how long a statement of this transaction waits for a row. */
    void waitShortlyForLocks(RoundTrip trip) {
        trip.sql(waitShortlyForLocks).update();
    }

    /**
     * Draws numbers for orders that may be placed now.
     *
     * @return once the trip is over: ascending, with the time that all bears that this transaction writes
     */
    Supplier<OrderNumbers.Drawn> drawNumbers(int count, RoundTrip trip) {
        var drawn = trip.sql("""
                        /* order.draw_numbers */
                        SELECT now() AS at, ARRAY(
                            SELECT nextval('orders_number_seq') FROM generate_series(1, CAST(:count AS integer))) AS numbers
                        """)
                .param("count", count)
                .query((row, _) -> new OrderNumbers.Drawn(instant(row, "at"), List.of((Long[])
                        row.getArray("numbers").getArray())));
        return () -> drawn.get().getFirst();
    }

    /** Writes orders with their lines and the first event of their histories. */
    void insert(List<Orders.Draft> drafts, RoundTrip trip) {
        var placements = drafts.stream().map(Orders.Draft::placement).toList();
        var lines = drafts.stream()
                .flatMap(draft -> IntStream.range(0, draft.lines().size())
                        .mapToObj(n ->
                                new PlacedLine(draft.id(), n + 1, draft.lines().get(n))))
                .toList();
        trip.sql("""
                        /* order.insert */
                        WITH draft AS (
                            SELECT *
                            FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS bigint[]), CAST(:customers AS uuid[]),
                                        CAST(:totals AS numeric[]), CAST(:currencies AS text[]), CAST(:comments AS text[]),
                                        CAST(:addresses AS text[]), CAST(:traces AS text[]))
                                AS draft (id, number, customer_id, total, currency, comment, shipping_address, trace_id)),
                        placed AS (
                            INSERT INTO orders (id, number, customer_id, status, total, currency, comment, shipping_address,
                                created_at, updated_at)
                            SELECT id, number, customer_id, 'pending', total, currency, comment, shipping_address, now(), now()
                            FROM draft),
                        begun AS (
                            INSERT INTO order_event (order_id, position, status, at, by_user, trace_id)
                            SELECT id, 1, 'pending', now(), customer_id, trace_id FROM draft)
                        INSERT INTO order_line (order_id, position, product_id, sku, name, quantity, unit_price)
                        SELECT *
                        FROM unnest(CAST(:line_orders AS uuid[]), CAST(:positions AS smallint[]),
                                    CAST(:products AS uuid[]), CAST(:skus AS text[]), CAST(:names AS text[]),
                                    CAST(:quantities AS integer[]), CAST(:prices AS numeric[]))
                        """)
                .param("ids", texts(drafts, Orders.Draft::id))
                .param("numbers", texts(drafts, Orders.Draft::number))
                .param(
                        "customers",
                        texts(placements, placement -> placement.customer().id()))
                .param("totals", texts(drafts, draft -> draft.total().amount()))
                .param("currencies", texts(drafts, draft -> draft.total().currency()))
                .param(
                        "comments",
                        texts(placements, placement -> placement.placing().comment()))
                .param(
                        "addresses",
                        texts(placements, placement -> placement.placing().shippingAddress()))
                .param("traces", texts(placements, Placement::traceId))
                .param("line_orders", texts(lines, PlacedLine::orderId))
                .param("positions", texts(lines, PlacedLine::position))
                .param("products", texts(lines, line -> line.line().productId()))
                .param("skus", texts(lines, line -> line.line().sku()))
                .param("names", texts(lines, line -> line.line().name()))
                .param("quantities", texts(lines, line -> line.line().quantity()))
                .param("prices", texts(lines, line -> line.line().unitPrice().amount()))
                .update();
    }

    private record PlacedLine(UUID orderId, int position, Order.Line line) {}

    /** An order, if it is this customer's; anyone's for null. */
    Optional<Order> find(UUID id, @Nullable UUID customer) {
        return find(id, customer, "");
    }

    /** As {@link #find}, and locks the order until the transaction ends. */
    Optional<Order> lock(UUID id, @Nullable UUID customer) {
        return find(id, customer, "FOR UPDATE OF o");
    }

    private Optional<Order> find(UUID id, @Nullable UUID customer, String lock) {
        return db.sql("/* order.find */ SELECT " + COLUMNS + """
                        FROM orders o JOIN app_user u ON u.id = o.customer_id
                        WHERE o.id = :id AND (CAST(:customer AS uuid) IS NULL OR o.customer_id = :customer)
                        """ + lock)
                .param("id", id)
                .param("customer", customer, Types.OTHER)
                .query(Head::of)
                .optional()
                .map(head -> whole(List.of(head)).getFirst());
    }

    /** Writes the next step of a locked order, at the time of the statement: the transaction began before the lock was had. */
    void advance(UUID id, OrderStatus status, UUID by, @Nullable String comment) {
        db.sql("""
                        /* order.advance */
                        WITH advanced AS (
                            UPDATE orders SET status = :status, updated_at = statement_timestamp() WHERE id = :id RETURNING id, updated_at)
                        INSERT INTO order_event (order_id, position, status, at, by_user, comment, trace_id)
                        SELECT id, (SELECT max(position) + 1 FROM order_event WHERE order_id = :id), :status, updated_at,
                            :by_user, :comment, :trace_id
                        FROM advanced
                        """)
                .param("id", id)
                .param("status", status.code())
                .param("by_user", by)
                .param("comment", comment)
                .param("trace_id", traceIds.current())
                .update();
    }

    /** The orders with their lines and histories, in the same order. */
    List<Order> whole(List<Head> heads) {
        var lines = new HashMap<UUID, List<Order.Line>>();
        var events = new HashMap<UUID, List<Order.Event>>();
        var ids = texts(heads, Head::id);
        db.sql("""
                        /* order.lines */
                        SELECT l.order_id, l.product_id, l.sku, l.name, l.quantity, l.unit_price, o.currency
                        FROM order_line l JOIN orders o ON o.id = l.order_id
                        WHERE l.order_id = ANY (CAST(:ids AS uuid[]))
                        ORDER BY l.order_id, l.position
                        """).param("ids", ids).query(row -> {
            add(
                    lines,
                    row,
                    new Order.Line(
                            row.getObject("product_id", UUID.class),
                            row.getString("sku"),
                            row.getString("name"),
                            row.getInt("quantity"),
                            new Money(row.getBigDecimal("unit_price"), row.getString("currency"))));
        });
        db.sql("""
                        /* order.events */
                        SELECT order_id, status, at, by_user, comment, trace_id
                        FROM order_event
                        WHERE order_id = ANY (CAST(:ids AS uuid[]))
                        ORDER BY order_id, position
                        """).param("ids", ids).query(row -> {
            add(
                    events,
                    row,
                    new Order.Event(
                            OrderStatus.of(row.getString("status")),
                            instant(row, "at"),
                            row.getObject("by_user", UUID.class),
                            row.getString("comment"),
                            row.getString("trace_id")));
        });
        return heads.stream()
                .map(head -> new Order(
                        head.id(),
                        head.number(),
                        head.status(),
                        head.customer(),
                        lines.getOrDefault(head.id(), List.of()),
                        head.total(),
                        head.comment(),
                        head.shippingAddress(),
                        events.getOrDefault(head.id(), List.of()),
                        head.createdAt(),
                        head.updatedAt()))
                .toList();
    }

    private static Instant instant(ResultSet row, String column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant();
    }

    private static <T> void add(Map<UUID, List<T>> byOrder, ResultSet row, T item) throws SQLException {
        byOrder.computeIfAbsent(row.getObject("order_id", UUID.class), id -> new ArrayList<>())
                .add(item);
    }

    private static <T> @Nullable String[] texts(List<T> values, Function<T, @Nullable Object> part) {
        return values.stream()
                .map(value -> Objects.toString(part.apply(value), null))
                .toArray(String[]::new);
    }
}
