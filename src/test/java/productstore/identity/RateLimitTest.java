package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.test.context.TestPropertySource;
import org.springframework.transaction.support.TransactionTemplate;

@TestPropertySource(
        properties = {"store.rate-limit=on", "store.limits.requests-per-minute=150", "store.limits.lock-time=300ms"})
class RateLimitTest extends IdentityTest {
    @Autowired
    TransactionTemplate transaction;

    @Test
    void eachUserHasALimitAndIsToldOfIt() throws Exception {
        var person = person(Role.CUSTOMER);
        var first = get("/api/auth/me", person.accessToken());
        assertThat(first.header("RateLimit-Policy")).isEqualTo("\"default\";q=150;w=60");
        assertThat(first.header("RateLimit")).isEqualTo("\"default\";r=149;t=1");
        var answers = together(
                8,
                () -> IntStream.range(0, 25)
                        .mapToObj(_ -> get("/api/users", person.accessToken()))
                        .toList());
        var refused = answers.stream()
                .flatMap(java.util.List::stream)
                .filter(answer -> answer.status() == 429)
                .toList();
        assertThat(refused).hasSizeBetween(20, 52).allSatisfy(answer -> {
            assertThat(answer.code()).isEqualTo("rate_limited");
            assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
            assertThat(answer.header("Retry-After")).isEqualTo("1");
            assertThat(answer.header("RateLimit")).startsWith("\"default\";r=0;t=");
        });
        assertThat(get("/api/auth/me", person(Role.CUSTOMER).accessToken()).status())
                .as("another user, from the same address")
                .isEqualTo(200);
    }

    @Test
    void thoseNotSignedInAreCountedByTheirAddressWithBadTokensToo() throws Exception {
        int refused = 0;
        for (int i = 0; i < 90; i++) {
            var anonymous = callFrom("127.0.0.7", "GET", "/api/nothing", "", "");
            var badToken = callFrom("127.0.0.7", "GET", "/api/nothing", "bad", "");
            assertThat(anonymous.status()).isIn(404, 429);
            assertThat(badToken.status()).isIn(401, 429);
            assertThat(badToken.header("RateLimit")).isNotEmpty();
            refused += (anonymous.status() == 429 ? 1 : 0) + (badToken.status() == 429 ? 1 : 0);
        }
        assertThat(refused).isPositive();
        assertThat(callFrom("127.0.0.8", "GET", "/api/nothing", "bad", "").status())
                .isEqualTo(401);
    }

    @Test
    void aHundredFailuresCloseAnAddressToSignIns() throws Exception {
        var person = person(Role.CUSTOMER);
        var login = json("email", person.email(), "password", PASSWORD);
        for (int i = 0; i < 100; i++) {
            assertThat(callFrom("127.0.0.9", "POST", "/api/auth/login", "", json("email", email(), "password", "wrong"))
                            .status())
                    .isEqualTo(401);
        }
        var closed = callFrom("127.0.0.9", "POST", "/api/auth/login", "", login);
        assertThat(closed.status()).isEqualTo(429);
        assertThat(closed.code()).isEqualTo("too_many_attempts");
        assertThat(callFrom("127.0.0.10", "POST", "/api/auth/login", "", login).status())
                .isEqualTo(200);
    }

    @Test
    void aDatabaseThatDoesNotAnswerIsNoFaultOfTheToken() {
        var person = person(Role.CUSTOMER);
        transaction.executeWithoutResult(_ -> {
            db.sql("LOCK TABLE app_user IN ACCESS EXCLUSIVE MODE").update();
            var answer = get("/api/auth/me", person.accessToken());
            assertThat(answer.status()).isEqualTo(503);
            assertThat(answer.header("Retry-After")).isNotEmpty();
            assertThat(answer.header("WWW-Authenticate")).isEmpty();
        });
        assertThat(get("/api/auth/me", person.accessToken()).status()).isEqualTo(200);
    }
}
