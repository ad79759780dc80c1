package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.springframework.test.context.TestPropertySource;

/** Whose address counts where a proxy stands before the store, and that nobody can choose it who is no proxy of ours. */
@TestPropertySource(
        properties = {
            "store.rate-limit=on",
            "store.limits.requests-per-minute=10",
            "store.trusted-proxies=127.0.0.2, 127.0.1.0/24,2001:db8::/32"
        })
class TrustedProxiesTest extends IdentityTest {
    @Test
    void eachClientOfAProxyIsCountedByItself() throws Exception {
        assertThat(left("127.0.0.2", "192.0.2.1")).isEqualTo(9);
        assertThat(left("127.0.0.2", "192.0.2.2")).isEqualTo(9);
        assertThat(left("127.0.1.77", "192.0.2.1")).as("by another proxy").isEqualTo(8);
    }

    @Test
    void whatAClientWritesItselfDoesNotCount() throws Exception {
        assertThat(left("127.0.0.3", "192.0.2.11")).isEqualTo(9);
        assertThat(left("127.0.0.3", "192.0.2.12")).as("no proxy of ours").isEqualTo(8);
        assertThat(left("127.0.0.2", "192.0.2.13, 192.0.2.14")).isEqualTo(9);
        assertThat(left("127.0.0.2", "192.0.2.15, 192.0.2.14"))
                .as("before what the proxy has added")
                .isEqualTo(8);
        assertThat(left("127.0.0.2", "192.0.2.11")).as("still untouched").isEqualTo(9);
    }

    @Test
    void severalProxiesInARowAreBelievedAsFarAsTheyAreTrusted() throws Exception {
        assertThat(left("127.0.0.2", "192.0.2.21, 127.0.1.5, 2001:db8::9")).isEqualTo(9);
        assertThat(left("127.0.0.2", "192.0.2.21")).isEqualTo(8);
        assertThat(left("127.0.0.2", "192.0.2.21:5000")).as("with its port").isEqualTo(7);
        assertThat(left("127.0.0.2", "2001:db9::1")).isEqualTo(9);
        assertThat(left("127.0.0.2", "[2001:db9:0:0:1::2]:443"))
                .as("of one line")
                .isEqualTo(8);
    }

    @Test
    void whatIsNoAddressIsWhoSaidIt() throws Exception {
        assertThat(left("127.0.1.9", "unknown")).isEqualTo(9);
        assertThat(left("127.0.1.9", "192.0.2.31, <script>")).isEqualTo(8);
        assertThat(left("127.0.1.9", "")).isEqualTo(7);
        assertThat(left("127.0.1.9", "192.0.2.32,,")).isEqualTo(6);
    }

    /** How many requests the one has left whom this one is counted as; one more comes every six seconds. */
    private int left(String peer, String forwardedFor) throws IOException {
        var answer = callFrom(peer, "GET", "/api/nothing", "", "", "X-Forwarded-For", forwardedFor);
        assertThat(answer.status()).isEqualTo(404);
        return Integer.parseInt(answer.header("RateLimit").replaceAll(".*r=(\\d+);.*", "$1"));
    }
}
