package productstore.catalog;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.micrometer.core.instrument.MeterRegistry;
import io.opentelemetry.api.trace.Span;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import org.springframework.transaction.event.TransactionPhase;
import org.springframework.transaction.event.TransactionalEventListener;
import productstore.inventory.StockChanged;
import productstore.platform.Answer;
import productstore.platform.FreshCache;
import productstore.platform.Limits;
import productstore.platform.Problem;

/**
 * The answers about products and categories that were given last, to be given again. Each is forgotten {@link #LIFE}
 * after its data were read, so that what other stores write is seen within a second, whatever happens to the network
 * between them; and at once when this store writes something that it tells of. Orders never look here.
 */
@Component
class CatalogAnswers {
    /** The age of the oldest answer that is given: a second, less what its way takes. */
    static final Duration LIFE = Duration.ofMillis(900);

    /** What a request's span says of them. */
    static final String CACHE = "store.cache";

    private static final String PRODUCT = CatalogReads.PRODUCTS + "/";
    private static final int TAKEN_ALONG = 100;

    private final boolean on;
    private final FreshCache<String, Answer> answers;
    private final CatalogCounts counts;
    private final SharedAnswers shared;
    // What this store has made out of date, so that it doesn't get it back from the others; by then they have forgotten
    // it themselves.
    private final Cache<String, Long> forgotten =
            Caffeine.newBuilder().expireAfterWrite(LIFE.multipliedBy(2)).build();
    private volatile long allForgottenNanos = System.nanoTime();

    CatalogAnswers(Limits limits, CatalogCounts counts, SharedAnswers shared, MeterRegistry metrics) {
        this.counts = counts;
        this.shared = shared;
        on = limits.cacheBytes() > 0;
        answers = new FreshCache<>(
                limits.cacheBytes(),
                (key, kept) -> key.length() + kept.value().weight(),
                LIFE,
                kept -> kept.youngerThan(LIFE));
        answers.measure(metrics, "answers");
    }

    /**
     * The answer to a request, made now if it is not here.
     *
     * @param key what is asked for; see {@link productstore.platform.Page#address} and {@link #key}
     */
    Answer get(String key, Supplier<Answer> make) {
        if (!on) {
            return make.get();
        }
        Span.current().setAttribute(CACHE, "hit");
        return answers.get(
                key,
                () -> shared.get(key, forgottenNanos(key), () -> {
                    Span.current().setAttribute(CACHE, "miss");
                    return stamped(make);
                }));
    }

    /**
     * A product's page. Who has to read one anyway takes those along that were asked for again and will soon be out of
     * date: a hundred in one query cost little more than one.
     *
     * @param read reads products, those that there are
     */
    Answer product(UUID id, Function<Set<UUID>, Map<UUID, Answer>> read) {
        return get(key(id), () -> {
            var along = answers.askedAgain(CatalogAnswers::isProduct, LIFE.dividedBy(2), TAKEN_ALONG);
            var wanted = along.keySet().stream().map(CatalogAnswers::productId).collect(Collectors.toSet());
            wanted.add(id);
            var born = System.nanoTime();
            var found = read.apply(wanted);
            along.forEach((key, old) -> {
                var anew = found.get(productId(key));
                if (anew != null) {
                    answers.renew(key, old, new FreshCache.Stamped<>(anew, born));
                }
            });
            return Optional.ofNullable(found.get(id)).orElseThrow(() -> Problem.notFound("product"));
        });
    }

    private long forgottenNanos(String key) {
        var own = forgotten.getIfPresent(key);
        var all = allForgottenNanos;
        return own == null || own - all < 0 ? all : own;
    }

    private static FreshCache.Stamped<Answer> stamped(Supplier<Answer> make) {
        var born = System.nanoTime();
        return new FreshCache.Stamped<>(make.get(), born);
    }

    /** The answer if it is ready. */
    @Nullable
    Answer ready(String key) {
        return answers.ready(key);
    }

    /** The key of a product's page; whatever query a client adds to it means nothing. */
    static String key(UUID productId) {
        return PRODUCT + productId;
    }

    private static boolean isProduct(String key) {
        return key.startsWith(PRODUCT);
    }

    private static UUID productId(String key) {
        return UUID.fromString(key.substring(PRODUCT.length()));
    }

    /** Whoever changes the catalogue may have changed any list. */
    @TransactionalEventListener(phase = TransactionPhase.AFTER_COMPLETION)
    void forget(CatalogChanged changed) {
        // First what answers are made of: one that is made in between would be kept with an old count in it.
        counts.forgetAll();
        allForgottenNanos = System.nanoTime();
        answers.forgetAll();
    }

    /** In lists, stock may be a second old. */
    @TransactionalEventListener(phase = TransactionPhase.AFTER_COMPLETION)
    void forget(StockChanged changed) {
        var now = System.nanoTime();
        for (var product : changed.products()) {
            var key = key(product);
            if (shared.isOn()) {
                forgotten.put(key, now);
            }
            answers.forget(key);
        }
    }
}
