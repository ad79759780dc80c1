package productstore.orders;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import productstore.inventory.Inventory;
import productstore.platform.Ids;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Validation;

/**
 * What a customer orders, checked.
 *
 * @param wanted pieces by product, in order of id
 * @param positions where each product stood in the request first
 * @param unknown lines with an id that can't be one of ours
 */
record Placing(
        NavigableMap<UUID, Long> wanted,
        NavigableMap<UUID, Integer> positions,
        List<Integer> unknown,
        @Nullable String comment,
        @Nullable String shippingAddress) {
    private static final int MOST_LINES = 100;
    private static final int MOST_PIECES = 1000;

    /** What a client writes, not checked yet. */
    record Input(
            @Nullable List<@Nullable Line> items,
            @Nullable String comment,
            @Nullable String shippingAddress) {
        record Line(@Nullable String productId, @Nullable Long quantity) {}

        /**
         * Checks the form; whether the products exist shows later.
         *
         * @throws Problem {@code invalid_request} with every fault
         */
        Placing checked() {
            var validation = new Validation();
            var wanted = new TreeMap<UUID, Long>();
            var positions = new TreeMap<UUID, Integer>();
            var unknown = new ArrayList<Integer>();
            if (items == null || items.isEmpty()) {
                validation.fault("items", "required", "An order has at least one line.");
            } else if (items.size() > MOST_LINES) {
                validation.fault("items", "too_long", "An order has at most " + MOST_LINES + " lines.");
            } else {
                for (int n = 0; n < items.size(); n++) {
                    var field = "items[" + n + "]";
                    var line = validation.required(field, items.get(n));
                    if (line == null) {
                        continue;
                    }
                    var productId = validation.required(field + ".product_id", line.productId());
                    var quantity = validation.integer(field + ".quantity", line.quantity(), 1, MOST_PIECES);
                    if (productId != null && Ids.wellFormed(productId)) {
                        var id = UUID.fromString(productId);
                        wanted.merge(id, quantity, Long::sum);
                        positions.putIfAbsent(id, n);
                    } else if (productId != null) {
                        unknown.add(n);
                    }
                }
            }
            var checkedComment = validation.optionalText("comment", comment, 1000);
            var checkedAddress = validation.optionalText("shipping_address", shippingAddress, 1000);
            validation.done();
            return new Placing(wanted, positions, unknown, checkedComment, checkedAddress);
        }
    }

    /** The refusal for products that are unknown or archived. */
    Problem unavailable(List<UUID> products) {
        var lines = Stream.concat(unknown.stream(), products.stream().map(this::position));
        return Problem.of(
                ProblemCode.PRODUCT_UNAVAILABLE,
                "These products are not for sale.",
                lines.sorted()
                        .map(n -> new Problem.FieldError(
                                "items[" + n + "].product_id", "product_unavailable", "This product is not for sale."))
                        .toList());
    }

    /** The refusal that names every line of which there is too little. */
    Problem insufficient(List<Inventory.Shortage> shortages) {
        return Problem.of(
                ProblemCode.INSUFFICIENT_STOCK,
                "Nothing was ordered: there is too little of " + shortages.size() + " of the products.",
                shortages.stream()
                        .map(shortage -> new Problem.FieldError(
                                "items[" + position(shortage.productId()) + "].quantity",
                                "insufficient_stock",
                                "Wanted " + shortage.wanted() + ", there are " + shortage.available() + "."))
                        .toList());
    }

    private int position(UUID product) {
        return positions.getOrDefault(product, 0);
    }
}
