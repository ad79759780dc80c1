package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.test.context.TestPropertySource;
import redis.clients.jedis.Jedis;

/** Two stores that count requests and failed sign-ins together in a Redis, and each for itself while it is away. */
@Tag("redis")
@DirtiesContext
@TestPropertySource(
        properties = {
            "store.rate-limit=on",
            "store.limits.requests-per-minute=" + SharedLimitsTest.LIMIT,
            "store.trusted-proxies=127.0.0.1"
        })
class SharedLimitsTest extends StoreTest {
    static final int LIMIT = 600;
    // Four talks a second, and what waits for a busy machine.
    private static final int TALK_MS = 800;

    private static final RedisServer REDIS = RedisServer.start();

    @Autowired
    private Environment environment;

    private SecondStore second;

    @DynamicPropertySource
    static void redis(DynamicPropertyRegistry properties) {
        properties.add("store.redis-url", REDIS::url);
    }

    @BeforeEach
    void startSecondStore() {
        second = SecondStore.beside(
                environment,
                Map.of(
                        "store.redis-url",
                        REDIS.url(),
                        "store.rate-limit",
                        "on",
                        "store.limits.requests-per-minute",
                        Integer.toString(LIMIT),
                        "store.trusted-proxies",
                        "127.0.0.1"));
    }

    @AfterEach
    void stopSecondStore() {
        second.close();
    }

    @AfterAll
    static void stopRedis() {
        REDIS.close();
    }

    @Test
    void whatIsUsedAtOneStoreIsMissingAtTheOther() {
        var user = newCustomer();
        use(user, 300);
        Shoppers.pause(TALK_MS);
        var there = second.anyone().as(user.accessToken());
        // It hears only of whom it has seen.
        assertThat(left(there)).isEqualTo(LIMIT - 1);
        Shoppers.pause(TALK_MS);
        assertThat(left(there)).isBetween(LIMIT - 305, LIMIT - 200);
        assertThat(left(user)).isLessThan(LIMIT - 200);
    }

    @Test
    void inTheLongRunItIsOneLimitHoweverFastOneGoesFromStoreToStore() {
        var user = newCustomer();
        var there = second.anyone().as(user.accessToken());
        var admitted = new AtomicInteger();
        var talks = talks();
        var began = System.nanoTime();
        Race.of(8, Duration.ofSeconds(60), n -> {
            while (System.nanoTime() - began < Duration.ofSeconds(8).toNanos()) {
                if ((n % 2 == 0 ? user : there).get("/api/nothing").status() == 404) {
                    admitted.incrementAndGet();
                }
            }
        });
        var seconds = Duration.ofNanos(System.nanoTime() - began).toMillis() / 1000.0;
        assertThat(talks() - talks)
                .as("four talks a second at each store, however many requests come")
                .isLessThanOrEqualTo(Math.round(2 * 4 * seconds) + 2);
        // Each store's whole budget at most, in the first quarter of a second, and then nothing until that is earned.
        assertThat(admitted.get()).isBetween(LIMIT, 2 * LIMIT + earned(10_000));
        while (user.get("/api/nothing").status() == 404
                || there.get("/api/nothing").status() == 404) {
            admitted.incrementAndGet();
        }
        var refused = there.get("/api/nothing").problem(429, "rate_limited");
        assertThat(refused.header("RateLimit").orElseThrow()).startsWith("\"default\";r=0;t=");
        var over = admitted.get() - LIMIT - seconds * LIMIT / 60;
        assertThat(Double.parseDouble(refused.header("Retry-After").orElseThrow()))
                .as("until what was too much is earned again")
                .isBetween(over * 60 / LIMIT - 5, Math.max(0, over) * 60 / LIMIT + 5);
    }

    private static long talks() {
        try (var redis = new Jedis(URI.create(REDIS.url()))) {
            var calls = Pattern.compile("cmdstat_eval:calls=(\\d+)").matcher(redis.info("commandstats"));
            return calls.find() ? Long.parseLong(calls.group(1)) : 0;
        }
    }

    @Test
    void withoutTheRedisEachCountsForItselfAndNobodyIsRefusedForThat() {
        var user = newCustomer();
        var there = second.anyone().as(user.accessToken());
        REDIS.kill();
        try {
            use(user, LIMIT - 100);
            Shoppers.pause(TALK_MS);
            assertThat(left(there)).isEqualTo(LIMIT - 1);
            use(there, 300);
        } finally {
            REDIS.startAgain();
        }
        Shoppers.pause(1_500);
        var another = newCustomer();
        use(another, 200);
        Shoppers.pause(TALK_MS);
        left(second.anyone().as(another.accessToken()));
        Shoppers.pause(TALK_MS);
        assertThat(left(second.anyone().as(another.accessToken())))
                .as("they count together again")
                .isLessThan(LIMIT - 100);
    }

    @Test
    void tenFailedSignInsAreTenAtAllStoresTogether() {
        var email = account();
        for (int n = 0; n < 5; n++) {
            signIn(second.anyone(), email, PASSWORD).ok();
            signIn(anyone(), email, "wrong password").problem(401, "invalid_credentials");
            signIn(second.anyone(), email, "wrong password").problem(401, "invalid_credentials");
        }
        for (var store : List.of(anyone(), second.anyone())) {
            var refused = signIn(store, email, PASSWORD).problem(429, "too_many_attempts");
            assertThat(Integer.parseInt(refused.header("Retry-After").orElseThrow()))
                    .isBetween(800, 900);
        }
    }

    @Test
    void manyAtOnceAtBothStoresAreTenInAll() {
        var email = account();
        var tried = new AtomicInteger();
        Race.of(16, Duration.ofSeconds(60), n -> {
            var answer = signIn(n % 2 == 0 ? anyone() : second.anyone(), email, "wrong password");
            if (answer.status() == 401) {
                tried.incrementAndGet();
            } else {
                answer.problem(429, "too_many_attempts");
            }
        });
        assertThat(tried).hasValue(10);
    }

    @Test
    void aHundredFailuresOfAnAddressAreAHundredAtAllStores() {
        for (int n = 0; n < 50; n++) {
            for (var store : List.of(anyone(), second.anyone())) {
                signIn(from(store, "192.0.2.1"), UUID.randomUUID() + "@example.com", "wrong password")
                        .problem(401, "invalid_credentials");
            }
        }
        var email = account();
        signIn(from(second.anyone(), "192.0.2.1"), email, PASSWORD).problem(429, "too_many_attempts");
        signIn(from(second.anyone(), "192.0.2.2"), email, PASSWORD).ok();
    }

    @Test
    void withoutTheRedisEachStoreCountsFailedSignInsForItself() {
        var email = account();
        REDIS.kill();
        try {
            for (var store : List.of(anyone(), second.anyone())) {
                for (int n = 0; n < 10; n++) {
                    signIn(store, email, "wrong password").problem(401, "invalid_credentials");
                }
                signIn(store, email, "wrong password").problem(429, "too_many_attempts");
            }
        } finally {
            REDIS.startAgain();
        }
        Shoppers.pause(1_500);
        signIn(anyone(), account(), PASSWORD).ok();
    }

    private String account() {
        var email = UUID.randomUUID() + "@example.com";
        // From an address of its own each, as the limit is on.
        from(anyone(), "192.0.2." + (10 + Math.floorMod(email.hashCode(), 200)))
                .post("/api/auth/register", Map.of("email", email, "password", PASSWORD, "name", "Анна"))
                .created();
        return email;
    }

    private static Client.Answer signIn(Client store, String email, String password) {
        return store.post("/api/auth/login", Map.of("email", email, "password", password));
    }

    private static Client from(Client store, String address) {
        return store.with("X-Forwarded-For", address);
    }

    private static void use(Client user, int requests) {
        for (int n = 0; n < requests; n++) {
            assertThat(user.get("/api/nothing").status()).isEqualTo(404);
        }
    }

    private static int left(Client user) {
        var answer = user.get("/api/nothing");
        assertThat(answer.status()).isEqualTo(404);
        return Integer.parseInt(answer.header("RateLimit").orElseThrow().replaceAll(".*r=(\\d+);.*", "$1"));
    }

    /** What comes again meanwhile. */
    private static int earned(int millis) {
        return millis * LIMIT / 60_000;
    }
}
