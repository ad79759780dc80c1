/**
 * What can be sold, and the ledger of every change of it. Rows of stock are locked in order of product id, by everyone,
 * so that two writers never wait for each other in a ring. Calls nobody but the platform.
 */
@NullMarked
@ApplicationModule(
        displayName = "Inventory",
        allowedDependencies = {"platform", "telemetry"})
package productstore.inventory;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
