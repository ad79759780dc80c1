package productstore.inventory;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.RoundTrip;
import productstore.platform.TraceIds;

/** The SQL of stock and its ledger. Times are those of the statement: a transaction's own may be from before it had the lock. */
@Repository
class StockRepository {
    private final JdbcClient db;
    private final RoundTrip.Trips trips;
    private final TraceIds traceIds;

    StockRepository(JdbcClient db, RoundTrip.Trips trips, TraceIds traceIds) {
        this.db = db;
        this.trips = trips;
        this.traceIds = traceIds;
    }

    void insert(UUID productId) {
        db.sql("/* stock.insert */ INSERT INTO stock (product_id, quantity, updated_at) VALUES (:product_id, 0, now())")
                .param("product_id", productId)
                .update();
    }

    /** Pieces by product, locked until the transaction ends, in order of id. */
    Map<UUID, Long> lock(Collection<UUID> products) {
        var trip = trips.named("stock.lock");
        var available = lock(products, trip);
        trip.go();
        return available.get();
    }

    /** As {@link #lock(Collection)}, once the trip is over. */
    Supplier<Map<UUID, Long>> lock(Collection<UUID> products, RoundTrip trip) {
        var rows = trip.sql("""
                        /* stock.lock */
                        SELECT product_id, quantity
                        FROM stock
                        WHERE product_id = ANY (CAST(:products AS uuid[]))
                        ORDER BY product_id
                        FOR UPDATE
                        """)
                .param("products", texts(products, UUID::toString))
                .query((row, _) -> Map.entry(row.getObject("product_id", UUID.class), row.getLong("quantity")));
        return () -> {
            var available = new HashMap<UUID, Long>();
            rows.get().forEach(row -> available.put(row.getKey(), row.getValue()));
            return available;
        };
    }

    void change(UUID productId, long delta, String reason, UUID by) {
        db.sql("""
                        /* stock.change */
                        WITH changed AS (
                            UPDATE stock SET quantity = quantity + :delta, updated_at = statement_timestamp()
                            WHERE product_id = :product_id
                            RETURNING product_id)
                        INSERT INTO stock_entry (product_id, delta, reason, by_user, trace_id, at)
                        SELECT product_id, :delta, :reason, :by_user, :trace_id, statement_timestamp() FROM changed
                        """)
                .param("product_id", productId)
                .param("delta", delta)
                .param("reason", reason)
                .param("by_user", by)
                .param("trace_id", traceIds.current())
                .update();
    }

    void take(List<Inventory.Taking> takings, RoundTrip trip) {
        trip.sql("""
                        /* stock.take */
                        WITH wanted AS (
                            SELECT *
                            FROM unnest(CAST(:orders AS uuid[]), CAST(:products AS uuid[]), CAST(:quantities AS bigint[]),
                                        CAST(:users AS uuid[]), CAST(:traces AS text[]))
                                AS taking (order_id, product_id, quantity, by_user, trace_id)),
                        taken AS (
                            UPDATE stock SET quantity = stock.quantity - total.quantity, updated_at = statement_timestamp()
                            FROM (SELECT product_id, CAST(sum(quantity) AS bigint) AS quantity
                                  FROM wanted GROUP BY product_id) AS total
                            WHERE stock.product_id = total.product_id
                            RETURNING stock.product_id)
                        INSERT INTO stock_entry (product_id, delta, reason, order_id, by_user, trace_id, at)
                        SELECT product_id, -quantity, 'order', order_id, by_user, trace_id, statement_timestamp()
                        FROM wanted JOIN taken USING (product_id)
                        """)
                .param("orders", texts(takings, Inventory.Taking::orderId))
                .param("products", texts(takings, Inventory.Taking::productId))
                .param("quantities", texts(takings, Inventory.Taking::quantity))
                .param("users", texts(takings, Inventory.Taking::by))
                .param("traces", texts(takings, Inventory.Taking::traceId))
                .update();
    }

    void giveBack(UUID orderId, String reason, UUID by) {
        db.sql("""
                        /* stock.give_back */
                        WITH returned AS (
                            UPDATE stock SET quantity = stock.quantity - taken.delta, updated_at = statement_timestamp()
                            FROM stock_entry AS taken
                            WHERE taken.order_id = :order_id AND taken.delta < 0 AND stock.product_id = taken.product_id
                            RETURNING stock.product_id, taken.delta)
                        INSERT INTO stock_entry (product_id, delta, reason, order_id, by_user, trace_id, at)
                        SELECT product_id, -delta, :reason, :order_id, :by_user, :trace_id, statement_timestamp() FROM returned
                        """)
                .param("order_id", orderId)
                .param("reason", reason)
                .param("by_user", by)
                .param("trace_id", traceIds.current())
                .update();
    }

    private static <T> String[] texts(Collection<T> values, Function<T, ?> part) {
        return values.stream().map(value -> String.valueOf(part.apply(value))).toArray(String[]::new);
    }
}
