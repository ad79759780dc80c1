package productstore.inventory;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Propagation;
import org.springframework.transaction.annotation.Transactional;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.RoundTrip;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * Stock, and the only way to change it. Every method runs inside the caller's transaction: stock moves together with
 * what it moves for, or not at all.
 */
@Service
@Transactional(propagation = Propagation.MANDATORY)
public class Inventory {
    /** The most pieces of one product that can be in stock. */
    public static final long MOST = 1_000_000_000;

    private final StockRepository stock;
    private final ApplicationEventPublisher events;

    Inventory(StockRepository stock, ApplicationEventPublisher events) {
        this.stock = stock;
        this.events = events;
    }

    /** One product of which there is less than an order wants. */
    public record Shortage(UUID productId, long wanted, long available) {}

    /**
     * What one order takes of one product.
     *
     * @param traceId of the request that ordered it
     */
    public record Taking(UUID orderId, UUID productId, long quantity, UUID by, String traceId) {}

    /** Begins the stock of a new product. */
    public void open(UUID productId, long quantity, UUID by) {
        stock.insert(productId);
        if (quantity > 0) {
            stock.change(productId, quantity, "initial", by);
        }
    }

    /**
     * Locks a product's stock until the transaction ends; whoever changes a product takes this lock first.
     *
     * @return pieces in stock, null if there never was such a product
     */
    public @Nullable Long lock(UUID productId) {
        return stock.lock(List.of(productId)).get(productId);
    }

    /** Sets locked stock to a counted number; the ledger gets the difference, as a correction. */
    public void count(UUID productId, long before, long counted, UUID by) {
        if (counted != before) {
            stock.change(productId, counted - before, "correction", by);
            corrected(productId, before, counted, by);
            changed(List.of(productId));
        }
    }

    /**
     * Changes locked stock by a delivery, a loss, or whatever the reason says.
     *
     * @throws Problem {@code insufficient_stock} if it would fall below zero
     */
    public void change(UUID productId, long before, long delta, String reason, UUID by) {
        if (before + delta < 0) {
            throw Problem.of(
                    ProblemCode.INSUFFICIENT_STOCK,
                    "There are " + before + " in stock.",
                    List.of(new Problem.FieldError(
                            "delta", "insufficient_stock", "At most " + before + " can be taken.")));
        }
        if (before + delta > MOST) {
            throw Problem.invalid("delta", "out_of_range", "There can be at most " + MOST + " in stock.");
        }
        stock.change(productId, delta, reason, by);
        corrected(productId, before, before + delta, by);
        changed(List.of(productId));
    }

    /** Locks the stock of several products until the transaction ends. */
    public void lock(Collection<UUID> products) {
        stock.lock(products);
    }

    /**
     * Locks the stock of several products until the transaction ends.
     *
     * @return once the trip is over: pieces in stock by product; a product that never was is missing
     */
    public Supplier<Map<UUID, Long>> lock(Collection<UUID> products, RoundTrip trip) {
        return stock.lock(products, trip);
    }

    /**
     * What is too little for an order.
     *
     * @param wanted pieces by product
     * @param available pieces in stock by product, locked
     */
    public static List<Shortage> shortages(NavigableMap<UUID, Long> wanted, Map<UUID, Long> available) {
        var shortages = new ArrayList<Shortage>();
        wanted.forEach((product, quantity) -> {
            var there = available.getOrDefault(product, 0L);
            if (there < quantity) {
                shortages.add(new Shortage(product, quantity, there));
            }
        });
        return shortages;
    }

    /** Takes locked products out of stock for one or several orders; there must be enough for all of them. */
    public void take(List<Taking> takings, RoundTrip trip) {
        stock.take(takings, trip);
        changed(takings.stream().map(Taking::productId).toList());
    }

    /** Puts what an order took back on sale. */
    public void giveBack(UUID orderId, Collection<UUID> products, String reason, UUID by) {
        stock.lock(products);
        stock.giveBack(orderId, reason, by);
        changed(products);
    }

    private static void corrected(UUID productId, long before, long after, UUID by) {
        Journal.of("stock-corrected")
                .with(Field.USER_ID, by)
                .with(Field.PRODUCT_ID, productId)
                .changed("stock", before, after)
                .say("the stock of a product was changed");
    }

    private void changed(Collection<UUID> products) {
        events.publishEvent(new StockChanged(products));
    }
}
