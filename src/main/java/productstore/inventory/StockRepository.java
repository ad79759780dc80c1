package productstore.inventory;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.TraceIds;

/** The SQL of stock and its ledger. Times are those of the statement: a transaction's own may be from before it had the lock. */
@Repository
class StockRepository {
    private final JdbcClient db;
    private final TraceIds traceIds;

    StockRepository(JdbcClient db, TraceIds traceIds) {
        this.db = db;
        this.traceIds = traceIds;
    }

    void insert(UUID productId) {
        db.sql("INSERT INTO stock (product_id, quantity, updated_at) VALUES (:product_id, 0, now())")
                .param("product_id", productId)
                .update();
    }

    /** Pieces by product, locked until the transaction ends, in order of id. */
    Map<UUID, Long> lock(Collection<UUID> products) {
        var available = new HashMap<UUID, Long>();
        db.sql("""
                        SELECT product_id, quantity
                        FROM stock
                        WHERE product_id = ANY (CAST(:products AS uuid[]))
                        ORDER BY product_id
                        FOR UPDATE
                        """).param("products", texts(products)).query(row -> {
            available.put(row.getObject("product_id", UUID.class), row.getLong("quantity"));
        });
        return available;
    }

    void change(UUID productId, long delta, String reason, UUID by) {
        db.sql("""
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

    void take(UUID orderId, NavigableMap<UUID, Long> wanted, UUID by) {
        db.sql("""
                        WITH taken AS (
                            UPDATE stock SET quantity = stock.quantity - wanted.quantity, updated_at = statement_timestamp()
                            FROM unnest(CAST(:products AS uuid[]), CAST(:quantities AS bigint[])) AS wanted (product_id, quantity)
                            WHERE stock.product_id = wanted.product_id
                            RETURNING wanted.product_id, wanted.quantity)
                        INSERT INTO stock_entry (product_id, delta, reason, order_id, by_user, trace_id, at)
                        SELECT product_id, -quantity, 'order', :order_id, :by_user, :trace_id, statement_timestamp() FROM taken
                        """)
                .param("products", texts(wanted.keySet()))
                .param("quantities", texts(wanted.values()))
                .param("order_id", orderId)
                .param("by_user", by)
                .param("trace_id", traceIds.current())
                .update();
    }

    void giveBack(UUID orderId, String reason, UUID by) {
        db.sql("""
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

    private static String[] texts(Collection<?> values) {
        return values.stream().map(Object::toString).toArray(String[]::new);
    }
}
