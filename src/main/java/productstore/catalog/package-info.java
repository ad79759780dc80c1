/**
 * Products and categories: what is for sale, how it is found, and how it gets in and out as a file. A product's stock
 * belongs to the inventory, which it may call.
 */
@NullMarked
@ApplicationModule(
        displayName = "Catalog",
        allowedDependencies = {"platform", "telemetry", "inventory", "identity"})
package productstore.catalog;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
