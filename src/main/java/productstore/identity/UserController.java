package productstore.identity;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import productstore.platform.EntityTags;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Validation;

@RestController
@RequestMapping(path = "/api/users", produces = MediaType.APPLICATION_JSON_VALUE)
class UserController {
    private final Users users;
    private final EntityTags entityTags;

    UserController(Users users, EntityTags entityTags) {
        this.users = users;
        this.entityTags = entityTags;
    }

    record Change(@Nullable String role, @Nullable Boolean active) {}

    @GetMapping
    ResponseEntity<Page<User>> list(@RequestParam Map<String, String> query, HttpServletRequest request) {
        var validation = new Validation();
        var paging = Paging.of(validation, query);
        validation.done();
        return users.list(paging).answer(request);
    }

    @GetMapping("/{userId}")
    ResponseEntity<byte[]> user(@PathVariable String userId) {
        return entityTags.ok(users.find(Ids.ofPath(userId)));
    }

    @PutMapping(path = "/{userId}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> change(
            @PathVariable String userId,
            @RequestBody Change body,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
            CurrentUser by) {
        return entityTags.ok(users.change(Ids.ofPath(userId), body.role(), body.active(), ifMatch, by.id()));
    }
}
