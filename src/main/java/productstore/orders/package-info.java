/**
 * Orders: placing them against stock, their way to the customer, their history. Stands on top of catalog, inventory and
 * identity; nobody calls it.
 */
@NullMarked
@ApplicationModule(
        displayName = "Orders",
        allowedDependencies = {"platform", "telemetry", "catalog", "inventory", "identity"})
package productstore.orders;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
