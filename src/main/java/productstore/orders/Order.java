package productstore.orders;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import productstore.platform.Money;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;

/**
 * An order as clients read it. Names and prices are those of the moment it was placed.
 *
 * @param number short, for people to say on the telephone
 * @param history every status it had, the first one first
 */
record Order(
        UUID id,
        String number,
        OrderStatus status,
        Customer customer,
        List<Line> items,
        Money total,
        @Nullable String comment,
        @Nullable String shippingAddress,
        List<Event> history,
        Instant createdAt,
        Instant updatedAt) {

    record Customer(UUID id, String name, String email) {}

    record Line(UUID productId, String sku, String name, int quantity, Money unitPrice, Money lineTotal) {
        Line(UUID productId, String sku, String name, int quantity, Money unitPrice) {
            this(productId, sku, name, quantity, unitPrice, unitPrice.times(quantity));
        }
    }

    /**
     * One step of the history.
     *
     * @param by id of the user who did it
     * @param traceId of the request that did it
     */
    record Event(
            OrderStatus status,
            Instant at,
            UUID by,
            @Nullable String comment,
            String traceId) {}

    /**
     * Checks that the order may come to a status.
     *
     * @return false if it is there already
     * @throws Problem {@code illegal_transition}
     */
    boolean mayBecome(OrderStatus to) {
        if (status == to) {
            return false;
        }
        if (!status.next().contains(to)) {
            var allowed = status.next().stream().map(OrderStatus::code).sorted().collect(Collectors.joining(", "));
            throw Problem.of(
                    ProblemCode.ILLEGAL_TRANSITION,
                    "From " + status.code() + " an order can become: " + (allowed.isEmpty() ? "nothing else" : allowed)
                            + ".");
        }
        return true;
    }
}
