/**
 * Proves that nothing is oversold: compares stock with everything that ever moved it. Reads the tables of inventory and
 * orders and writes none.
 */
@NullMarked
@ApplicationModule(
        displayName = "Audit",
        allowedDependencies = {"platform", "telemetry"})
package productstore.audit;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
