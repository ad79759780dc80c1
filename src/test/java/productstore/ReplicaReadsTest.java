package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;

/** What is no replica is never read from. What one is read from, and when, is tested with real ones in ops/tests. */
class ReplicaReadsTest extends StoreTest {
    @Autowired
    private Environment environment;

    @Test
    void aPrimaryIsNoReplica() {
        assertReadAtHome(String.valueOf(environment.getProperty("spring.datasource.url")));
    }

    @Test
    void whereNobodyAnswersNobodyWaits() {
        assertReadAtHome("jdbc:postgresql://127.0.0.1:1,127.0.0.1:2/store");
    }

    private void assertReadAtHome(String replicaUrl) {
        var product = newProduct(7);
        try (var second = SecondStore.beside(environment, Map.of("store.replica-url", replicaUrl))) {
            Shoppers.pause(500);
            var began = System.nanoTime();
            second.anyone().get("/api/products/" + product).ok();
            second.anyone().get("/api/products?limit=1").ok();
            assertThat((System.nanoTime() - began) / 1_000_000).isLessThan(1_000);
            var scrape = Scrape.of(second.managementPort());
            assertThat(scrape.sum("store_replica_reads_total", "home")).isEqualTo(2);
            assertThat(scrape.sum("store_replica_reads_total")).isEqualTo(2);
            assertThat(scrape.series("store_replicas_usable")).hasSize(1);
            assertThat(scrape.sum("store_replicas_usable")).isZero();
        }
    }
}
