package productstore.telemetry;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.SpanExporters;
import org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.SpanProcessors;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The way of spans to their receiver. No request ever waits for it: so many spans may be under way, further ones are
 * dropped, and all of it is counted.
 */
@Configuration(proxyBeanMethods = false)
class TraceExport {
    /** As many as the SDK's own queue takes, which therefore never drops any uncounted. */
    static final int MOST_UNDER_WAY = 2048;

    private final AtomicLong underWay = new AtomicLong();
    private final AtomicLong sent = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();

    @Bean
    SpanExporters spanExporters(ObjectProvider<SpanExporter> exporters) {
        return SpanExporters.of(exporters
                .orderedStream()
                .<SpanExporter>map(CountedExporter::new)
                .toList());
    }

    @Bean
    SpanProcessors spanProcessors(SpanExporters exporters, ObjectProvider<SpanProcessor> processors) {
        // Without a receiver spans have ids and nothing else.
        return exporters.list().isEmpty()
                ? SpanProcessors.of()
                : SpanProcessors.of(processors
                        .orderedStream()
                        .<SpanProcessor>map(BoundedProcessor::new)
                        .toList());
    }

    @Bean
    MeterBinder spanCounts() {
        return registry -> {
            counter("sent", sent).register(registry);
            counter("failed", failed).register(registry);
            counter("dropped", dropped).register(registry);
        };
    }

    private static FunctionCounter.Builder<AtomicLong> counter(String outcome, AtomicLong count) {
        return FunctionCounter.builder("store.trace.spans", count, AtomicLong::doubleValue)
                .description("Spans of traces that were sent to the receiver, that it did not take, and that were"
                        + " dropped because too many were under way")
                .tag("outcome", outcome);
    }

    private final class BoundedProcessor implements SpanProcessor {
        private final SpanProcessor processor;

        BoundedProcessor(SpanProcessor processor) {
            this.processor = processor;
        }

        @Override
        public void onStart(Context parent, ReadWriteSpan span) {
            processor.onStart(parent, span);
        }

        @Override
        public boolean isStartRequired() {
            return processor.isStartRequired();
        }

        @Override
        public void onEnd(ReadableSpan span) {
            if (!span.getSpanContext().isSampled()) {
                return;
            }
            if (underWay.get() >= MOST_UNDER_WAY) {
                dropped.incrementAndGet();
                return;
            }
            underWay.incrementAndGet();
            processor.onEnd(span);
        }

        @Override
        public boolean isEndRequired() {
            return true;
        }

        @Override
        public CompletableResultCode shutdown() {
            return processor.shutdown();
        }

        @Override
        public CompletableResultCode forceFlush() {
            return processor.forceFlush();
        }
    }

    private final class CountedExporter implements SpanExporter {
        private final SpanExporter exporter;

        CountedExporter(SpanExporter exporter) {
            this.exporter = exporter;
        }

        @Override
        public CompletableResultCode export(Collection<SpanData> spans) {
            int count = spans.size();
            var result = exporter.export(spans);
            return result.whenComplete(() -> {
                underWay.addAndGet(-count);
                (result.isSuccess() ? sent : failed).addAndGet(count);
            });
        }

        @Override
        public CompletableResultCode flush() {
            return exporter.flush();
        }

        @Override
        public CompletableResultCode shutdown() {
            return exporter.shutdown();
        }
    }
}
