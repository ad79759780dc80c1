/**
 * What the store tells those who run it, beside its metrics: log lines, the access log, events, and the spans of traces.
 * Every other module speaks through it; it knows none of them.
 */
@NullMarked
@ApplicationModule(
        displayName = "Telemetry",
        type = ApplicationModule.Type.OPEN,
        allowedDependencies = {})
package productstore.telemetry;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
