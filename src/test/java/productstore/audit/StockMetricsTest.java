package productstore.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import productstore.StoreTest;
import productstore.platform.Limits;

/** What the audit in the background finds can be alerted on. */
class StockMetricsTest extends StoreTest {
    @Autowired
    private StockMetrics metrics;

    @Autowired
    private StockAudit audit;

    @Autowired
    private MeterRegistry registry;

    private UUID product = new UUID(0, 0);

    /** 12 delivered, 2 of them sold. */
    @BeforeEach
    void sellTwoOfTwelve() {
        var id = newProduct(12);
        product = UUID.fromString(id);
        customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", id, "quantity", 2))))
                .created();
        metrics.refresh();
    }

    @Test
    void stockThatNobodyMovedIsADrift() {
        assertThat(value("store.stock.ledger.drift.products")).isZero();
        db.sql("UPDATE stock SET quantity = quantity + 1 WHERE product_id = :id")
                .param("id", product)
                .update();
        try {
            assertThat(value("store.stock.ledger.drift.products"))
                    .as("as it was found last")
                    .isZero();
            metrics.refresh();
            assertThat(value("store.stock.ledger.drift.products")).isEqualTo(1);
            assertThat(audit.drifts()).as("and its name").containsExactly(new StockAudit.Drift(product, 11, 10));
        } finally {
            db.sql("UPDATE stock SET quantity = quantity - 1 WHERE product_id = :id")
                    .param("id", product)
                    .update();
        }
        metrics.refresh();
        assertThat(value("store.stock.ledger.drift.products")).isZero();
    }

    @Test
    void stockBelowZeroIsSeenWhereTheDatabaseLetItPass() {
        assertThat(value("store.stock.negative.products")).isZero();
        db.sql("ALTER TABLE stock DROP CONSTRAINT stock_quantity_check").update();
        try {
            db.sql("UPDATE stock SET quantity = -1 WHERE product_id = :id")
                    .param("id", product)
                    .update();
            metrics.refresh();
            assertThat(value("store.stock.negative.products")).isEqualTo(1);
        } finally {
            db.sql("UPDATE stock SET quantity = 10 WHERE product_id = :id")
                    .param("id", product)
                    .update();
            db.sql("ALTER TABLE stock ADD CONSTRAINT stock_quantity_check CHECK (quantity >= 0)")
                    .update();
        }
        metrics.refresh();
        assertThat(value("store.stock.negative.products")).isZero();
    }

    @Test
    void aProductOfWhichLittleIsLeftIsLowUntilItIsArchived() {
        var before = value("store.stock.low.products");
        manager()
                .post("/api/products/" + product + "/stock", Map.of("delta", -1, "reason", "broken"))
                .ok();
        metrics.refresh();
        assertThat(value("store.stock.low.products")).as("9 are left").isEqualTo(before + 1);
        assertThat(manager().delete("/api/products/" + product).status()).isEqualTo(204);
        metrics.refresh();
        assertThat(value("store.stock.low.products")).isEqualTo(before);
    }

    @Test
    void anAuditThatCantBeRunLeavesTheLastResultAndGrowsOld() throws InterruptedException {
        db.sql("ALTER TABLE order_line RENAME TO elsewhere").update();
        try {
            metrics.refresh();
            Thread.sleep(50);
            metrics.refresh();
            assertThat(age()).isGreaterThan(0.05);
            assertThat(value("store.stock.ledger.drift.products")).isZero();
        } finally {
            db.sql("ALTER TABLE elsewhere RENAME TO order_line").update();
        }
        var old = age();
        metrics.refresh();
        assertThat(age()).isLessThan(old);
    }

    @Test
    void beforeTheFirstAuditThereIsOnlyItsAge(@Autowired Limits limits) {
        var fresh = new SimpleMeterRegistry();
        var unused = new StockMetrics(audit, fresh, limits);
        assertThat(fresh.getMeters())
                .extracting(meter -> meter.getId().getName())
                .containsExactly("store.stock.audit.age");
        unused.refresh();
        assertThat(fresh.getMeters()).hasSize(4);
    }

    private double value(String gauge) {
        return registry.get(gauge).gauge().value();
    }

    private double age() {
        return registry.get("store.stock.audit.age").timeGauge().value(TimeUnit.SECONDS);
    }
}
