package productstore.telemetry;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.binder.MeterBinder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

@Configuration(proxyBeanMethods = false)
class LogMetrics {
    @Bean
    MeterBinder droppedLines() {
        return registry -> FunctionCounter.builder("store.log.lines.dropped", LogOutput.class, _ -> LogOutput.dropped())
                .description("Lines of the log that were dropped, because they came too fast or could not be written")
                .register(registry);
    }
}
