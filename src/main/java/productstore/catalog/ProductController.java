package productstore.catalog;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import productstore.identity.CurrentUser;
import productstore.inventory.Inventory;
import productstore.platform.EntityTags;
import productstore.platform.Idempotency;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Validation;
import tools.jackson.databind.JsonNode;

@RestController
@RequestMapping(path = "/api/products", produces = MediaType.APPLICATION_JSON_VALUE)
class ProductController {
    private static final String MERGE_PATCH = "application/merge-patch+json";

    private final Catalog catalog;
    private final MergePatch mergePatch;
    private final Idempotency idempotency;
    private final EntityTags tags;
    private final CatalogReads reads;

    ProductController(
            Catalog catalog, MergePatch mergePatch, Idempotency idempotency, EntityTags tags, CatalogReads reads) {
        this.catalog = catalog;
        this.reads = reads;
        this.mergePatch = mergePatch;
        this.idempotency = idempotency;
        this.tags = tags;
    }

    record StockChange(@Nullable Long delta, @Nullable String reason) {}

    @GetMapping
    ResponseEntity<byte[]> list(@RequestParam Map<String, String> query, HttpServletRequest request) {
        return reads.products(Page.address(request), query).entity();
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> read(@PathVariable String id) {
        return reads.product(Ids.ofPath(id)).entity();
    }

    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> create(
            @RequestBody Product.Input input,
            @RequestHeader(name = "Idempotency-Key", required = false) @Nullable String key,
            CurrentUser user) {
        return idempotency.once(key, user.id(), "POST /api/products", input, () -> {
            var product = catalog.create(input, user.id());
            return tags.created("/api/products/" + product.id(), product);
        });
    }

    @PutMapping(path = "/{id}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> replace(
            @PathVariable String id,
            @RequestBody Product.Input input,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user) {
        return tags.ok(catalog.change(Ids.ofPath(id), ifMatch, user.id(), current -> input));
    }

    @PatchMapping(
            path = "/{id}",
            consumes = {MERGE_PATCH, MediaType.APPLICATION_JSON_VALUE})
    ResponseEntity<byte[]> patch(
            @PathVariable String id,
            @RequestBody JsonNode patch,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user) {
        return tags.ok(catalog.change(
                Ids.ofPath(id),
                ifMatch,
                user.id(),
                current -> mergePatch.apply(current.asInput(), patch, Product.Input.class)));
    }

    @DeleteMapping("/{id}")
    ResponseEntity<Void> archive(
            @PathVariable String id,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user) {
        catalog.archive(Ids.ofPath(id), ifMatch, user.id());
        return ResponseEntity.noContent().build();
    }

    @PostMapping(path = "/{id}/stock", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> changeStock(
            @PathVariable String id,
            @RequestBody StockChange change,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            @RequestHeader(name = "Idempotency-Key", required = false) @Nullable String key,
            CurrentUser user) {
        var productId = Ids.ofPath(id);
        var validation = new Validation();
        var delta = validation.integer("delta", change.delta(), -Inventory.MOST, Inventory.MOST);
        var reason = validation.line("reason", change.reason(), 200);
        if (change.delta() != null && change.delta() == 0) {
            validation.fault("delta", "out_of_range", "A change of zero is none.");
        }
        validation.done();
        return idempotency.once(
                key,
                user.id(),
                "POST /api/products/" + id + "/stock",
                change,
                () -> tags.ok(catalog.changeStock(productId, ifMatch, delta, String.valueOf(reason), user.id())));
    }
}
