package productstore.catalog;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A category as clients read it.
 *
 * @param parentId null at the top
 * @param productCount products in it and in everything below it
 */
record Category(UUID id, String name, String slug, @Nullable UUID parentId, long productCount) {

    /**
     * A category as clients write it, not checked yet.
     *
     * @param slug made from the name if missing
     * @param parentId null for the top
     */
    record Input(
            @Nullable String name,
            @Nullable String slug,
            @Nullable String parentId) {}
}
