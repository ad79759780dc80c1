package productstore.catalog;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;
import productstore.inventory.Inventory;
import productstore.platform.EntityTags;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.RoundTrip;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * The products for sale. Every change of a product first locks its stock row, so that changes of one product, and orders
 * for it, happen one after the other.
 */
@Service
public class Catalog {
    private final ProductRepository products;
    private final ProductList list;
    private final CategoryRepository categories;
    private final Inventory inventory;
    private final EntityTags tags;
    private final ApplicationEventPublisher events;

    Catalog(
            ProductRepository products,
            ProductList list,
            CategoryRepository categories,
            Inventory inventory,
            EntityTags tags,
            ApplicationEventPublisher events) {
        this.products = products;
        this.list = list;
        this.categories = categories;
        this.inventory = inventory;
        this.tags = tags;
        this.events = events;
    }

    /** What these products are called and cost when the trip is over; those that are unknown or archived are missing. */
    public Supplier<Map<UUID, Offer>> offers(Collection<UUID> productIds, RoundTrip trip) {
        var offers = products.offers(productIds, trip);
        return () -> offers.get().stream().collect(Collectors.toMap(Offer::productId, Function.identity()));
    }

    Page<Product> list(ProductList.Filter filter, Paging paging) {
        return list.page(filter, paging);
    }

    /** Those of these products that are not archived. */
    List<Product> readAll(Collection<UUID> ids) {
        return products.find(ids);
    }

    Product read(UUID id) {
        return products.find(id).orElseThrow(() -> Problem.notFound("product"));
    }

    @Transactional
    Product create(Product.Input input, UUID by) {
        var draft = input.checked();
        var id = Ids.next();
        write(draft, () -> products.insert(id, draft, categoryOf(draft)));
        inventory.open(id, draft.stock(), by);
        journal("product-created", id, by).say("a product was created");
        changed();
        return read(id);
    }

    /**
     * Writes a product anew.
     *
     * @param change makes what is to be written of what is there; a PUT ignores what is there
     */
    @Transactional
    Product change(UUID id, @Nullable String ifMatch, UUID by, Function<Product, Product.Input> change) {
        var current = lock(id, ifMatch);
        var draft = change.apply(current).checked();
        write(draft, () -> products.update(id, draft, categoryOf(draft)));
        inventory.count(id, current.stock(), draft.stock(), by);
        changed();
        var changed = read(id);
        var difference = Difference.between(current, changed);
        if (!difference.isNone()) {
            journal("product-changed", id, by)
                    .changed(difference.fields(), difference.from(), difference.to())
                    .say("a product was changed");
        }
        return changed;
    }

    @Transactional
    Product changeStock(UUID id, @Nullable String ifMatch, long delta, String reason, UUID by) {
        var current = lock(id, ifMatch);
        inventory.change(id, current.stock(), delta, reason, by);
        changed();
        return read(id);
    }

    @Transactional
    void archive(UUID id, @Nullable String ifMatch, UUID by) {
        lock(id, ifMatch);
        products.archive(id);
        journal("product-archived", id, by).say("a product was taken off sale");
        changed();
    }

    private static Journal journal(String action, UUID product, UUID by) {
        return Journal.of(action).with(Field.USER_ID, by).with(Field.PRODUCT_ID, product);
    }

    private void changed() {
        events.publishEvent(new CatalogChanged());
    }

    private Product lock(UUID id, @Nullable String ifMatch) {
        inventory.lock(id);
        var current = read(id);
        tags.require(ifMatch, current);
        return current;
    }

    private UUID categoryOf(Product.Draft draft) {
        return categories.resolve(draft.category()).orElseThrow(() -> unknownCategory(draft));
    }

    private static Problem unknownCategory(Product.Draft draft) {
        return Problem.invalid("category", "unknown_category", "There is no category «" + draft.category() + "».");
    }

    private static void write(Product.Draft draft, Runnable statement) {
        try {
            statement.run();
        } catch (DuplicateKeyException e) {
            throw Problem.of(ProblemCode.SKU_TAKEN, "There is a product with sku " + draft.sku() + " already.", e);
        } catch (DataIntegrityViolationException e) {
            // The category was deleted after it was found: only its foreign key can see that.
            throw unknownCategory(draft);
        }
    }
}
