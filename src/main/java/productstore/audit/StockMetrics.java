package productstore.audit;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.scheduling.annotation.SchedulingConfigurer;
import org.springframework.scheduling.config.FixedDelayTask;
import org.springframework.scheduling.config.ScheduledTaskRegistrar;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;
import productstore.platform.Limits;
import productstore.platform.Problem;
import productstore.telemetry.Failures;

/**
 * Runs the audit in the background and shows what it found last. Before it has found anything there is nothing to show:
 * neither 0, which would be a claim, nor NaN, which would spoil every sum it is in. That it can't be run is seen by its
 * age.
 */
@Component
class StockMetrics implements SchedulingConfigurer {
    private static final Logger log = LoggerFactory.getLogger(StockMetrics.class);
    private static final Duration AFTER_START = Duration.ofSeconds(10);

    private final StockAudit audit;
    private final MeterRegistry registry;
    private final Duration interval;
    private volatile long doneNanos = System.nanoTime();
    private volatile StockAudit.@Nullable Summary found;

    StockMetrics(StockAudit audit, MeterRegistry registry, Limits limits) {
        this.audit = audit;
        this.registry = registry;
        this.interval = limits.auditInterval();
        TimeGauge.builder("store.stock.audit.age", () -> System.nanoTime() - doneNanos, TimeUnit.NANOSECONDS)
                .description("Since the last audit of all stock that came to its end; since the start before the first")
                .register(registry);
    }

    /** The interval is a rest between two runs, so however long one takes, it bounds what they cost together. */
    @Override
    public void configureTasks(ScheduledTaskRegistrar tasks) {
        tasks.addFixedDelayTask(new FixedDelayTask(this::refresh, interval, AFTER_START));
    }

    void refresh() {
        try {
            boolean first = found == null;
            found = audit.summary();
            doneNanos = System.nanoTime();
            if (first) {
                show();
            }
        } catch (DataAccessException | TransactionException | Problem e) {
            log.warn("the stock can't be audited now: {}", Failures.summary(e));
        }
    }

    private void show() {
        gauge(
                "store.stock.ledger.drift.products",
                "Products whose stock is not what was delivered less what is ordered, or not what the ledger says",
                StockAudit.Summary::drifted);
        gauge("store.stock.negative.products", "Products whose stock is below zero", StockAudit.Summary::negative);
        gauge(
                "store.stock.low.products",
                "Products for sale of which there are fewer than " + StockAudit.LOW,
                StockAudit.Summary::low);
    }

    private void gauge(String name, String description, ToDoubleFunction<StockAudit.Summary> value) {
        Gauge.builder(name, this, metrics -> {
                    var last = metrics.found;
                    return last == null ? Double.NaN : value.applyAsDouble(last);
                })
                .description(description)
                .register(registry);
    }
}
