/**
 * What every capability stands on: problems (RFC 9457), paging, money, ids, JSON, entity tags, idempotency, limits and
 * the way to the database. It knows none of the capabilities.
 */
@NullMarked
@ApplicationModule(displayName = "Platform", type = ApplicationModule.Type.OPEN, allowedDependencies = "telemetry")
package productstore.platform;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
