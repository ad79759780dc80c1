package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the database itself refuses, and what the audit finds, when somebody goes behind the program's back. */
class LedgerTest extends StoreTest {
    private static final String CHECK_VIOLATION = "23514";
    private static final String UNIQUE_VIOLATION = "23505";
    private static final String FOREIGN_KEY_VIOLATION = "23503";

    private UUID product = new UUID(0, 0);
    private UUID order = new UUID(0, 0);

    /** 10 delivered, 3 of them sold. */
    @BeforeEach
    void sellThreeOfTen() {
        var id = newProduct(10);
        product = UUID.fromString(id);
        order = UUID.fromString(customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", id, "quantity", 3))))
                .created()
                .string("id"));
    }

    @AfterEach
    void putInOrderAgain() {
        assertNothingDrifted();
    }

    @Test
    void stockIsNeverNegative() {
        assertRefused(
                CHECK_VIOLATION, () -> change("UPDATE stock SET quantity = quantity - 8 WHERE product_id = :product"));
    }

    @Test
    void anOrderTakesAProductOnce() {
        assertRefused(UNIQUE_VIOLATION, () -> ledger(-3));
        // Not of another amount either.
        assertRefused(UNIQUE_VIOLATION, () -> ledger(-1));
    }

    @Test
    void anOrderGivesBackOnce() {
        customer().delete("/api/orders/" + order).ok();
        assertRefused(UNIQUE_VIOLATION, () -> ledger(3));
    }

    @Test
    void nothingMovesForAnOrderThatIsNotThere() {
        order = UUID.randomUUID();
        assertRefused(FOREIGN_KEY_VIOLATION, () -> ledger(-1));
    }

    @Test
    void anOrderHasAProductOnceAndMoreThanNoneOfIt() {
        assertRefused(UNIQUE_VIOLATION, () -> change("""
                INSERT INTO order_line (order_id, position, product_id, sku, name, quantity, unit_price)
                VALUES (:order, 2, :product, 'x', 'x', 1, 1)
                """));
        assertRefused(CHECK_VIOLATION, () -> change("UPDATE order_line SET quantity = 0 WHERE order_id = :order"));
    }

    @Test
    void theAuditFindsStockThatWasChangedBehindTheLedgersBack() {
        change("UPDATE stock SET quantity = quantity + 2 WHERE product_id = :product");
        assertDrift(9, 7);
        change("UPDATE stock SET quantity = quantity - 2 WHERE product_id = :product");
    }

    @Test
    void theAuditFindsADeliveryThatIsNotInTheLedger() {
        change("UPDATE stock_entry SET delta = delta - 1 WHERE product_id = :product AND order_id IS NULL");
        assertDrift(7, 6);
        change("UPDATE stock_entry SET delta = delta + 1 WHERE product_id = :product AND order_id IS NULL");
    }

    @Test
    void theAuditFindsASaleThatIsNotInTheLedger() {
        change("DELETE FROM stock_entry WHERE product_id = :product AND order_id = :order");
        // The orders explain the stock; the ledger's sum does not.
        assertDrift(7, 10);
        ledger(-3);
    }

    @Test
    void theAuditFindsAnOrderLineThatWasChanged() {
        change("UPDATE order_line SET quantity = 4 WHERE order_id = :order");
        assertDrift(7, 6);
        change("UPDATE order_line SET quantity = 3 WHERE order_id = :order");
    }

    @Test
    void theAuditFindsAnOrderThatWasCancelledWithoutGivingBack() {
        change("UPDATE orders SET status = 'cancelled' WHERE id = :order");
        assertDrift(7, 10);
        change("UPDATE orders SET status = 'pending' WHERE id = :order");
    }

    @Test
    void theAuditFindsAProductWithoutStock() {
        change("DELETE FROM stock WHERE product_id = :product");
        assertDrift(0, 7);
        change("INSERT INTO stock (product_id, quantity, updated_at) VALUES (:product, 7, now())");
    }

    private void assertDrift(long stock, long expected) {
        var items = manager().get("/api/inventory/audit").ok().body().get("items");
        assertThat(items).hasSize(1);
        var drift = items.get(0);
        assertThat(drift.get("product_id").asString()).isEqualTo(product.toString());
        assertThat(drift.get("stock").asLong()).isEqualTo(stock);
        assertThat(drift.get("expected").asLong()).isEqualTo(expected);
        customer().get("/api/inventory/audit").problem(403, "forbidden");
    }

    private void ledger(int delta) {
        db.sql("""
                        INSERT INTO stock_entry (product_id, delta, reason, order_id, at)
                        VALUES (:product, :delta, 'by hand', :order, now())
                        """)
                .param("product", product)
                .param("delta", delta)
                .param("order", order)
                .update();
    }

    private void change(String sql) {
        assertThat(db.sql(sql).param("product", product).param("order", order).update())
                .isEqualTo(1);
    }

    private static void assertRefused(String sqlState, ThrowingCallable statement) {
        assertThatThrownBy(statement)
                .rootCause()
                .isInstanceOfSatisfying(
                        SQLException.class,
                        refusal -> assertThat(refusal.getSQLState()).isEqualTo(sqlState));
    }
}
