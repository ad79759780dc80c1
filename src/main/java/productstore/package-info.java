@NullMarked
package productstore;

import org.jspecify.annotations.NullMarked;
