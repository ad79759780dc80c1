package productstore.audit;

import java.util.List;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Isolation;
import org.springframework.transaction.annotation.Transactional;

/** Compares stock with everything that ever moved it. */
@Repository
class StockAudit {
    private final JdbcClient db;

    StockAudit(JdbcClient db) {
        this.db = db;
    }

    /**
     * A product whose stock is not what it must be.
     *
     * @param expected everything ever delivered, less everything in orders that are not cancelled or returned; where these
     *     agree with the stock but the ledger does not, the ledger's sum
     */
    record Drift(UUID productId, long stock, long expected) {}

    /**
     * How many products are not as they must be, or soon won't be for sale.
     *
     * @param drifted whose stock is not what it must be
     * @param negative whose stock is below zero
     * @param low for sale, with fewer than {@value #LOW} pieces
     */
    record Summary(long drifted, long negative, long low) {}

    static final int LOW = 10;

    private static final String DRIFTS = """
            WITH ledger AS (
                SELECT product_id, sum(delta) AS moved, sum(delta) FILTER (WHERE order_id IS NULL) AS delivered
                FROM stock_entry
                GROUP BY product_id),
            sold AS (
                SELECT l.product_id, sum(l.quantity) AS quantity
                FROM order_line l
                JOIN orders o ON o.id = l.order_id
                WHERE o.status NOT IN ('cancelled', 'returned')
                GROUP BY l.product_id),
            compared AS (
                SELECT product_id,
                    coalesce(s.quantity, 0) AS stock,
                    coalesce(ledger.moved, 0) AS moved,
                    coalesce(ledger.delivered, 0) - coalesce(sold.quantity, 0) AS expected
                FROM stock s
                FULL JOIN ledger USING (product_id)
                FULL JOIN sold USING (product_id)),
            drifts AS (
                SELECT product_id, stock, CASE WHEN stock = expected THEN moved ELSE expected END AS expected
                FROM compared
                WHERE stock <> expected OR stock <> moved)
            """;

    /** Every product that is not as it must be, in order of id. */
    @Transactional(readOnly = true, isolation = Isolation.REPEATABLE_READ)
    List<Drift> drifts() {
        begin();
        return db.sql("/* audit.drifts */ " + DRIFTS
                        + "SELECT product_id, stock, expected FROM drifts ORDER BY product_id")
                .query((row, n) -> new Drift(
                        row.getObject("product_id", UUID.class), row.getLong("stock"), row.getLong("expected")))
                .list();
    }

    @Transactional(readOnly = true, isolation = Isolation.REPEATABLE_READ)
    Summary summary() {
        begin();
        return db.sql("/* audit.summary */ " + DRIFTS + """
                        SELECT
                            (SELECT count(*) FROM drifts) AS drifted,
                            (SELECT count(*) FROM stock WHERE quantity < 0) AS negative,
                            (SELECT count(*)
                             FROM stock s JOIN product p ON p.id = s.product_id
                             WHERE s.quantity < :low AND p.archived_at IS NULL) AS low
                        """)
                .param("low", LOW)
                .query((row, n) -> new Summary(row.getLong("drifted"), row.getLong("negative"), row.getLong("low")))
                .single();
    }

    // One snapshot for all that is compared; it reads everything, which in a large shop takes longer than a request
    // may.
    private void begin() {
        db.sql("/* audit.statement_timeout */ SET LOCAL statement_timeout = '60s'")
                .update();
        db.sql("/* audit.work_mem */ SET LOCAL work_mem = '64MB'").update();
    }
}
