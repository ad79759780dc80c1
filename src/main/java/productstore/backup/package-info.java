/**
 * The embedded database as one file, and back: PostgreSQL's own low-level base backup, packed with checksums. It may call the
 * module of the embedded PostgreSQL, which knows the data folder, and the platform.
 */
@NullMarked
@ApplicationModule(
        displayName = "Backup",
        allowedDependencies = {"embedded", "platform"})
package productstore.backup;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
