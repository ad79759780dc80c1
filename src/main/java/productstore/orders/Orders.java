package productstore.orders;

import java.util.ArrayList;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;
import productstore.catalog.Catalog;
import productstore.catalog.Offer;
import productstore.identity.CurrentUser;
import productstore.inventory.Inventory;
import productstore.platform.EntityTags;
import productstore.platform.Ids;
import productstore.platform.Money;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;

/**
 * Placing orders and taking them to the customer. Stock is taken and given back in the transaction that writes the
 * order. Customers see their own orders only; to them others do not exist.
 */
@Service
class Orders {
    private final OrderRepository orders;
    private final OrderList list;
    private final Catalog catalog;
    private final Inventory inventory;
    private final EntityTags tags;

    Orders(OrderRepository orders, OrderList list, Catalog catalog, Inventory inventory, EntityTags tags) {
        this.orders = orders;
        this.list = list;
        this.catalog = catalog;
        this.inventory = inventory;
        this.tags = tags;
    }

    /**
     * Places an order: all of it or nothing.
     *
     * @throws Problem {@code product_unavailable}, {@code mixed_currencies}, {@code insufficient_stock}
     */
    @Transactional
    Order place(Placing placing, CurrentUser customer) {
        // Before the products are read: a change of one that we wait for here must not be missed.
        var available = inventory.lock(placing.wanted().keySet());
        var offers = catalog.offers(placing.wanted().keySet());
        var missing = placing.wanted().keySet().stream()
                .filter(product -> !offers.containsKey(product))
                .toList();
        if (!missing.isEmpty() || !placing.unknown().isEmpty()) {
            throw placing.unavailable(missing);
        }
        var currencies = offers.values().stream()
                .map(offer -> offer.price().currency())
                .distinct()
                .sorted()
                .toList();
        if (currencies.size() > 1) {
            throw Problem.of(
                    ProblemCode.MIXED_CURRENCIES,
                    "Order products priced in " + String.join(" and in ", currencies) + " apart.");
        }
        var id = Ids.next();
        var shortages = inventory.take(id, placing.wanted(), available, customer.id());
        if (!shortages.isEmpty()) {
            throw placing.insufficient(shortages);
        }
        var lines = new ArrayList<Order.Line>();
        placing.positions().entrySet().stream()
                .sorted(java.util.Map.Entry.comparingByValue())
                .map(position -> offers.get(position.getKey()))
                .forEach(offer -> lines.add(line(offer, placing)));
        var total = lines.stream()
                .map(line -> line.lineTotal().amount())
                .reduce(java.math.BigDecimal.ZERO, java.math.BigDecimal::add);
        orders.insert(
                id,
                customer.id(),
                lines,
                new Money(total, currencies.getFirst()),
                placing.comment(),
                placing.shippingAddress());
        return read(id, customer);
    }

    Page<Order> list(OrderList.Filter filter, Paging paging) {
        return list.page(filter, paging);
    }

    Order read(UUID id, CurrentUser reader) {
        return orders.find(id, scope(reader)).orElseThrow(() -> Problem.notFound("order"));
    }

    /**
     * Takes an order to another status; what it took from stock goes back on sale where the status says so.
     *
     * @throws Problem {@code illegal_transition}
     */
    @Transactional
    Order advance(UUID id, OrderStatus to, @Nullable String comment, @Nullable String ifMatch, CurrentUser by) {
        var current = orders.lock(id, scope(by)).orElseThrow(() -> Problem.notFound("order"));
        tags.require(ifMatch, current);
        if (!current.mayBecome(to)) {
            return current;
        }
        orders.advance(id, to, by.id(), comment);
        if (to.givesStockBack()) {
            var products = current.items().stream().map(Order.Line::productId).toList();
            inventory.giveBack(id, products, to.code(), by.id());
        }
        return read(id, by);
    }

    /** Whose orders a user can see: null for everyone's. */
    static @Nullable UUID scope(CurrentUser user) {
        return user.staff() ? null : user.id();
    }

    private static Order.Line line(Offer offer, Placing placing) {
        var quantity = placing.wanted().getOrDefault(offer.productId(), 0L);
        return new Order.Line(offer.productId(), offer.sku(), offer.name(), Math.toIntExact(quantity), offer.price());
    }
}
