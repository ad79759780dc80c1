/** A module that may call nobody, and does. */
@NullMarked
@ApplicationModule(allowedDependencies = {})
package wrongshop.till;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
