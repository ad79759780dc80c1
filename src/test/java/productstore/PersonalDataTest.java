package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Removes somebody as {@code docs/security.md} says, and looks into every table for what is left. */
class PersonalDataTest extends StoreTest {
    private static final List<String> PERSONAL = List.of(
            "zoya.canary@example.com", "Zoya Canary", "Canary street 7", "leave it at the canary", "canary called");

    @Test
    void nothingOfSomebodyWhoWasRemovedIsLeft() throws IOException {
        var product = newProduct(5);
        var id = anyone().post(
                        "/api/auth/register",
                        Map.of("email", PERSONAL.get(0), "password", PASSWORD, "name", PERSONAL.get(1)))
                .created()
                .string("id");
        var zoya = signIn(PERSONAL.get(0));
        var order = zoya.with("Idempotency-Key", "canary")
                .post(
                        "/api/orders/",
                        Map.of(
                                "items", List.of(Map.of("product_id", product, "quantity", 2)),
                                "shipping_address", PERSONAL.get(2),
                                "comment", PERSONAL.get(3)))
                .created()
                .string("id");
        assertThat(manager()
                        .put("/api/orders/" + order, Map.of("status", "confirmed", "comment", PERSONAL.get(4)))
                        .status())
                .isEqualTo(200);
        for (var personal : PERSONAL) {
            assertThat(tablesWith(personal)).as(personal).isNotEmpty();
        }

        db.sql("/* test.remove */ " + script().replace(":'user'", "'" + id + "'"))
                .update();

        for (var personal : PERSONAL) {
            assertThat(tablesWith(personal)).as(personal).isEmpty();
        }
        assertThat(zoya.get("/api/auth/me").status()).isEqualTo(401);
        assertThat(manager()
                        .get("/api/orders/" + order)
                        .body()
                        .at("/total/amount")
                        .asString())
                .isEqualTo("399.80");
        assertNothingDrifted();
    }

    private static String script() throws IOException {
        return Paper.read("docs/security.md").blocks().stream()
                .filter(block -> block.language().equals("sql"))
                .map(Paper.Block::text)
                .findFirst()
                .orElseThrow();
    }

    private List<String> tablesWith(String text) {
        return db
                .sql("/* test.tables */ SELECT relname FROM pg_class"
                        + " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
                .query((row, _) -> row.getString(1))
                .list()
                .stream()
                // Bytes, a kept answer for example, are shown as hexadecimal digits.
                .filter(table -> db.sql("/* test.look */ SELECT count(*) FROM " + table + " AS t"
                                        + " WHERE strpos(t::text, :text) > 0 OR strpos(t::text, :hex) > 0")
                                .param("text", text)
                                .param("hex", HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)))
                                .query((row, _) -> row.getLong(1))
                                .single()
                        > 0)
                .toList();
    }
}
