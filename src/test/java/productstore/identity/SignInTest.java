package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;

class SignInTest extends IdentityTest {
    @Autowired
    SigningKeys keys;

    @Autowired
    RefreshTokens refreshTokens;

    @Test
    void aCustomerRegistersSignsInRenewsAndLeaves() {
        var email = email();
        var registered = register("  " + email.toUpperCase(java.util.Locale.ROOT) + " ", PASSWORD);
        assertThat(registered.status()).isEqualTo(201);
        assertThat(registered.header("Location")).isEqualTo("/api/users/" + registered.text("id"));
        assertThat(registered.body().propertyNames())
                .containsExactly("id", "email", "name", "role", "active", "created_at");
        assertThat(registered.text("email")).isEqualTo(email);
        assertThat(registered.text("role")).isEqualTo("customer");

        var tokens = logIn(email, PASSWORD);
        assertThat(tokens.status()).isEqualTo(200);
        assertThat(tokens.header("Cache-Control")).isEqualTo("no-store");
        assertThat(tokens.body().propertyNames())
                .containsExactly("access_token", "token_type", "expires_in", "refresh_token");
        assertThat(tokens.text("token_type")).isEqualTo("Bearer");
        assertThat(tokens.body().path("expires_in").asInt()).isEqualTo(900);

        var me = get("/api/auth/me/", tokens.text("access_token"));
        assertThat(me.status()).isEqualTo(200);
        assertThat(me.body()).isEqualTo(registered.body());
        var unchanged =
                call("GET", "/api/auth/me", tokens.text("access_token"), "", "If-None-Match", me.header("ETag"));
        assertThat(unchanged.status()).isEqualTo(304);
        assertThat(unchanged.header("Cache-Control")).isEqualTo("private, no-cache");

        var next = refresh(tokens.text("refresh_token"));
        assertThat(next.status()).isEqualTo(200);
        assertThat(next.text("refresh_token")).isNotEqualTo(tokens.text("refresh_token"));
        assertThat(get("/api/auth/me", next.text("access_token")).status()).isEqualTo(200);

        var logOut = json("refresh_token", next.text("refresh_token"));
        assertThat(post("/api/auth/logout", logOut).status()).isEqualTo(204);
        assertThat(post("/api/auth/logout", logOut).status()).isEqualTo(204);
        assertThat(post("/api/auth/logout", json("refresh_token", "unknown")).status())
                .isEqualTo(204);
        var ended = refresh(next.text("refresh_token"));
        assertThat(ended.status()).isEqualTo(401);
        assertThat(ended.code()).isEqualTo("invalid_credentials");
        assertThat(ended.header("WWW-Authenticate")).startsWith("Bearer");
    }

    @Test
    void everyFaultOfARegistrationIsToldAtOnce() {
        var answer = post("/api/auth/register", json("email", "no address", "password", "short", "name", " "));
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.code()).isEqualTo("invalid_request");
        assertThat(answer.body().path("errors").findValuesAsString("field"))
                .containsExactly("email", "password", "name");
        assertThat(answer.body().path("errors").findValuesAsString("code"))
                .containsExactly("invalid", "too_short", "required");
        for (var email :
                List.of("a@b@c.de", "a b@c.de", "почта@example.com", "@c.de", "a@", "a@-c.de", "a@c.de\\u0000")) {
            assertThat(register(email, PASSWORD).status()).as(email).isEqualTo(400);
        }
        assertThat(register("a".repeat(64) + "@" + "b.".repeat(100) + "de", PASSWORD)
                        .status())
                .isEqualTo(400);
        assertThat(register(email(), "x".repeat(257)).status()).isEqualTo(400);
        assertThat(register(email(), "x".repeat(256)).status()).isEqualTo(201);
        assertThat(post("/api/auth/register", "{\"email\":\"a@b.de\",\"role\":\"admin\"}")
                        .code())
                .isEqualTo("invalid_request");
        assertThat(post("/api/auth/login", "{}").body().path("errors").findValuesAsString("field"))
                .containsExactly("email", "password");
        assertThat(post("/api/auth/refresh", "{}").status()).isEqualTo(400);
    }

    @Test
    void anEmailBelongsToOneAccount() throws Exception {
        var email = email();
        var answers = together(4, () -> register(email, PASSWORD));
        assertThat(answers).extracting(Answer::status).containsExactlyInAnyOrder(201, 409, 409, 409);
        assertThat(register(email.toUpperCase(java.util.Locale.ROOT), PASSWORD).code())
                .isEqualTo("email_taken");
    }

    @Test
    void aPasswordIsTheSameHoweverTheKeyboardComposesIt() {
        var email = email();
        register(email, "мой пароль й");
        assertThat(logIn(email, "мой пароль и\u0306").status()).isEqualTo(200);
    }

    @Test
    void passwordsAreKeptAsArgon2id() {
        var person = person(Role.CUSTOMER);
        assertThat(db.sql("SELECT password_hash FROM app_user WHERE email = :email")
                        .param("email", person.email())
                        .query(String.class)
                        .single())
                .startsWith("$argon2id$v=19$m=19456,t=2,p=1$");
    }

    @Test
    void nobodyLearnsWhichAccountsExist() {
        var inactive = person(Role.CUSTOMER);
        setActive(inactive, false);
        var existing = person(Role.CUSTOMER);
        var answers = List.of(
                logIn(email(), PASSWORD),
                logIn(existing.email(), "not the password"),
                logIn(inactive.email(), PASSWORD),
                logIn("no\\u0000body", PASSWORD));
        assertThat(answers).allSatisfy(answer -> {
            assertThat(answer.status()).isEqualTo(401);
            assertThat(answer.code()).isEqualTo("invalid_credentials");
            assertThat(answer.header("WWW-Authenticate")).isEqualTo("Bearer");
            assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
            assertThat(answer.text("detail")).isEqualTo(answers.getFirst().text("detail"));
        });
    }

    @Test
    void tenFailuresCloseAnAccountForAWhile() throws Exception {
        var person = person(Role.CUSTOMER);
        for (int i = 0; i < 20; i++) {
            assertThat(logIn(person.email(), PASSWORD).status())
                    .as("successes don't count")
                    .isEqualTo(200);
        }
        for (var email : List.of(person.email(), email())) {
            var answers = together(16, () -> logIn(email, "not the password"));
            assertThat(answers).filteredOn(answer -> answer.status() == 401).hasSize(10);
            assertThat(answers)
                    .filteredOn(answer -> answer.status() == 429)
                    .hasSize(6)
                    .allSatisfy(answer -> {
                        assertThat(answer.code()).isEqualTo("too_many_attempts");
                        assertThat(Integer.parseInt(answer.header("Retry-After")))
                                .isBetween(800, 900);
                    });
        }
        assertThat(logIn(person.email().toUpperCase(java.util.Locale.ROOT), PASSWORD)
                        .status())
                .as("the right password does not help now")
                .isEqualTo(429);
    }

    @Test
    void aTokenUsedTwiceEndsItsFamily() {
        var person = person(Role.CUSTOMER);
        var otherDevice = logIn(person.email(), PASSWORD);
        var next = refresh(person.refreshToken());
        assertThat(refresh(person.refreshToken()).status()).isEqualTo(401);
        assertThat(refresh(next.text("refresh_token")).status())
                .as("the newest of the family")
                .isEqualTo(401);
        assertThat(refresh(otherDevice.text("refresh_token")).status())
                .as("another family")
                .isEqualTo(200);
    }

    @Test
    void ofTwoAtOnceOneWinsAndTheOtherEndsTheFamily() throws Exception {
        for (int i = 0; i < 10; i++) {
            var person = person(Role.CUSTOMER);
            var answers = together(2, () -> refresh(person.refreshToken()));
            assertThat(answers).extracting(Answer::status).containsExactlyInAnyOrder(200, 401);
            var winner = answers.stream()
                    .filter(answer -> answer.status() == 200)
                    .findFirst()
                    .orElseThrow();
            assertThat(refresh(winner.text("refresh_token")).status()).isEqualTo(401);
        }
    }

    @Test
    void refreshTokensEndAndArePurged() {
        var person = person(Role.CUSTOMER);
        assertThat(db.sql("""
                        SELECT count(*) FROM refresh_token t JOIN refresh_family f ON f.id = t.family_id
                        WHERE f.user_id = CAST(:id AS uuid)
                          AND t.expires_at BETWEEN now() + interval '29 days 23 hours' AND now() + interval '30 days'
                        """).param("id", person.id()).query(Integer.class).single())
                .isEqualTo(1);
        db.sql("""
                UPDATE refresh_token SET expires_at = now() - interval '1 second'
                WHERE family_id IN (SELECT id FROM refresh_family WHERE user_id = CAST(:id AS uuid))
                """).param("id", person.id()).update();
        assertThat(refresh(person.refreshToken()).status()).isEqualTo(401);
        var living = logIn(person.email(), PASSWORD);
        refreshTokens.purge();
        assertThat(db.sql("SELECT count(*) FROM refresh_family WHERE user_id = CAST(:id AS uuid)")
                        .param("id", person.id())
                        .query(Integer.class)
                        .single())
                .isEqualTo(1);
        assertThat(refresh(living.text("refresh_token")).status()).isEqualTo(200);
    }

    @Test
    void anInactiveUserIsOutAtOnce() {
        var person = person(Role.CUSTOMER);
        var admin = person(Role.ADMIN);
        assertThat(call(
                                "PUT",
                                "/api/users/" + person.id(),
                                admin.accessToken(),
                                "{\"role\":\"customer\",\"active\":false}")
                        .status())
                .isEqualTo(200);
        assertBadToken(get("/api/auth/me", person.accessToken()));
        assertThat(get("/api/products", person.accessToken()).status())
                .as("where nobody need sign in too")
                .isEqualTo(401);
        assertThat(refresh(person.refreshToken()).status()).isEqualTo(401);
        setActive(person, true);
        assertThat(refresh(person.refreshToken()).status())
                .as("the families ended")
                .isEqualTo(401);
        assertThat(get("/api/auth/me", person.accessToken()).status()).isEqualTo(200);
    }

    @Test
    void anAccessTokenIsWhatItsClaimsAndTheKeySetSay() throws Exception {
        var person = person(Role.MANAGER);
        var jwt = SignedJWT.parse(person.accessToken());
        var keySet = get("/.well-known/jwks.json", "");
        assertThat(keySet.header("Cache-Control")).isEqualTo("max-age=300, public");
        assertThat(keySet.body().toString()).doesNotContain("\"d\"", "\"p\"", "\"q\"");
        var key = JWKSet.parse(keySet.body().toString())
                .getKeyByKeyId(jwt.getHeader().getKeyID())
                .toRSAKey();
        assertThat(key.toRSAPublicKey().getModulus().bitLength()).isEqualTo(2048);
        assertThat(jwt.verify(new RSASSAVerifier(key))).isTrue();
        var claims = jwt.getJWTClaimsSet();
        assertThat(claims.getClaims().keySet()).containsExactlyInAnyOrder("iss", "sub", "role", "iat", "exp", "jti");
        assertThat(claims.getSubject()).isEqualTo(person.id());
        assertThat(claims.getStringClaim("role")).isEqualTo("manager");
        assertThat(Duration.between(
                        claims.getIssueTime().toInstant(),
                        claims.getExpirationTime().toInstant()))
                .isEqualTo(Duration.ofMinutes(15));
    }

    @Test
    void aTokenThatIsNotOursOrNoLongerIsRefused() throws Exception {
        var person = person(Role.ADMIN);
        var real = SignedJWT.parse(person.accessToken());
        var kid = real.getHeader().getKeyID();
        var claims = real.getJWTClaimsSet();
        var strangersKey = new RSAKeyGenerator(2048).generate();
        var stranger = new RSASSASigner(strangersKey);
        var ours = keys.ring().signer();
        var publicKey = JWKSet.parse(get("/.well-known/jwks.json", "").body().toString())
                .getKeyByKeyId(kid)
                .toRSAKey()
                .toRSAPublicKey()
                .getEncoded();
        var rs256 = JWSAlgorithm.RS256;
        var past = Date.from(Instant.now().minusSeconds(60));
        var parts = person.accessToken().split("\\.", -1);

        assertThat(get("/api/auth/me", signed(rs256, kid, claims, ours)).status())
                .as("this test can make a good one")
                .isEqualTo(200);
        var bad = new TreeMap<String, String>(Map.of(
                "forged", signed(rs256, kid, claims, stranger),
                "another store's", signed(rs256, "another", claims, stranger),
                "without a key id", signed(rs256, null, claims, ours),
                "HS256 with the public key", signed(JWSAlgorithm.HS256, kid, claims, new MACSigner(publicKey)),
                "RS512", signed(JWSAlgorithm.RS512, kid, claims, ours),
                "alg none", new PlainJWT(claims).serialize(),
                "signature cut off", parts[0] + "." + parts[1] + ".",
                "claims of another",
                        parts[0] + "."
                                + signed(rs256, kid, with(claims).subject("x").build(), ours)
                                        .split("\\.", -1)[1] + "." + parts[2],
                "expired", signed(rs256, kid, with(claims).expirationTime(past).build(), ours),
                "no text of a token", "x"));
        bad.put(
                "without an end",
                signed(rs256, kid, with(claims).expirationTime(null).build(), ours));
        bad.put(
                "another issuer",
                signed(rs256, kid, with(claims).issuer("other").build(), ours));
        bad.put(
                "unknown user",
                signed(
                        rs256,
                        kid,
                        with(claims)
                                .subject("01890000-0000-7000-8000-000000000000")
                                .build(),
                        ours));
        bad.put("no user", signed(rs256, kid, with(claims).subject("1-1-1-1-1").build(), ours));
        bad.put("more than a token", "a b");
        bad.forEach((what, token) -> {
            var answer = get("/api/users", token);
            assertThat(answer.status()).as(what).isEqualTo(401);
            assertBadToken(answer);
        });
    }

    @Test
    void anEndedTokenDoesNotKeepAnybodyFromANewOne() {
        var person = person(Role.CUSTOMER);
        var answer = call("POST", "/api/auth/refresh", "ended", json("refresh_token", person.refreshToken()));
        assertThat(answer.status()).isEqualTo(200);
    }

    @Test
    void aNewKeySignsAtOnceAndTheOldOneStillVerifies() throws Exception {
        var before = person(Role.ADMIN);
        assertThat(call("POST", "/api/auth/keys/rotate", person(Role.MANAGER).accessToken(), "")
                        .status())
                .isEqualTo(403);
        var rotated = call("POST", "/api/auth/keys/rotate", before.accessToken(), "");
        assertThat(rotated.status()).isEqualTo(200);
        assertThat(get("/.well-known/jwks.json", "").body()).isEqualTo(rotated.body());
        var after = person(Role.ADMIN);
        var oldKid = SignedJWT.parse(before.accessToken()).getHeader().getKeyID();
        var newKid = SignedJWT.parse(after.accessToken()).getHeader().getKeyID();
        assertThat(newKid).isNotEqualTo(oldKid);
        assertThat(rotated.body().path("keys").findValuesAsString("kid"))
                .startsWith(newKid)
                .contains(oldKid);
        assertThat(get("/api/auth/me", before.accessToken()).status()).isEqualTo(200);
        assertThat(get("/api/auth/me", after.accessToken()).status()).isEqualTo(200);

        db.sql("UPDATE signing_key SET retired_at = now() - interval '15 minutes 30 seconds' WHERE kid = :kid")
                .param("kid", oldKid)
                .update();
        keys.refresh();
        assertThat(get("/api/auth/me", before.accessToken()).status())
                .as("its last token may still live")
                .isEqualTo(200);
        db.sql("UPDATE signing_key SET retired_at = now() - interval '21 minutes' WHERE kid = :kid")
                .param("kid", oldKid)
                .update();
        keys.refresh();
        assertThat(get("/.well-known/jwks.json", "").body().path("keys").findValuesAsString("kid"))
                .contains(newKid)
                .doesNotContain(oldKid);
        assertBadToken(get("/api/auth/me", before.accessToken()));
    }

    private void setActive(Person person, boolean active) {
        db.sql("UPDATE app_user SET active = :active WHERE id = CAST(:id AS uuid)")
                .param("active", active)
                .param("id", person.id())
                .update();
    }

    private static void assertBadToken(Answer answer) {
        assertThat(answer.status()).isEqualTo(401);
        assertThat(answer.code()).isEqualTo("unauthorized");
        assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
        assertThat(answer.header("WWW-Authenticate")).startsWith("Bearer error=\"invalid_token\"");
    }

    private static JWTClaimsSet.Builder with(JWTClaimsSet claims) {
        return new JWTClaimsSet.Builder(claims);
    }

    private static String signed(JWSAlgorithm algorithm, @Nullable String kid, JWTClaimsSet claims, JWSSigner signer)
            throws Exception {
        var jwt = new SignedJWT(new JWSHeader.Builder(algorithm).keyID(kid).build(), claims);
        jwt.sign(signer);
        return jwt.serialize();
    }
}
