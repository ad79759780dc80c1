/** What an administrator changes while the store runs. */
@NullMarked
@ApplicationModule(
        displayName = "Administration",
        allowedDependencies = {"platform", "telemetry", "identity"})
package productstore.administration;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
