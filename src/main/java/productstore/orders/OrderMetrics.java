package productstore.orders;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.Map;
import org.springframework.stereotype.Component;
import org.springframework.transaction.event.TransactionalEventListener;

/** How many orders came to which status, and what those placed were worth. Only what was committed counts. */
@Component
class OrderMetrics {
    private final MeterRegistry registry;
    private final Map<OrderStatus, Counter> orders = new EnumMap<>(OrderStatus.class);

    OrderMetrics(MeterRegistry registry) {
        this.registry = registry;
        // All of them at 0 from the start: a counter that is born at 1 has never grown.
        for (var status : OrderStatus.values()) {
            orders.put(
                    status,
                    Counter.builder("store.orders")
                            .description("Orders that came to this status; pending are those placed")
                            .tag("status", status.code())
                            .register(registry));
        }
        value("RUB");
    }

    @TransactionalEventListener
    void count(OrdersCame came) {
        var counter = orders.get(came.status());
        if (counter != null) {
            counter.increment(came.totals().size());
        }
        if (came.status() == OrderStatus.PENDING) {
            came.totals()
                    .forEach(total ->
                            value(total.currency()).increment(total.amount().doubleValue()));
        }
    }

    private Counter value(String currency) {
        return Counter.builder("store.order.value")
                .description("What the orders placed were worth, cancelled ones included")
                .tag("currency", currency)
                .register(registry);
    }
}
