/** The module that is called. */
@NullMarked
package wrongshop.shelf;

import org.jspecify.annotations.NullMarked;
