package productstore.catalog;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.springframework.stereotype.Component;
import productstore.platform.Answer;
import productstore.platform.EntityTags;
import productstore.platform.Paging;
import productstore.platform.Validation;

/** What everybody may read of the catalogue, as answers: ready ones, or made now. */
@Component
class CatalogReads {
    static final String PRODUCTS = "/api/products";
    static final String CATEGORIES = "/api/categories";

    private final Catalog catalog;
    private final Categories categories;
    private final CatalogAnswers answers;
    private final EntityTags tags;

    CatalogReads(Catalog catalog, Categories categories, CatalogAnswers answers, EntityTags tags) {
        this.catalog = catalog;
        this.categories = categories;
        this.answers = answers;
        this.tags = tags;
    }

    private record CategoryItems(List<Category> items) {}

    /**
     * A list of products.
     *
     * @param address of the page, with its query
     * @param query the same, taken apart
     * @throws productstore.platform.Problem {@code invalid_request} with every fault of the query
     */
    Answer products(String address, Map<String, String> query) {
        return answers.get(address, () -> {
            var validation = new Validation();
            var filter = ProductList.Filter.of(validation, query);
            var paging = Paging.of(validation, query);
            validation.done();
            return tags.answer(catalog.list(filter, paging), address);
        });
    }

    /** @throws productstore.platform.Problem {@code not_found} */
    Answer product(UUID id) {
        return answers.product(
                id, ids -> catalog.readAll(ids).stream().collect(Collectors.toMap(Product::id, tags::answer)));
    }

    Answer categories() {
        return answers.get(CATEGORIES, () -> tags.answer(new CategoryItems(categories.all())));
    }

    /** @throws productstore.platform.Problem {@code not_found} */
    Answer category(UUID id) {
        return answers.get(CATEGORIES + "/" + id, () -> tags.answer(categories.read(id)));
    }
}
