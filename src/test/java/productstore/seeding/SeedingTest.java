package productstore.seeding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.test.context.TestPropertySource;
import productstore.StoreTest;

/** Seeds a running store that is this class's own. */
@TestPropertySource(properties = "store.test=seeding")
class SeedingTest extends StoreTest {
    private static final String SEEDED = " WHERE sku LIKE 'SEED-%'";

    @Autowired
    private DataSource database;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSeededStoreIsOneThatCouldHaveBecomeSo(boolean bulk) {
        newProduct(3);
        var shape = shape();
        var productsBefore = number("SELECT count(*) FROM product" + SEEDED);
        var ordersBefore = number("SELECT count(*) FROM orders");
        assertThat(seed(bulk, 800, 1500)).contains("Added 800 products, 75 customers and 1500 orders in ");
        assertThat(number("SELECT count(*) FROM product" + SEEDED) - productsBefore)
                .isEqualTo(800);
        assertThat(number("SELECT count(*) FROM orders") - ordersBefore).isEqualTo(1500);

        assertThat(shape()).as("indexes, constraints and triggers").isEqualTo(shape);
        assertNothingDrifted();
        assertThat(number("""
                        SELECT count(*) FROM product p JOIN stock s ON s.product_id = p.id WHERE p.in_stock <> (s.quantity > 0)
                        """)).isZero();
        assertThat(number("""
                        SELECT count(*)
                        FROM orders o
                        WHERE total <> (SELECT sum(quantity * unit_price) FROM order_line l WHERE l.order_id = o.id)
                           OR status <> (SELECT status FROM order_event e WHERE e.order_id = o.id ORDER BY position DESC LIMIT 1)
                           OR updated_at <> (SELECT max(at) FROM order_event e WHERE e.order_id = o.id)
                           OR created_at <> (SELECT at FROM order_event e WHERE e.order_id = o.id AND position = 1)
                           OR created_at < (SELECT created_at FROM app_user u WHERE u.id = o.customer_id)
                        """)).as("orders that contradict themselves").isZero();
        assertThat(
                        number(
                                "SELECT count(*) FROM (SELECT created_at < lag(created_at) OVER (ORDER BY number) AS odd FROM orders) AS o WHERE odd"))
                .as("numbers grow with time, but where another seeding began")
                .isLessThanOrEqualTo(2);
        for (var table : List.of(
                "product" + SEEDED,
                "orders WHERE customer_id IN (SELECT id FROM app_user WHERE email LIKE 'seed-0%')",
                "app_user WHERE email LIKE 'seed-0%'")) {
            assertThat(number("SELECT count(*) FROM " + table + """
                             AND (substr(id::text, 15, 1) <> '7' OR substr(id::text, 20, 1) NOT IN ('8', '9', 'a', 'b')
                                OR ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint
                                    <> floor(extract(epoch FROM created_at) * 1000))
                            """))
                    .as("ids of another time")
                    .isZero();
        }

        // The store goes on from there.
        var product = newProduct(5);
        var order = newCustomer()
                .post("/api/orders/", Map.of("items", List.of(Map.of("product_id", product, "quantity", 2))))
                .created();
        assertThat(Long.parseLong(order.string("number"))).isEqualTo(number("SELECT max(number) FROM orders"));
        assertThat(search("сыр")).isPositive();
        assertThat(search("отборнный")).as("with a typing error").isPositive();
        assertNothingDrifted();
    }

    @Test
    void itIsSkewedAsALargeShopIs() {
        seed(false, 1000, 2000);
        var perCategory = db.sql("SELECT count(*) FROM product" + SEEDED + " GROUP BY category_id ORDER BY 1 DESC")
                .query(Long.class)
                .list();
        assertThat(perCategory).hasSizeGreaterThan(40);
        assertThat(perCategory.getFirst()).isGreaterThan(8 * perCategory.get(perCategory.size() / 2));
        assertThat(number("SELECT count(*) * 1000 / (SELECT count(*) FROM product" + SEEDED + ") FROM product" + SEEDED
                        + " AND NOT in_stock"))
                .as("per mille out of stock")
                .isBetween(10L, 60L);
        assertThat(number("""
                        WITH sold AS (SELECT count(*) AS lines FROM order_line GROUP BY product_id ORDER BY 1 DESC)
                        SELECT 100 * (SELECT sum(lines) FROM (SELECT * FROM sold LIMIT 50) AS top) / sum(lines) FROM sold
                        """)).as("percent of lines for fifty products").isGreaterThan(30);
        assertThat(number("SELECT count(DISTINCT name) * 100 / count(*) FROM product" + SEEDED))
                .isGreaterThan(90);
        assertThat(db.sql("SELECT DISTINCT status FROM orders")
                        .query(String.class)
                        .list())
                .contains("delivered", "cancelled", "returned");
        assertThat(
                        number(
                                "SELECT count(*) FROM orders WHERE status IN ('pending', 'confirmed') AND created_at < now() - interval '60 days'"))
                .isZero();
        assertThat(number("SELECT extract(days FROM max(created_at) - min(created_at))::bigint FROM orders"))
                .isGreaterThan(600);
        assertThat(number(
                        "SELECT max(nlevel) FROM (SELECT count(*) AS nlevel FROM category c JOIN category p ON p.id = c.parent_id"
                                + " JOIN category g ON g.id = p.parent_id) AS levels"))
                .as("categories on the third level")
                .isPositive();
    }

    @Test
    void ordersAloneAreForProductsThatAreThere() {
        newProduct(Map.of("stock", 0));
        var before = number("SELECT count(*) FROM order_line");
        assertThat(seed(false, 0, 300)).contains("Added 0 products, 15 customers and 300 orders");
        assertThat(number("SELECT count(*) FROM order_line")).isGreaterThan(before);
        assertNothingDrifted();
        assertThat(number("""
                        SELECT count(*) FROM product p JOIN stock s ON s.product_id = p.id WHERE p.in_stock <> (s.quantity > 0)
                        """)).isZero();
    }

    @Test
    void oneThatIsInterruptedLeavesNothing() throws InterruptedException {
        var shape = shape();
        var before = counts();
        var cut = Thread.ofVirtual().start(() -> {
            while (number("""
                            SELECT count(pg_terminate_backend(a.pid))
                            FROM pg_stat_activity a
                            WHERE a.datname = current_database() AND a.query LIKE '/* copy.order_line */ %'
                            """) == 0) {
                Thread.onSpinWait();
            }
        });
        assertThatThrownBy(() -> new Seeding(database, 1).fill(new Seeding.Wanted(500, 200_000, 1), silent(), silent()))
                .isInstanceOf(RuntimeException.class);
        cut.join();
        assertThat(counts()).isEqualTo(before);
        assertThat(shape()).isEqualTo(shape);
    }

    @Test
    void argumentsThatMakeNoSenseAreExplained() {
        for (var arguments : List.of(
                List.<String>of(),
                List.of("--products"),
                List.of("--products", "-1"),
                List.of("--products", "0", "--orders", "0"),
                List.of("--orders", "99999999"),
                List.of("--cats", "1"))) {
            var err = new ByteArrayOutputStream();
            assertThat(Seeding.run(database, arguments, silent(), new PrintStream(err, true, StandardCharsets.UTF_8)))
                    .isEqualTo(1);
            assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(Seeding.HELP);
        }
    }

    private String seed(boolean bulk, int products, int orders) {
        var bytes = new ByteArrayOutputStream();
        var out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        var code = new Seeding(database, bulk ? 1 : Integer.MAX_VALUE)
                .fill(new Seeding.Wanted(products, orders, 42), out, out);
        assertThat(code).as(() -> bytes.toString(StandardCharsets.UTF_8)).isZero();
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private int search(String words) {
        return anyone().get("/api/products/?q=" + URLEncoder.encode(words, StandardCharsets.UTF_8))
                .ok()
                .body()
                .get("total")
                .asInt();
    }

    /** Every index, constraint and trigger as PostgreSQL describes it. */
    private List<@Nullable String> shape() {
        return JdbcClient.create(database).sql("""
                        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                        UNION ALL
                        SELECT conrelid::regclass || conname || convalidated || pg_get_constraintdef(oid) FROM pg_constraint
                        WHERE connamespace = 'public'::regnamespace
                        UNION ALL
                        SELECT tgrelid::regclass || tgenabled::text || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
                        ORDER BY 1
                        """).query(String.class).list();
    }

    private List<Long> counts() {
        return List.of("product", "stock", "stock_entry", "orders", "order_line", "order_event", "app_user", "category")
                .stream()
                .map(table -> number("SELECT count(*) FROM " + table))
                .toList();
    }

    private static PrintStream silent() {
        return new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
    }

    private long number(String sql) {
        return db.sql(sql).query(Long.class).single();
    }
}
