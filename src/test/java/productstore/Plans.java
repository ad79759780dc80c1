package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.flywaydb.core.Flyway;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import productstore.embedded.TestDatabase;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A database large enough that PostgreSQL plans as it would in a large shop, and what a plan of a list must not have: a
 * scan or a sort of everything.
 */
public final class Plans implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int PRODUCTS = 40_000;
    private static final int ORDERS = 60_000;

    /** Rows that a page may at most sort: the deepest offset in each of a few sub-categories, or the ranked matches. */
    private static final long SORTED = 12_000;

    private static final Set<String> LARGE =
            Set.of("product", "stock", "orders", "order_line", "order_event", "stock_entry", "app_user");

    private final SingleConnectionDataSource connection;
    private final JdbcClient db;

    public Plans() {
        var address = TestDatabase.create();
        connection = new SingleConnectionDataSource(address.url(), address.user(), address.password(), true);
        Flyway.configure().dataSource(connection).load().migrate();
        db = JdbcClient.create(connection);
        // As the embedded PostgreSQL has it, and as the README tells those with disks that seek at no cost.
        db.sql("SET random_page_cost = 1.1").update();
        fill();
    }

    @Override
    public void close() {
        connection.destroy();
    }

    public JdbcClient db() {
        return db;
    }

    /** Asserts that no large table is read from end to end, and none sorted, on the way to a page of a list. */
    public void assertFast(String sql, Map<String, ?> parameters) {
        var plan = explain(sql, parameters);
        for (var node : nodes(plan)) {
            var type = node.get("Node Type").asString();
            if (type.contains("Seq Scan")) {
                assertThat(LARGE)
                        .as("%s%n%s", sql, plan.toPrettyString())
                        .doesNotContain(node.path("Relation Name").asString(""));
            }
            if (type.contains("Sort")) {
                var sorted = rows(node.get("Plans").get(0));
                assertThat(sorted)
                        .as("rows sorted%n%s%n%s", sql, plan.toPrettyString())
                        .isLessThanOrEqualTo(SORTED);
            }
        }
    }

    /** Asserts that a count reads an index and not the table. */
    public void assertCountedInAnIndex(String sql, Map<String, ?> parameters) {
        var plan = explain(sql, parameters);
        assertThat(nodes(plan).stream()
                        .filter(node ->
                                LARGE.contains(node.path("Relation Name").asString("")))
                        .map(node -> node.get("Node Type").asString()))
                .as("%s%n%s", sql, plan.toPrettyString())
                .isNotEmpty()
                .allMatch(type -> type.contains("Index") || type.contains("Bitmap"));
    }

    private JsonNode explain(String sql, Map<String, ?> parameters) {
        var text = db.sql("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + sql)
                .params(parameters)
                .query(String.class)
                .single();
        return JSON.readTree(text).get(0).get("Plan");
    }

    private static long rows(JsonNode node) {
        return Math.round(
                node.get("Actual Rows").asDouble() * node.get("Actual Loops").asLong());
    }

    private static List<JsonNode> nodes(JsonNode plan) {
        var nodes = new ArrayList<JsonNode>();
        nodes.add(plan);
        plan.path("Plans").forEach(child -> nodes.addAll(nodes(child)));
        return nodes;
    }

    private void fill() {
        db.sql("""
                        INSERT INTO category (id, name, slug, created_at)
                        SELECT gen_random_uuid(), 'Раздел ' || n, 'top-' || n, now() FROM generate_series(0, 4) AS n
                        """).update();
        db.sql("""
                        INSERT INTO category (id, name, slug, parent_id, created_at)
                        SELECT gen_random_uuid(), 'Полка ' || n, 'shelf-' || n, p.id, now()
                        FROM generate_series(0, 39) AS n JOIN category p ON p.slug = 'top-' || n % 5
                        """).update();
        // One word in twenty products, one in two thousand; categories from a quarter of all down to a few hundred.
        db.sql("""
                        INSERT INTO product (id, sku, name, category_id, price, currency, in_stock, created_at, updated_at)
                        SELECT gen_random_uuid(), 'P-' || n, CASE n % 20 WHEN 0 THEN 'Молоко' ELSE 'Товар' END || ' сорт' || n % 2000, c.id,
                            (10 + n * 7919 % 50000 / 10.0)::numeric(18, 2), 'RUB', n % 25 > 0,
                            timestamptz '2026-01-01' + n * interval '1 minute', now()
                        FROM generate_series(1, :products) AS n
                        JOIN category c ON c.slug = 'shelf-' || floor(40 * power(n * 7907::bigint % 10007 / 10007.0, 2))
                        """).param("products", PRODUCTS).update();
        db.sql("ALTER TABLE stock DISABLE TRIGGER stock_inserted").update();
        db.sql("INSERT INTO stock SELECT id, CASE WHEN in_stock THEN 10 ELSE 0 END, now() FROM product")
                .update();
        db.sql("ALTER TABLE stock ENABLE TRIGGER stock_inserted").update();
        db.sql("""
                        INSERT INTO app_user (id, email, name, role, password_hash, created_at)
                        SELECT gen_random_uuid(), n || '@example.com', 'n', 'customer', '', now() FROM generate_series(1, 3000) AS n
                        """).update();
        db.sql("""
                        WITH buyer AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM app_user)
                        INSERT INTO orders (id, customer_id, status, total, currency, created_at, updated_at)
                        SELECT gen_random_uuid(), buyer.id,
                            (ARRAY['pending', 'confirmed', 'shipped', 'delivered', 'delivered', 'cancelled'])[1 + g % 6],
                            g * 7919 % 100000 / 10.0, 'RUB', timestamptz '2026-01-01' + g * interval '1 minute', now()
                        FROM generate_series(1, :orders) AS g JOIN buyer ON buyer.n = 1 + g * 7 % 3000
                        """).param("orders", ORDERS).update();
        db.sql("VACUUM ANALYZE").update();
    }
}
