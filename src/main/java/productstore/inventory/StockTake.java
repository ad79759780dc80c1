package productstore.inventory;

import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Counts of many products at once, as a file brings them; one statement for all of them. Everything runs in the
 * transaction of the connection it is given. In order: {@link #begin()}; {@link #lock(String)}; the caller fills the
 * temporary table {@code stock_take (product_id, quantity)}; {@link #apply(String)}.
 */
public final class StockTake {
    private final JdbcClient db;

    public StockTake(JdbcClient connection) {
        this.db = connection;
    }

    public void begin() {
        db.sql("CREATE TEMPORARY TABLE stock_locked (product_id uuid PRIMARY KEY) ON COMMIT DROP")
                .update();
        db.sql("""
                        CREATE TEMPORARY TABLE stock_take (product_id uuid PRIMARY KEY, quantity bigint NOT NULL)
                        ON COMMIT DROP
                        """).update();
    }

    /**
     * Locks the stock of products, in the order everyone locks it in, and notes them in the temporary table
     * {@code stock_locked (product_id)}.
     *
     * @param products a query for their ids; not a client's text
     */
    public void lock(String products) {
        db.sql("""
                INSERT INTO stock_locked
                SELECT product_id FROM stock WHERE product_id IN (%s) ORDER BY product_id FOR UPDATE
                """.formatted(products)).update();
        db.sql("ANALYZE stock_locked").update();
    }

    /**
     * Sets locked or new stock to what was counted. The ledger gets the difference; where there is none, nothing is
     * written.
     */
    public void apply(String reason) {
        db.sql("ANALYZE stock_take").update();
        db.sql("""
                        WITH different AS (
                            SELECT t.product_id, t.quantity, s.quantity AS before
                            FROM stock_take t LEFT JOIN stock s USING (product_id)
                            WHERE s.quantity IS DISTINCT FROM t.quantity),
                        opened AS (
                            INSERT INTO stock (product_id, quantity, updated_at)
                            SELECT product_id, quantity, now() FROM different WHERE before IS NULL ORDER BY product_id),
                        counted AS (
                            UPDATE stock s SET quantity = d.quantity, updated_at = now()
                            FROM different d
                            WHERE s.product_id = d.product_id AND d.before IS NOT NULL)
                        INSERT INTO stock_entry (product_id, delta, reason, at)
                        SELECT product_id, quantity - coalesce(before, 0), :reason, now()
                        FROM different
                        WHERE quantity <> coalesce(before, 0)
                        ORDER BY product_id
                        """).param("reason", reason).update();
    }
}
