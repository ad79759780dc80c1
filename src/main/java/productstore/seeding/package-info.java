/**
 * Fills a database with made-up products, customers and orders, many and fast, to try a large shop. It writes the other
 * capabilities' tables by COPY, keeping what always holds, and may call nobody but the platform.
 */
@NullMarked
@ApplicationModule(displayName = "Seeding", allowedDependencies = "platform")
package productstore.seeding;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
