package productstore.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import productstore.platform.Problem;

class UsersTest extends IdentityTest {
    @Autowired
    Users users;

    @Test
    void anAdministratorListsUsersNewestFirst() {
        var admin = person(Role.ADMIN);
        var older = person(Role.CUSTOMER);
        var newer = person(Role.CUSTOMER);
        var page = get("/api/users/?limit=2", admin.accessToken());
        assertThat(page.status()).isEqualTo(200);
        assertThat(page.body().path("items").findValuesAsString("id")).containsExactly(newer.id(), older.id());
        assertThat(page.body().path("total").asInt()).isGreaterThanOrEqualTo(3);
        assertThat(page.body().path("items").get(0).propertyNames())
                .containsExactly("id", "email", "name", "role", "active", "created_at");
        var next = get("/api/users?limit=1&cursor=" + page.text("next_cursor"), admin.accessToken());
        assertThat(next.body().path("items").findValuesAsString("id")).containsExactly(admin.id());
    }

    @Test
    void aNewRoleHoldsFromTheNextCallOn() {
        var admin = person(Role.ADMIN);
        var person = person(Role.CUSTOMER);
        var path = "/api/users/" + person.id();
        assertThat(get(path, person.accessToken()).code()).isEqualTo("forbidden");
        var known = get(path, admin.accessToken());
        assertThat(known.header("ETag")).startsWith("\"");

        var promoted = call(
                "PUT",
                path + "/",
                admin.accessToken(),
                "{\"role\":\"admin\",\"active\":true}",
                "If-Match",
                known.header("ETag"));
        assertThat(promoted.status()).isEqualTo(200);
        assertThat(promoted.text("role")).isEqualTo("admin");
        assertThat(get(path, person.accessToken()).status()).isEqualTo(200);

        var stale = call(
                "PUT",
                path,
                admin.accessToken(),
                "{\"role\":\"customer\",\"active\":true}",
                "If-Match",
                known.header("ETag"));
        assertThat(stale.status()).isEqualTo(412);
        assertThat(call("PUT", path, admin.accessToken(), "{\"role\":\"manager\",\"active\":true}")
                        .status())
                .isEqualTo(200);
        assertThat(get(path, person.accessToken()).status()).isEqualTo(403);
    }

    @Test
    void aChangeMustBeWholeAndOfAUserWhoExists() {
        var admin = person(Role.ADMIN).accessToken();
        var person = "/api/users/" + person(Role.CUSTOMER).id();
        assertThat(call("PUT", person, admin, "{}").body().path("errors").findValuesAsString("field"))
                .containsExactly("role", "active");
        assertThat(call("PUT", person, admin, "{\"role\":\"owner\",\"active\":true}")
                        .status())
                .isEqualTo(400);
        assertThat(call("PUT", person, admin, "{\"role\":\"admin\",\"active\":\"yes\"}")
                        .status())
                .isEqualTo(400);
        var good = "{\"role\":\"customer\",\"active\":true}";
        assertThat(call("PUT", "/api/users/01890000-0000-7000-8000-000000000000", admin, good)
                        .code())
                .isEqualTo("not_found");
        assertThat(get("/api/users/1", admin).code()).isEqualTo("not_found");
    }

    @Test
    void theLastAdministratorStays() throws Exception {
        var customer = "{\"role\":\"customer\",\"active\":true}";
        for (int i = 0; i < 10; i++) {
            var one = person(Role.ADMIN);
            var two = person(Role.ADMIN);
            // Of all other tests' administrators; an inactive one does not count.
            db.sql("""
                    UPDATE app_user SET active = false
                    WHERE role = 'admin' AND id NOT IN (CAST(:one AS uuid), CAST(:two AS uuid))
                    """).param("one", one.id()).param("two", two.id()).update();
            var answers = together(List.<Callable<Answer>>of(
                    () -> call("PUT", "/api/users/" + two.id(), one.accessToken(), customer),
                    () -> call("PUT", "/api/users/" + one.id(), two.accessToken(), customer)));
            // The second may already have lost the right to do it.
            assertThat(answers).filteredOn(answer -> answer.status() == 200).hasSize(1);
            assertThat(answers)
                    .filteredOn(answer -> answer.status() != 200)
                    .allSatisfy(answer -> assertThat(answer.code()).isIn("last_admin", "forbidden"));
            var left = answers.getFirst().status() == 200 ? one : two;
            for (var change : List.of(customer, "{\"role\":\"admin\",\"active\":false}")) {
                var refused = call("PUT", "/api/users/" + left.id(), left.accessToken(), change);
                assertThat(refused.status()).isEqualTo(409);
                assertThat(refused.code()).isEqualTo("last_admin");
            }
            assertThat(call(
                                    "PUT",
                                    "/api/users/" + left.id(),
                                    left.accessToken(),
                                    "{\"role\":\"admin\",\"active\":true}")
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void theFirstAdministratorIsMadeOnceAndNeverChanged() throws Exception {
        var email = email();
        var made = together(4, () -> users.ensureAdministrator(email, PASSWORD));
        assertThat(made).containsExactlyInAnyOrder(true, false, false, false);
        assertThat(users.ensureAdministrator(email, "another password")).isFalse();
        var tokens = logIn(email, PASSWORD);
        assertThat(get("/api/users", tokens.text("access_token")).status()).isEqualTo(200);
        var person = person(Role.CUSTOMER);
        assertThat(users.ensureAdministrator(person.email(), PASSWORD)).isFalse();
        assertThat(get("/api/users", person.accessToken()).status()).isEqualTo(403);
        assertThatThrownBy(() -> users.ensureAdministrator("nobody", "short")).isInstanceOf(Problem.class);
    }
}
