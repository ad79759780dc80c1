package productstore.orders;

import io.opentelemetry.api.trace.Tracer;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.http.ResponseEntity;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.catalog.Catalog;
import productstore.catalog.Offer;
import productstore.identity.CurrentUser;
import productstore.inventory.Inventory;
import productstore.platform.Batcher;
import productstore.platform.EntityTags;
import productstore.platform.Idempotency;
import productstore.platform.Ids;
import productstore.platform.Limits;
import productstore.platform.Money;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.RoundTrip;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * Placing orders and taking them to the customer. Stock is taken and given back in the transaction that writes the
 * order. Customers see their own orders only; to them others do not exist.
 */
@Service
class Orders {
    private final OrderRepository orders;
    private final OrderNumbers numbers;
    private final OrderList list;
    private final Catalog catalog;
    private final Inventory inventory;
    private final Idempotency idempotency;
    private final RoundTrip.Trips trips;
    private final EntityTags tags;
    private final TransactionTemplate transaction;
    private final ApplicationEventPublisher events;

    Orders(
            OrderRepository orders,
            OrderNumbers numbers,
            OrderList list,
            Catalog catalog,
            Inventory inventory,
            Idempotency idempotency,
            RoundTrip.Trips trips,
            EntityTags tags,
            TransactionTemplate transaction,
            ApplicationEventPublisher events) {
        this.orders = orders;
        this.numbers = numbers;
        this.list = list;
        this.catalog = catalog;
        this.inventory = inventory;
        this.idempotency = idempotency;
        this.trips = trips;
        this.tags = tags;
        this.transaction = transaction;
        this.events = events;
    }

    /** An order that can be placed, at the time of its transaction. */
    record Draft(UUID id, long number, Instant at, Placement placement, List<Order.Line> lines, Money total) {}

    /**
     * Places orders in one transaction, each of them all or nothing; see {@link #decideAll}. Nobody else's order may have
     * to wait because one of these wants a product that somebody holds for long, so this soon fails then.
     */
    List<Placement.Outcome> placeTogether(List<Placement> placements) {
        return transaction.execute(_ -> {
            var claiming = trips.named("orders.claim");
            orders.waitShortlyForLocks(claiming);
            return decideAll(placements, claiming);
        });
    }

    /** Places one order in a transaction of its own, which waits for what somebody holds as long as any other. */
    Placement.Outcome placeAlone(Placement placement) {
        return transaction.execute(
                _ -> decideAll(List.of(placement), trips.named("orders.claim")).getFirst());
    }

    /**
     * Decides about orders one after the other, in their order: what one takes the next one doesn't find, and one that is
     * refused takes nothing.
     *
     * @param claiming the first trip to the database, perhaps with something in it already
     * @return what became of each, in their order: the order as its answer, the first answer to its key, or {@code
     *     product_unavailable}, {@code mixed_currencies}, {@code insufficient_stock}, {@code idempotency_in_flight},
     *     {@code idempotency_key_reused}
     */
    private List<Placement.Outcome> decideAll(List<Placement> placements, RoundTrip claiming) {
        var outcomes = new Placement.Outcome[placements.size()];
        var undecided = claimed(placements, claiming, outcomes);
        if (undecided.isEmpty()) {
            return List.of(outcomes);
        }
        var products = undecided.stream()
                .flatMap(n -> placements.get(n).placing().wanted().keySet().stream())
                .collect(Collectors.toCollection(TreeSet::new));
        var looking = trips.named("orders.look");
        // Before the products are read: a change of one that we wait for here must not be missed.
        var stock = inventory.lock(products, looking);
        var catalogue = catalog.offers(products, looking);
        var drawing = numbers.draw(undecided.size(), looking);
        looking.go();
        var available = stock.get();
        var offers = catalogue.get();
        var drawn = drawing.get();
        var drafts = new TreeMap<Integer, Draft>();
        for (int n : undecided) {
            try {
                drafts.put(n, decide(placements.get(n), available, offers, drawn));
            } catch (Problem refusal) {
                outcomes[n] = Placement.Outcome.of(refusal);
            }
        }
        numbers.giveBack(drawn);
        var answers = write(List.copyOf(drafts.values())).iterator();
        drafts.forEach((n, draft) -> outcomes[n] = Placement.Outcome.placed(draft, answers.next()));
        return List.of(outcomes);
    }

    /** Claims the keys; which placements are to be decided now. What became of the others is noted. */
    private List<Integer> claimed(List<Placement> placements, RoundTrip claiming, Placement.Outcome[] outcomes) {
        var requests = placements.stream()
                .map(Placement::request)
                .filter(Objects::nonNull)
                .toList();
        var asked = idempotency.claim(requests, claiming);
        claiming.go();
        var claims = asked.get();
        var now = new ArrayList<Integer>();
        for (int n = 0; n < outcomes.length; n++) {
            var request = placements.get(n).request();
            try {
                var first = request == null ? null : claims.firstAnswer(request);
                if (first == null) {
                    now.add(n);
                } else {
                    outcomes[n] = Placement.Outcome.of(first);
                }
            } catch (Problem refusal) {
                outcomes[n] = Placement.Outcome.of(refusal);
            }
        }
        return now;
    }

    /** Decides about one order, and takes what it wants from {@code available}. */
    private static Draft decide(
            Placement placement, Map<UUID, Long> available, Map<UUID, Offer> offers, OrderNumbers.Drawn drawn) {
        var placing = placement.placing();
        var lines = new ArrayList<Order.Line>();
        var missing = new ArrayList<UUID>();
        placing.positions().entrySet().stream()
                .sorted(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .forEach(product -> {
                    var offer = offers.get(product);
                    if (offer == null) {
                        missing.add(product);
                    } else {
                        lines.add(line(offer, placing));
                    }
                });
        if (!missing.isEmpty() || !placing.unknown().isEmpty()) {
            throw placing.unavailable(missing);
        }
        var currencies = lines.stream()
                .map(line -> line.unitPrice().currency())
                .distinct()
                .sorted()
                .toList();
        if (currencies.size() > 1) {
            throw Problem.of(
                    ProblemCode.MIXED_CURRENCIES,
                    "Order products priced in " + String.join(" and in ", currencies) + " apart.");
        }
        var shortages = Inventory.shortages(placing.wanted(), available);
        if (!shortages.isEmpty()) {
            throw placing.insufficient(shortages);
        }
        placing.wanted().forEach((product, quantity) -> available.merge(product, -quantity, Long::sum));
        var total = lines.stream().map(line -> line.lineTotal().amount()).reduce(BigDecimal.ZERO, BigDecimal::add);
        return new Draft(
                Ids.next(), drawn.next(), drawn.at(), placement, lines, new Money(total, currencies.getFirst()));
    }

    /** Writes what was decided; the answer to each, in their order. */
    private List<ResponseEntity<byte[]>> write(List<Draft> drafts) {
        if (drafts.isEmpty()) {
            return List.of();
        }
        var writing = trips.named("orders.write");
        inventory.take(drafts.stream().flatMap(Orders::takings).toList(), writing);
        orders.insert(drafts, writing);
        var answers = new ArrayList<ResponseEntity<byte[]>>();
        var keyed = new HashMap<Idempotency.Request, ResponseEntity<byte[]>>();
        for (var draft : drafts) {
            var answer = tags.created("/api/orders/" + draft.id(), order(draft));
            answers.add(answer);
            var request = draft.placement().request();
            if (request != null) {
                keyed.put(request, answer);
            }
        }
        idempotency.keep(keyed, writing);
        writing.go();
        events.publishEvent(new OrdersCame(
                OrderStatus.PENDING, drafts.stream().map(Draft::total).toList()));
        return answers;
    }

    /** Orders that wait at the same moment are placed together. */
    @Bean
    static Batcher<Placement, Placement.Outcome> placements(Orders orders, Limits limits, Tracer tracer) {
        return new Batcher<>(
                "orders",
                limits.orderTransactions(),
                limits.ordersTogether(),
                limits,
                tracer,
                orders::placeTogether,
                orders::placeAlone);
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
        Journal.of("order-status-changed")
                .with(Field.ORDER_ID, id)
                .with(Field.ORDER_NUMBER, current.number())
                .with(Field.USER_ID, by.id())
                .changed("status", current.status().code(), to.code())
                .say("an order is {} now", to.code());
        events.publishEvent(new OrdersCame(to, List.of(current.total())));
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

    private static Stream<Inventory.Taking> takings(Draft draft) {
        var placement = draft.placement();
        return draft.lines().stream()
                .map(line -> new Inventory.Taking(
                        draft.id(),
                        line.productId(),
                        line.quantity(),
                        placement.customer().id(),
                        placement.traceId()));
    }

    /** The order as {@link #read} would find it. */
    private static Order order(Draft draft) {
        var placement = draft.placement();
        var placing = placement.placing();
        var customer = placement.customer();
        return new Order(
                draft.id(),
                Long.toString(draft.number()),
                OrderStatus.PENDING,
                new Order.Customer(customer.id(), customer.name(), customer.email()),
                draft.lines(),
                draft.total(),
                placing.comment(),
                placing.shippingAddress(),
                List.of(new Order.Event(
                        OrderStatus.PENDING, draft.at(), placement.customer().id(), null, placement.traceId())),
                draft.at(),
                draft.at());
    }
}
