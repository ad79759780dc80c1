package productstore.telemetry;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Work that is done for several requests at once, as their traces show it. Of one request it is simply a part. Of several
 * it is a span in the trace of the first one that is recorded, with links from it to the others and from each of them to it.
 */
public final class SharedSpan implements AutoCloseable {
    private static final SharedSpan NONE = new SharedSpan(null, null);

    private final @Nullable Span span;
    private final @Nullable Scope scope;

    private SharedSpan(@Nullable Span span, @Nullable Scope scope) {
        this.span = span;
        this.scope = scope;
    }

    /**
     * Begins, in this thread.
     *
     * @param name of the work, {@code orders together}
     * @param requests the spans of all, recorded or not
     */
    // What is opened here is closed by close().
    @SuppressWarnings("MustBeClosedChecker")
    public static SharedSpan begin(Tracer tracer, String name, List<Span> requests) {
        var recorded = requests.stream().filter(Span::isRecording).toList();
        if (recorded.isEmpty()) {
            return NONE;
        }
        var first = recorded.getFirst();
        if (requests.size() == 1) {
            return new SharedSpan(null, Context.root().with(first).makeCurrent());
        }
        var builder = tracer.spanBuilder(name)
                .setParent(Context.root().with(first))
                .setAttribute("store.batch.size", requests.size());
        var others = recorded.subList(1, recorded.size());
        others.forEach(other -> builder.addLink(other.getSpanContext()));
        var span = builder.startSpan();
        others.forEach(other -> other.addLink(span.getSpanContext()));
        return new SharedSpan(span, Context.root().with(span).makeCurrent());
    }

    @Override
    public void close() {
        if (scope != null) {
            scope.close();
        }
        if (span != null) {
            span.end();
        }
    }
}
