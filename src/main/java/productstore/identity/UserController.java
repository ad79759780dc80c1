package productstore.identity;

import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import productstore.platform.EntityTags;
import productstore.platform.Ids;

@RestController
class UserController {
    private final Users users;
    private final EntityTags entityTags;

    UserController(Users users, EntityTags entityTags) {
        this.users = users;
        this.entityTags = entityTags;
    }

    record Change(@Nullable String role, @Nullable Boolean active) {}

    @GetMapping("/api/users/{userId}")
    ResponseEntity<byte[]> user(@PathVariable String userId) {
        return entityTags.ok(users.find(Ids.ofPath(userId)));
    }

    @PutMapping("/api/users/{userId}")
    ResponseEntity<byte[]> change(
            @PathVariable String userId,
            @RequestBody Change body,
            @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch) {
        return entityTags.ok(users.change(Ids.ofPath(userId), body.role(), body.active(), ifMatch));
    }
}
