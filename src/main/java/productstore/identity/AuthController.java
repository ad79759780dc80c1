package productstore.identity;

import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
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
    private static final Duration JWKS_MAX_AGE = Duration.ofSeconds(300);

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

    @PostMapping("/api/auth/register")
    ResponseEntity<byte[]> register(@RequestBody Registration body) {
        var user = users.register(body.email(), body.password(), body.name());
        return entityTags.created("/api/users/" + user.id(), user);
    }

    @PostMapping("/api/auth/login")
    SignIn.Tokens logIn(@RequestBody Credentials body, HttpServletRequest request) {
        return signIn.logIn(body.email(), body.password(), ClientAddress.of(request));
    }

    @PostMapping("/api/auth/refresh")
    SignIn.Tokens refresh(@RequestBody RefreshToken body) {
        return signIn.refresh(body.refreshToken());
    }

    @PostMapping("/api/auth/logout")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    void logOut(@RequestBody RefreshToken body) {
        signIn.logOut(body.refreshToken());
    }

    @GetMapping("/api/auth/me")
    ResponseEntity<byte[]> me(CurrentUser me) {
        return entityTags.ok(users.find(me.id()));
    }

    @PostMapping("/api/auth/keys/rotate")
    Map<String, Object> rotateKeys() {
        keys.rotate();
        return keys.jwks();
    }

    @GetMapping("/.well-known/jwks.json")
    ResponseEntity<byte[]> jwks() {
        var answer = entityTags.ok(keys.jwks());
        return ResponseEntity.ok()
                .headers(answer.getHeaders())
                .cacheControl(CacheControl.maxAge(JWKS_MAX_AGE).cachePublic())
                .body(answer.getBody());
    }
}
