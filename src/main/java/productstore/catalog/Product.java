package productstore.catalog;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import productstore.platform.Money;
import productstore.platform.Validation;

/**
 * A product as clients read it.
 *
 * @param stock pieces that can be sold now
 * @param updatedAt when the product or its stock changed last
 */
record Product(
        UUID id,
        String sku,
        String name,
        @Nullable String description,
        CategoryName category,
        Money price,
        long stock,
        @Nullable String imageUrl,
        Instant createdAt,
        Instant updatedAt) {

    record CategoryName(UUID id, String name, String slug) {}

    /**
     * A product as clients write it, not checked yet.
     *
     * @param category name, slug or id
     */
    record Input(
            @Nullable String sku,
            @Nullable String name,
            @Nullable String description,
            @Nullable String category,
            Money.@Nullable Input price,
            @Nullable Long stock,
            @Nullable String imageUrl) {

        /**
         * Checks everything but whether the category exists.
         *
         * @throws productstore.platform.Problem {@code invalid_request} with every fault
         */
        Draft checked() {
            var validation = new Validation();
            var draft = read(validation);
            validation.done();
            if (draft == null) {
                throw new IllegalStateException("a fault was found but not noted");
            }
            return draft;
        }

        /** As {@link #checked}, but notes the faults in {@code validation}; null if there are any. */
        @Nullable
        Draft read(Validation validation) {
            var checkedSku = validation.line("sku", sku, 64);
            var checkedName = validation.line("name", name, 200);
            var checkedDescription = validation.optionalText("description", description, 10_000);
            var checkedCategory = validation.line("category", category, 200);
            var checkedPrice = Money.read(validation, "price", price);
            var checkedStock = validation.integer("stock", stock, 0, productstore.inventory.Inventory.MOST);
            var checkedImage = validation.optionalLine("image_url", imageUrl, 2_000);
            if (checkedSku == null || checkedName == null || checkedCategory == null || checkedPrice == null) {
                return null;
            }
            return new Draft(
                    checkedSku,
                    checkedName,
                    checkedDescription,
                    checkedCategory,
                    checkedPrice,
                    checkedStock,
                    checkedImage);
        }
    }

    /** What is to be written, checked. */
    record Draft(
            String sku,
            String name,
            @Nullable String description,
            String category,
            Money price,
            long stock,
            @Nullable String imageUrl) {}

    /** This product as a client would write it, the ground that a merge patch is applied to. */
    Input asInput() {
        return new Input(
                sku,
                name,
                description,
                category.id().toString(),
                new Money.Input(price.amount().toPlainString(), price.currency()),
                stock,
                imageUrl);
    }
}
