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
import java.util.function.LongFunction;
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
import productstore.platform.Replicas;

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
    private final Replicas replicas;
    // What this store has made out of date, so that it doesn't get it back from the others or a replica; by then they
    // have forgotten it themselves.
    private final Cache<String, Long> forgotten =
            Caffeine.newBuilder().expireAfterWrite(LIFE.multipliedBy(2)).build();
    private volatile long allForgottenNanos = System.nanoTime();

    CatalogAnswers(
            Limits limits, CatalogCounts counts, SharedAnswers shared, Replicas replicas, MeterRegistry metrics) {
        this.replicas = replicas;
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
        return on ? kept(key, notBefore -> replicas.read(notBefore, make)) : make.get();
    }

    /**
     * A product's page. Who has to read one anyway takes those along that were asked for again and will soon be out of
     * date: a hundred in one query cost little more than one.
     *
     * @param read reads products, those that there are
     */
    Answer product(UUID id, Function<Set<UUID>, Map<UUID, Answer>> read) {
        if (!on) {
            return found(id, read.apply(Set.of(id)));
        }
        return kept(key(id), notBefore -> {
            var along = answers.askedAgain(CatalogAnswers::isProduct, LIFE.dividedBy(2), TAKEN_ALONG);
            var wanted = along.keySet().stream().map(CatalogAnswers::productId).collect(Collectors.toSet());
            wanted.add(id);
            var all = replicas.read(notBefore, () -> {
                var there = read.apply(wanted);
                found(id, there);
                return there;
            });
            along.forEach((key, old) -> {
                var anew = all.value().get(productId(key));
                if (anew != null) {
                    answers.renew(key, old, all.with(anew));
                }
            });
            return all.with(found(id, all.value()));
        });
    }

    private static Answer found(UUID id, Map<UUID, Answer> products) {
        return Optional.ofNullable(products.get(id)).orElseThrow(() -> Problem.notFound("product"));
    }

    /** @param make is told before which moment what it makes must not have been read */
    private Answer kept(String key, LongFunction<FreshCache.Stamped<Answer>> make) {
        Span.current().setAttribute(CACHE, "hit");
        return answers.get(key, () -> {
            var notBefore = forgottenNanos(key);
            return shared.get(key, notBefore, () -> {
                Span.current().setAttribute(CACHE, "miss");
                return make.apply(notBefore);
            });
        });
    }

    private long forgottenNanos(String key) {
        var own = forgotten.getIfPresent(key);
        var all = allForgottenNanos;
        return own == null || own - all < 0 ? all : own;
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
            if (shared.isOn() || replicas.isOn()) {
                forgotten.put(key, now);
            }
            answers.forget(key);
        }
    }
}
