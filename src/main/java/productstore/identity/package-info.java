/**
 * Who may do what: users and their roles, sign-in, access and refresh tokens, signing keys, the throttle of failed
 * sign-ins, the request rate limit, and the one table of which role may make which call. It may call platform only.
 */
@NullMarked
@ApplicationModule(
        displayName = "Identity",
        allowedDependencies = {"platform", "telemetry"})
package productstore.identity;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
