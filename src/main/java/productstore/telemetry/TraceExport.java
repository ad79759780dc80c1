package productstore.telemetry;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.DelegatingSpanData;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.List;
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
        return SpanExporters.of(exporters.orderedStream().map(this::counted).toList());
    }

    @Bean
    SpanProcessors spanProcessors(SpanExporters exporters, ObjectProvider<SpanProcessor> processors) {
        // Without a receiver spans have ids and nothing else.
        return exporters.list().isEmpty()
                ? SpanProcessors.of()
                : SpanProcessors.of(
                        processors.orderedStream().map(this::bounded).toList());
    }

    @Bean
    MeterBinder spanCounts() {
        return registry -> {
            counter("sent", sent).register(registry);
            counter("failed", failed).register(registry);
            counter("dropped", dropped).register(registry);
        };
    }

    SpanExporter counted(SpanExporter exporter) {
        return new CountedExporter(exporter);
    }

    SpanProcessor bounded(SpanProcessor processor) {
        return new BoundedProcessor(processor);
    }

    long counted() {
        return sent.get() + failed.get() + dropped.get();
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
            if (underWay.incrementAndGet() > MOST_UNDER_WAY) {
                underWay.decrementAndGet();
                dropped.incrementAndGet();
                return;
            }
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
            var result = sent(spans);
            return result.whenComplete(() -> {
                underWay.addAndGet(-spans.size());
                (result.isSuccess() ? sent : failed).addAndGet(spans.size());
            });
        }

        private CompletableResultCode sent(Collection<SpanData> spans) {
            try {
                return exporter.export(
                        spans.stream().<SpanData>map(Impersonal::new).toList());
            } catch (RuntimeException e) {
                return CompletableResultCode.ofExceptionalFailure(e);
            }
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

    /** Without the texts of failures, in which the database repeats what people have written. Their kinds are attributes. */
    private static final class Impersonal extends DelegatingSpanData {
        Impersonal(SpanData span) {
            super(span);
        }

        @Override
        public List<EventData> getEvents() {
            return super.getEvents().stream()
                    .filter(event -> !event.getName().equals("exception"))
                    .toList();
        }

        @Override
        public StatusData getStatus() {
            return StatusData.create(super.getStatus().getStatusCode(), "");
        }
    }
}
