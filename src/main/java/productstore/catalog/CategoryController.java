package productstore.catalog;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import productstore.identity.CurrentUser;
import productstore.platform.EntityTags;
import productstore.platform.Idempotency;
import productstore.platform.Ids;

@RestController
@RequestMapping(path = "/api/categories", produces = MediaType.APPLICATION_JSON_VALUE)
class CategoryController {
    private static final String ALL = "/api/categories";

    private final Categories categories;
    private final Idempotency idempotency;
    private final EntityTags tags;
    private final CatalogAnswers answers;

    CategoryController(Categories categories, Idempotency idempotency, EntityTags tags, CatalogAnswers answers) {
        this.answers = answers;
        this.categories = categories;
        this.idempotency = idempotency;
        this.tags = tags;
    }

    record CategoryItems(List<Category> items) {}

    @GetMapping
    ResponseEntity<byte[]> list() {
        return answers.get(ALL, () -> tags.answer(new CategoryItems(categories.all())))
                .entity();
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> read(@PathVariable String id) {
        var categoryId = Ids.ofPath(id);
        return answers.get(ALL + "/" + categoryId, () -> tags.answer(categories.read(categoryId)))
                .entity();
    }

    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> create(
            @RequestBody Category.Input input,
            @RequestHeader(name = "Idempotency-Key", required = false) @Nullable String key,
            CurrentUser user) {
        return idempotency.once(key, user.id(), "POST /api/categories", input, () -> {
            var category = categories.create(input);
            return tags.created("/api/categories/" + category.id(), category);
        });
    }

    @PutMapping(path = "/{id}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> replace(
            @PathVariable String id,
            @RequestBody Category.Input input,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch) {
        return tags.ok(categories.replace(Ids.ofPath(id), input, ifMatch));
    }

    @DeleteMapping("/{id}")
    ResponseEntity<Void> delete(
            @PathVariable String id,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch) {
        categories.delete(Ids.ofPath(id), ifMatch);
        return ResponseEntity.noContent().build();
    }
}
