package productstore.orders;

import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.Supplier;
import org.springframework.stereotype.Component;
import productstore.platform.RoundTrip;

/**
 * Numbers of orders, drawn before they are decided about, so that an order's answer is known and kept in the trip that
 * writes it. Those of refused orders go to the next ones: refusals, however many, leave no gaps; a store's end may.
 */
@Component
class OrderNumbers {
    private final OrderRepository orders;
    private final ConcurrentSkipListSet<Long> left = new ConcurrentSkipListSet<>();

    OrderNumbers(OrderRepository orders) {
        this.orders = orders;
    }

    /** Numbers for the orders of a transaction, ascending, and its time. */
    static final class Drawn {
        private final Instant at;
        private final Queue<Long> numbers;

        Drawn(Instant at, Collection<Long> numbers) {
            this.at = at;
            this.numbers = new ArrayDeque<>(numbers);
        }

        Instant at() {
            return at;
        }

        long next() {
            return numbers.remove();
        }
    }

    /**
     * Numbers for so many orders, those that are left over first.
     *
     * @return once the trip is over
     */
    Supplier<Drawn> draw(int count, RoundTrip trip) {
        var numbers = new TreeSet<Long>();
        for (Long number; numbers.size() < count && (number = left.pollFirst()) != null; ) {
            numbers.add(number);
        }
        var drawn = orders.drawNumbers(count - numbers.size(), trip);
        return () -> {
            numbers.addAll(drawn.get().numbers);
            return new Drawn(drawn.get().at, numbers);
        };
    }

    /** Takes back those that no order got. */
    void giveBack(Drawn drawn) {
        left.addAll(drawn.numbers);
    }
}
