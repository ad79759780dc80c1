package productstore.orders;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Map;
import java.util.UUID;
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
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import productstore.identity.CurrentUser;
import productstore.platform.Batcher;
import productstore.platform.EntityTags;
import productstore.platform.Idempotency;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Problem;
import productstore.platform.TraceIds;
import productstore.platform.Validation;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;
import productstore.telemetry.RequestNotes;

@RestController
@RequestMapping(path = OrderController.PATH, produces = MediaType.APPLICATION_JSON_VALUE)
class OrderController {
    static final String PATH = "/api/orders";
    static final String KEY = "Idempotency-Key";

    private final Orders orders;
    private final Batcher<Placement, Placement.Outcome> placements;
    private final Idempotency idempotency;
    private final TraceIds traceIds;
    private final EntityTags tags;

    OrderController(
            Orders orders,
            Batcher<Placement, Placement.Outcome> placements,
            Idempotency idempotency,
            TraceIds traceIds,
            EntityTags tags) {
        this.orders = orders;
        this.placements = placements;
        this.idempotency = idempotency;
        this.traceIds = traceIds;
        this.tags = tags;
    }

    record StatusChange(@Nullable String status, @Nullable String comment) {}

    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> place(
            @RequestBody Placing.Input input,
            @RequestHeader(name = KEY, required = false) @Nullable String key,
            CurrentUser user,
            HttpServletRequest request) {
        var outcome = placements.ask(new Placement(
                input.checked(), user, idempotency.request(key, user.id(), "POST " + PATH, input), traceIds.current()));
        var placed = outcome.placed();
        if (placed != null) {
            RequestNotes.ORDER_ID.put(request, placed.id().toString());
            Journal.of("order-placed")
                    .with(Field.ORDER_ID, placed.id())
                    .with(Field.ORDER_NUMBER, placed.number())
                    .with(Field.USER_ID, user.id())
                    .say("order {} was placed", placed.number());
        }
        return outcome.orThrow();
    }

    @GetMapping
    ResponseEntity<Page<Order>> list(
            @RequestParam Map<String, String> query, HttpServletRequest request, CurrentUser user) {
        var validation = new Validation();
        var filter = OrderList.Filter.of(validation, Orders.scope(user), query);
        var paging = Paging.of(validation, query);
        validation.done();
        return orders.list(filter, paging).answer(request);
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> read(@PathVariable String id, CurrentUser user, HttpServletRequest request) {
        return tags.ok(orders.read(orderId(id, request), user));
    }

    @PutMapping(path = "/{id}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> advance(
            @PathVariable String id,
            @RequestBody StatusChange change,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user,
            HttpServletRequest request) {
        var orderId = orderId(id, request);
        var validation = new Validation();
        var code = validation.required("status", change.status());
        var status = code == null ? null : OrderStatus.find(code).orElse(null);
        if (code != null && status == null) {
            validation.fault("status", "invalid", "status is one of " + String.join(", ", OrderStatus.codes()) + ".");
        }
        var comment = validation.optionalText("comment", change.comment(), 1000);
        validation.done();
        if (status == null) {
            throw Problem.invalid("status", "required", "This member is needed.");
        }
        return tags.ok(orders.advance(orderId, status, comment, ifMatch, user));
    }

    @DeleteMapping("/{id}")
    ResponseEntity<byte[]> cancel(
            @PathVariable String id,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser user,
            HttpServletRequest request) {
        return tags.ok(orders.advance(orderId(id, request), OrderStatus.CANCELLED, null, ifMatch, user));
    }

    private static UUID orderId(String ofPath, HttpServletRequest request) {
        var id = Ids.ofPath(ofPath);
        RequestNotes.ORDER_ID.put(request, id.toString());
        return id;
    }
}
