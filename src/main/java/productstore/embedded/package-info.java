/**
 * The embedded PostgreSQL: its binaries, its data folder, its process. It starts, guards and stops a real server so that a
 * person needs no database of their own, and never trades durability for speed (fsync and synchronous_commit stay on).
 * May call nobody; only the program's start-up and command line call it.
 */
@NullMarked
@ApplicationModule(displayName = "Embedded PostgreSQL", allowedDependencies = "telemetry")
package productstore.embedded;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
