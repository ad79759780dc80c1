package productstore.catalog;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.springframework.stereotype.Component;
import productstore.platform.Announcements;
import productstore.platform.FreshCache;
import productstore.platform.Limits;
import productstore.platform.Replicas;

/**
 * What takes long to count in a large shop: the totals of lists, and the categories with their products. Where they say
 * nothing of stock they hold until the catalogue is changed, which the database announces. Where that can't be heard, or
 * stock counts, they are counted anew as often as answers are made anew.
 */
@Component
class CatalogCounts {
    /** The channel that the triggers of V2__announce_catalog_changes.sql announce on. */
    private static final String CHANNEL = "catalog_changed";

    private static final int MOST = 10_000;
    // Nobody asks for most searches a second time.
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private final boolean on;
    private final Announcements announcements;
    private final FreshCache<ProductList.Filter, Long> totals =
            new FreshCache<>(MOST, (filter, total) -> 1, LONGEST, this::holds);
    private final FreshCache<String, List<Category>> categories =
            new FreshCache<>(1, (key, all) -> 1, LONGEST, this::holds);

    CatalogCounts(Limits limits, Announcements announcements, MeterRegistry metrics) {
        on = limits.cacheBytes() > 0;
        this.announcements = announcements;
        announcements.listen(CHANNEL, this::forgetAll);
        totals.measure(metrics, "totals");
    }

    /** How many products a list has in all. */
    long total(ProductList.Filter filter, LongSupplier count) {
        return on && filter.inStock() == null
                ? totals.get(filter.counted(), () -> stamped(count::getAsLong))
                : count.getAsLong();
    }

    /** All categories, with how many products are in each. */
    List<Category> categories(Supplier<List<Category>> count) {
        return on ? categories.get("all", () -> stamped(count)) : count.get();
    }

    /** Forgets them all, as whoever changes the catalogue here must see it before the announcement comes. */
    void forgetAll() {
        totals.forgetAll();
        categories.forgetAll();
    }

    private boolean holds(FreshCache.Stamped<?> count) {
        return count.youngerThan(CatalogAnswers.LIFE) || announcements.haveHeardAllBefore(CatalogAnswers.LIFE);
    }

    /** At home: the announcement of a change may come before a replica shows it, and nobody would count again. */
    private static <V> FreshCache.Stamped<V> stamped(Supplier<V> count) {
        var born = System.nanoTime();
        return new FreshCache.Stamped<>(Replicas.atHome(count), born);
    }
}
