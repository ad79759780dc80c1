package productstore.identity;

import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import productstore.platform.EntityTags;

@RestController
class AuthController {
    // Long enough to spare us the readers, short against the life of a token.
    private static final Duration JWKS_MAX_AGE = Duration.ofMinutes(5);

    private final Users users;
    private final SignIn signIn;
    private final SigningKeys keys;
    private final EntityTags entityTags;

    AuthController(Users users, SignIn signIn, SigningKeys keys, EntityTags entityTags) {
        this.users = users;
        this.signIn = signIn;
        this.keys = keys;
        this.entityTags = entityTags;
    }

    record Registration(
            @Nullable String email,
            @Nullable String password,
            @Nullable String name) {}

    record Credentials(@Nullable String email, @Nullable String password) {}

    record RefreshToken(@Nullable String refreshToken) {}

    @PostMapping(
            path = "/api/auth/register",
            consumes = MediaType.APPLICATION_JSON_VALUE,
            produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> register(@RequestBody Registration body) {
        var user = users.register(body.email(), body.password(), body.name());
        return entityTags.created("/api/users/" + user.id(), user);
    }

    @PostMapping(
            path = "/api/auth/login",
            consumes = MediaType.APPLICATION_JSON_VALUE,
            produces = MediaType.APPLICATION_JSON_VALUE)
    SignIn.Tokens logIn(@RequestBody Credentials body, HttpServletRequest request) {
        return signIn.logIn(body.email(), body.password(), ClientAddress.of(request));
    }

    @PostMapping(
            path = "/api/auth/refresh",
            consumes = MediaType.APPLICATION_JSON_VALUE,
            produces = MediaType.APPLICATION_JSON_VALUE)
    SignIn.Tokens refresh(@RequestBody RefreshToken body) {
        return signIn.refresh(body.refreshToken());
    }

    @PostMapping(path = "/api/auth/logout", consumes = MediaType.APPLICATION_JSON_VALUE)
    @ResponseStatus(HttpStatus.NO_CONTENT)
    void logOut(@RequestBody RefreshToken body) {
        signIn.logOut(body.refreshToken());
    }

    @GetMapping(path = "/api/auth/me", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> me(CurrentUser me) {
        return entityTags.ok(users.find(me.id()));
    }

    @PostMapping(path = "/api/auth/keys/rotate", produces = MediaType.APPLICATION_JSON_VALUE)
    Map<String, Object> rotateKeys(CurrentUser user) {
        keys.rotate(user.id());
        return keys.jwks();
    }

    @GetMapping(path = "/.well-known/jwks.json", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> jwks() {
        var answer = entityTags.ok(keys.jwks());
        return ResponseEntity.ok()
                .headers(answer.getHeaders())
                .cacheControl(CacheControl.maxAge(JWKS_MAX_AGE).cachePublic())
                .body(answer.getBody());
    }
}
