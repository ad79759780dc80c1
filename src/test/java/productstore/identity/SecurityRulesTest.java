package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.support.StaticApplicationContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

class SecurityRulesTest extends IdentityTest {
    // Answers 404 to whoever types its address.
    private static final Set<String> OUTSIDE_THE_TABLE = Set.of("/error");

    @Autowired
    @Qualifier("requestMappingHandlerMapping")
    RequestMappingHandlerMapping mappings;

    @Test
    void everyMappingHasItsRule() {
        assertThat(mappings.getHandlerMethods()).isNotEmpty();
        assertThat(withoutRule(mappings)).isEmpty();
    }

    @Test
    void aMappingWithoutRuleIsNoticed() {
        var forgotten = new RequestMappingHandlerMapping() {
            @Override
            public void afterPropertiesSet() {
                super.afterPropertiesSet();
                detectHandlerMethods(new Forgotten());
            }
        };
        var empty = new StaticApplicationContext();
        forgotten.setApplicationContext(empty);
        forgotten.afterPropertiesSet();
        assertThat(withoutRule(forgotten))
                .containsExactlyInAnyOrder(
                        "GET /api/products/export", "DELETE /api/products", "POST /api/anything", "GET /api/anything");
    }

    /** What somebody may add one day without thinking of who may call it. */
    @RestController
    static class Forgotten {
        // "export" would pass for an {id}, which everybody may read.
        @GetMapping("/api/products/export")
        void export() {}

        @RequestMapping(path = "/api/products", method = RequestMethod.DELETE)
        void deleteAll() {}

        @RequestMapping(
                path = "/api/anything",
                method = {RequestMethod.POST, RequestMethod.GET})
        void anything() {}
    }

    @Test
    void whatDoesNotExistIsNotFoundWhoeverAsks() {
        for (var token : List.of("", person(Role.CUSTOMER).accessToken())) {
            for (var path : List.of(
                    "/api/nothing",
                    "/api/users/1/2",
                    "/nothing",
                    "/error",
                    "/login",
                    "/logout",
                    "/api",
                    "/.well-known/oauth-protected-resource")) {
                var answer = get(path, token);
                assertThat(answer.status()).as(path).isEqualTo(404);
                assertThat(answer.code()).isEqualTo("not_found");
            }
            var answer = call("DELETE", "/api/users", token, "");
            assertThat(answer.status()).isEqualTo(405);
            assertThat(answer.header("Allow")).isEqualTo("GET, HEAD, OPTIONS");
        }
    }

    @Test
    void whoMayNotIsRefusedBeforeTheBodyIsRead() {
        var nobody = call("PUT", "/api/users/1", "", "{broken");
        assertThat(nobody.status()).isEqualTo(401);
        assertThat(nobody.code()).isEqualTo("unauthorized");
        assertThat(nobody.header("WWW-Authenticate")).isEqualTo("Bearer");
        assertThat(nobody.header("Content-Type")).isEqualTo("application/problem+json");
        var manager = call("PUT", "/api/users/1", person(Role.MANAGER).accessToken(), "{broken");
        assertThat(manager.status()).isEqualTo(403);
        assertThat(manager.code()).isEqualTo("forbidden");
        assertThat(manager.text("trace_id")).isEqualTo(manager.header("X-Trace-Id"));
        var admin = call("PUT", "/api/users/1", person(Role.ADMIN).accessToken(), "{broken");
        assertThat(admin.code()).isEqualTo("invalid_json");
    }

    @Test
    void noWayOfWritingAnAddressOpensIt() {
        for (var path : List.of(
                "/api/users/",
                "/api/users//",
                "/api//users",
                "/api/users;x=1",
                "/api/./users",
                "/api/users%2f",
                "/api/%75sers",
                "/api/users/%2e",
                "/api/nothing/../users",
                "/API/users")) {
            assertThat(get(path, "").status()).as(path).isIn(400, 401, 404);
        }
        assertThat(get("/api/users/", "").status()).isEqualTo(401);
        assertThat(call("HEAD", "/api/users", "", "").status()).isEqualTo(401);
    }

    @Test
    void answersSayWhoMayKeepThemAndThatNobodyMayFrameThem() {
        var person = person(Role.CUSTOMER);
        var answer = get("/api/auth/me", person.accessToken());
        assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
        assertThat(answer.header("X-Frame-Options")).isEqualTo("DENY");
        assertThat(answer.header("Cache-Control")).isEqualTo("private, no-cache");
        assertThat(answer.header("Set-Cookie")).isEmpty();
        assertThat(get("/api/users", "").header("Cache-Control")).isEqualTo("no-store");
    }

    private static List<String> withoutRule(RequestMappingHandlerMapping mappings) {
        var covered = SecurityRules.TABLE.stream()
                .map(rule -> rule.method() + " " + nameless(rule.path().getPatternString()))
                .collect(Collectors.toSet());
        var missing = new ArrayList<String>();
        for (var mapping : mappings.getHandlerMethods().keySet()) {
            for (var path : mapping.getPatternValues()) {
                for (var method : methods(mapping)) {
                    var call = method + " " + nameless(path);
                    if (!covered.contains(call) && !OUTSIDE_THE_TABLE.contains(path)) {
                        missing.add(call);
                    }
                }
            }
        }
        return missing;
    }

    private static List<RequestMethod> methods(RequestMappingInfo mapping) {
        var methods = mapping.getMethodsCondition().getMethods();
        // No method means all of them.
        return methods.isEmpty() ? Stream.of(RequestMethod.values()).toList() : List.copyOf(methods);
    }

    private static String nameless(String path) {
        return path.replaceAll("\\{[^}]*}", "{}");
    }
}
