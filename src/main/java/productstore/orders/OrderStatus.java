package productstore.orders;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** An order's way to the customer. */
enum OrderStatus {
    PENDING,
    CONFIRMED,
    SHIPPED,
    DELIVERED,
    CANCELLED,
    RETURNED;

    private static final Map<OrderStatus, Set<OrderStatus>> NEXT = Map.of(
            PENDING, EnumSet.of(CONFIRMED, CANCELLED),
            CONFIRMED, EnumSet.of(SHIPPED, CANCELLED),
            SHIPPED, EnumSet.of(DELIVERED),
            DELIVERED, EnumSet.of(RETURNED),
            CANCELLED, EnumSet.noneOf(OrderStatus.class),
            RETURNED, EnumSet.noneOf(OrderStatus.class));

    @JsonValue
    String code() {
        return name().toLowerCase(Locale.ROOT);
    }

    static OrderStatus of(String code) {
        return find(code).orElseThrow(() -> new IllegalArgumentException("no status " + code));
    }

    static Optional<OrderStatus> find(String code) {
        return Arrays.stream(values())
                .filter(status -> status.code().equals(code))
                .findFirst();
    }

    static List<String> codes() {
        return Arrays.stream(values()).map(OrderStatus::code).toList();
    }

    /** The statuses that may follow this one. */
    Set<OrderStatus> next() {
        return NEXT.getOrDefault(this, Set.of());
    }

    /** Whether an order that comes to this status gives back what it took from stock. */
    boolean givesStockBack() {
        return this == CANCELLED || this == RETURNED;
    }
}
