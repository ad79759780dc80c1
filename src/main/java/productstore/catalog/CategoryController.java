package productstore.catalog;

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
    private final Categories categories;
    private final Idempotency idempotency;
    private final EntityTags tags;
    private final CatalogReads reads;

    CategoryController(Categories categories, Idempotency idempotency, EntityTags tags, CatalogReads reads) {
        this.reads = reads;
        this.categories = categories;
        this.idempotency = idempotency;
        this.tags = tags;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return reads.categories().entity();
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> read(@PathVariable String id) {
        return reads.category(Ids.ofPath(id)).entity();
    }

    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> create(
            @RequestBody Category.Input input,
            @RequestHeader(name = "Idempotency-Key", required = false) @Nullable String key,
            CurrentUser user) {
        return idempotency.once(key, user.id(), "POST /api/categories", input, () -> {
            var category = categories.create(input, user.id());
            return tags.created("/api/categories/" + category.id(), category);
        });
    }

    @PutMapping(path = "/{id}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> replace(
            @PathVariable String id,
            @RequestBody Category.Input input,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user) {
        return tags.ok(categories.replace(Ids.ofPath(id), input, ifMatch, user.id()));
    }

    @DeleteMapping("/{id}")
    ResponseEntity<Void> delete(
            @PathVariable String id,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user) {
        categories.delete(Ids.ofPath(id), ifMatch, user.id());
        return ResponseEntity.noContent().build();
    }
}
