package productstore.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a change of a product changed, for the journal. Its stock has an event of its own.
 *
 * @param fields by their names in the API
 * @param from what price and category were, where they changed; texts are not repeated
 * @param to what they are now
 */
record Difference(String fields, String from, String to) {
    static Difference between(Product before, Product after) {
        var fields = new ArrayList<String>();
        var from = new ArrayList<String>();
        var to = new ArrayList<String>();
        told("price", price(before), price(after), fields, from, to);
        told("category", before.category().id(), after.category().id(), fields, from, to);
        named("sku", before.sku(), after.sku(), fields);
        named("name", before.name(), after.name(), fields);
        named("description", before.description(), after.description(), fields);
        named("image_url", before.imageUrl(), after.imageUrl(), fields);
        return new Difference(String.join(", ", fields), String.join(", ", from), String.join(", ", to));
    }

    boolean isNone() {
        return fields.isEmpty();
    }

    private static String price(Product product) {
        return product.price().amount() + " " + product.price().currency();
    }

    private static void told(
            String field, Object before, Object after, List<String> fields, List<String> from, List<String> to) {
        if (!before.equals(after)) {
            fields.add(field);
            from.add(field + " " + before);
            to.add(field + " " + after);
        }
    }

    /** Adds a member to those that changed, if it did. */
    static void named(String field, @Nullable Object before, @Nullable Object after, List<String> fields) {
        if (!Objects.equals(before, after)) {
            fields.add(field);
        }
    }
}
