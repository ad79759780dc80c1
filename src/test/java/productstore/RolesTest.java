package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/** Every call of the store by everybody who might try it. The table is the contract's, written down a second time. */
class RolesTest extends StoreTest {
    private static final String NOWHERE = "0193b0c4-0000-7000-8000-000000000000";
    private static final List<String> CALLERS = List.of("anyone", "customer", "manager", "admin");

    /** Call, and the least that may make it. */
    static final String TABLE = """
            GET    /api/products              anyone
            GET    /api/products/{}           anyone
            POST   /api/products              manager
            PUT    /api/products/{}           manager
            PATCH  /api/products/{}           manager
            DELETE /api/products/{}           manager
            POST   /api/products/{}/stock     manager
            GET    /api/categories            anyone
            GET    /api/categories/{}         anyone
            POST   /api/categories            manager
            PUT    /api/categories/{}         manager
            DELETE /api/categories/{}         manager
            GET    /api/orders                customer
            POST   /api/orders                customer
            GET    /api/orders/{}             customer
            PUT    /api/orders/{}             manager
            DELETE /api/orders/{}             customer
            GET    /api/inventory/audit       manager
            POST   /api/auth/register         anyone
            POST   /api/auth/login            anyone
            POST   /api/auth/refresh          anyone
            POST   /api/auth/logout           anyone
            GET    /api/auth/me               customer
            POST   /api/auth/keys/rotate      admin
            GET    /api/log-levels            admin
            PUT    /api/log-levels/{}         admin
            GET    /api/users                 admin
            GET    /api/users/{}              admin
            PUT    /api/users/{}              admin
            GET    /.well-known/jwks.json     anyone
            GET    /api/openapi               anyone
            GET    /api/openapi.json          anyone
            GET    /api/openapi.yaml          anyone
            GET    /api/docs                  anyone
            """;

    @Autowired
    @Qualifier("requestMappingHandlerMapping")
    private RequestMappingHandlerMapping mappings;

    private record Call(String method, String path, int least) {}

    private static List<Call> table() {
        return TABLE.lines()
                .map(line -> line.split(" +"))
                .map(words -> new Call(words[0], words[1], CALLERS.indexOf(words[2])))
                .toList();
    }

    @Test
    void everyCallOfTheStoreIsInTheTableAndTheOtherWayRound() {
        var mapped = new TreeSet<String>();
        mappings.getHandlerMethods()
                .keySet()
                .forEach(mapping -> mapping.getPatternValues().stream()
                        .filter(path -> !path.contains("error"))
                        .forEach(path -> mapping.getMethodsCondition()
                                .getMethods()
                                .forEach(method -> mapped.add(method + " " + path.replaceAll("\\{[^}]*}", "{}")))));
        assertThat(mapped)
                .isEqualTo(table().stream()
                        .map(call -> call.method() + " " + call.path())
                        .collect(Collectors.toCollection(TreeSet::new)));
    }

    @Test
    void whoIsNotAllowedIsRefusedAndNobodyElse() {
        var clients = List.of(anyone(), customer(), manager(), admin());
        var wrong = new ArrayList<String>();
        for (var call : table()) {
            for (int caller = 0; caller < CALLERS.size(); caller++) {
                var answer = send(clients.get(caller), call);
                var allowed = caller >= call.least();
                var expected = allowed ? answer.status() : caller == 0 ? 401 : 403;
                // Empty bodies and ids of nothing: who is let in hears of that, or sees a list.
                var plausible = answer.status() == expected
                        && (!allowed
                                || List.of(200, 400, 404).contains(answer.status())
                                || call.path().startsWith("/api/auth/"));
                if (!plausible) {
                    wrong.add(CALLERS.get(caller) + " " + call.method() + " " + call.path() + " -> " + answer.status());
                }
                if (answer.status() == 401) {
                    assertThat(answer.problem(401, answer.code())
                                    .header("WWW-Authenticate")
                                    .orElseThrow())
                            .startsWith("Bearer");
                }
                if (answer.status() == 403) {
                    answer.problem(403, "forbidden");
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void aTokenThatIsNotValidIsRefusedWhereverATokenCounts() {
        var dismissed = newCustomer();
        var id = dismissed.get("/api/auth/me").string("id");
        admin().put("/api/users/" + id, Map.of("role", "customer", "active", false))
                .ok();
        var clients = new LinkedHashMap<String, Client>();
        clients.put("inactive", dismissed);
        clients.put("forged", anyone().as("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."));
        clients.put("nonsense", anyone().as("nonsense"));
        clients.put("another scheme", anyone().with("Authorization", "Basic cm9vdDpyb290"));
        clients.forEach((who, client) -> table().stream()
                .filter(call -> call.least() > 0)
                .forEach(call -> assertThat(send(client, call).status())
                        .as(who + " " + call)
                        .isEqualTo(401)));
    }

    @Test
    void somebodyElsesOrderDoesNotExist() {
        var order = customer()
                .post("/api/orders", Map.of("items", List.of(Map.of("product_id", newProduct(1), "quantity", 1))))
                .created()
                .header("Location")
                .orElseThrow();
        var stranger = newCustomer();
        stranger.get(order).problem(404, "not_found");
        stranger.delete(order).problem(404, "not_found");
        stranger.with("If-Match", "*").delete(order).problem(404, "not_found");
        stranger.put(order, Map.of("status", "cancelled")).problem(403, "forbidden");
        assertThat(stranger.get("/api/orders").body().get("total").asInt()).isZero();
        var owner = customer().get("/api/auth/me").string("id");
        assertThat(stranger.get("/api/orders?customer_id=" + owner).body().get("items"))
                .isEmpty();
        assertThat(customer().get(order).ok().string("status")).isEqualTo("pending");
        manager().get(order).ok();
        manager().delete(order).ok();
    }

    private static Client.Answer send(Client client, Call call) {
        var id = call.path().startsWith("/api/users") ? UUID.randomUUID().toString() : NOWHERE;
        var body = List.of("POST", "PUT", "PATCH").contains(call.method()) ? "{}" : null;
        return client.send(call.method(), call.path().replace("{}", id), body);
    }
}
