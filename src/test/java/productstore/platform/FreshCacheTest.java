package productstore.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import productstore.platform.FreshCache.Stamped;

class FreshCacheTest {
    private static final Duration LIFE = Duration.ofMinutes(10);

    private final FreshCache<String, String> cache =
            new FreshCache<>(1_000, (_, _) -> 1, LIFE, kept -> kept.youngerThan(LIFE));

    @Test
    void onlyWhatWasAskedForAgainAndIsOldEnoughIsNamed() {
        keep("once", Duration.ofMinutes(5));
        keep("again", Duration.ofMinutes(4));
        keep("other", Duration.ofMinutes(3));
        keep("young", Duration.ofMinutes(1));
        for (var key : new String[] {"again", "other", "young"}) {
            assertThat(cache.ready(key)).isEqualTo("old");
        }
        assertThat(named()).containsOnlyKeys("again");
        cache.get("once", () -> new Stamped<>("new", System.nanoTime()));
        assertThat(named()).containsOnlyKeys("again", "once");
        assertThat(cache.askedAgain(_ -> true, Duration.ofMinutes(2), 1)).containsOnlyKeys("once");
    }

    @Test
    void whatIsRenewedIsGivenAndHasToBeAskedForAgain() {
        keep("key", Duration.ofMinutes(5));
        cache.ready("key");
        cache.renew(
                "key",
                only(),
                new Stamped<>("new", System.nanoTime() - Duration.ofMinutes(3).toNanos()));
        assertThat(named()).isEmpty();
        assertThat(cache.ready("key")).isEqualTo("new");
        assertThat(named()).containsOnlyKeys("key");
    }

    /** It was read before whatever made somebody forget the old one. */
    @Test
    void whatWasForgottenMeanwhileIsNotRenewed() {
        keep("key", Duration.ofMinutes(5));
        cache.ready("key");
        var old = only();
        cache.forget("key");
        cache.renew("key", old, new Stamped<>("read before", System.nanoTime()));
        assertThat(cache.ready("key")).isNull();
        cache.get("key", () -> new Stamped<>("read behind", System.nanoTime()));
        cache.renew("key", old, new Stamped<>("read before", System.nanoTime()));
        assertThat(cache.ready("key")).isEqualTo("read behind");
        cache.forgetAll();
        cache.renew("key", old, new Stamped<>("read before", System.nanoTime()));
        assertThat(cache.ready("key")).isNull();
    }

    @Test
    @Timeout(60)
    void whatIsBeingMadeIsNotWaitedFor() throws InterruptedException {
        keep("key", Duration.ofMinutes(5));
        cache.ready("key");
        var old = only();
        cache.forget("key");
        var begun = new CountDownLatch(1);
        var end = new CountDownLatch(1);
        var maker = Thread.ofVirtual()
                .start(() -> cache.get("key", () -> {
                    begun.countDown();
                    try {
                        end.await();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    return new Stamped<>("made", System.nanoTime());
                }));
        begun.await();
        // It would never return.
        cache.renew("key", old, new Stamped<>("read before", System.nanoTime()));
        end.countDown();
        maker.join();
        assertThat(cache.ready("key")).isEqualTo("made");
    }

    private void keep(String key, Duration age) {
        cache.get(key, () -> new Stamped<>("old", System.nanoTime() - age.toNanos()));
    }

    private Stamped<String> only() {
        return named().values().iterator().next();
    }

    private Map<String, Stamped<String>> named() {
        return cache.askedAgain(key -> !key.equals("other"), Duration.ofMinutes(2), 10);
    }
}
