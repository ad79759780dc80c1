package productstore.platform;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import java.time.Duration;
import java.util.stream.Stream;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.info.BuildProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What of the libraries' metrics is kept, and how fine. Docs: docs/metrics.md. */
@Configuration(proxyBeanMethods = false)
class Metrics {
    private static final String REQUESTS = "http.server.requests";

    // 500 ms is what the alerts are about, and 5 ms to 10 s is where answers are; the library's own histogram would be
    // 69 buckets for each route, method and status.
    private static final double[] REQUEST_BUCKETS = Stream.of(
                    Duration.ofMillis(5),
                    Duration.ofMillis(10),
                    Duration.ofMillis(25),
                    Duration.ofMillis(50),
                    Duration.ofMillis(100),
                    Duration.ofMillis(250),
                    Duration.ofMillis(500),
                    Duration.ofSeconds(1),
                    Duration.ofMillis(2500),
                    Duration.ofSeconds(5),
                    Duration.ofSeconds(10))
            .mapToDouble(bucket -> (double) bucket.toNanos())
            .toArray();

    /** In code, because a property of this name would be for {@code http.server.requests.active} too. */
    @Bean
    MeterFilter requestBuckets() {
        return new MeterFilter() {
            @Override
            public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
                return id.getName().equals(REQUESTS)
                        ? DistributionStatisticConfig.builder()
                                .serviceLevelObjectives(REQUEST_BUCKETS)
                                .build()
                                .merge(config)
                        : config;
            }
        };
    }

    @Bean
    MeterBinder buildInfo(ObjectProvider<BuildProperties> build) {
        return registry -> Gauge.builder("store.build.info", () -> 1)
                .description("Always 1; the version that runs is its label")
                .tag(
                        "version",
                        build.stream()
                                .map(BuildProperties::getVersion)
                                .findFirst()
                                .orElse("unknown"))
                .register(registry);
    }
}
