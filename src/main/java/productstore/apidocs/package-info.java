/**
 * The API described, for programs (OpenAPI) and for people (a page to try it on). It only serves files; the description
 * is written by hand, and a test holds it against the code. May use platform.
 */
@NullMarked
@ApplicationModule(displayName = "API description", allowedDependencies = "platform")
package productstore.apidocs;

import org.jspecify.annotations.NullMarked;
import org.springframework.modulith.ApplicationModule;
