package productstore.seeding;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.platform.CopyRows;
import productstore.platform.Ids;
import productstore.platform.Progress;
import productstore.seeding.OrderBook.Order;
import productstore.seeding.Wares.Shelf;
import productstore.seeding.Wares.Ware;

/** Writes the tables as the other capabilities would have, row by row with COPY. */
final class Rows {
    private static final Pattern BETWEEN_WORDS = Pattern.compile("[^\\p{L}\\p{N}-]+");
    private static final int SHORTEST_WORD = 5;

    private final Connection connection;
    private final JdbcClient db;
    private final Progress progress;

    Rows(Connection connection, JdbcClient db, Progress progress) {
        this.connection = connection;
        this.db = db;
        this.progress = progress;
    }

    /** The categories' ids; those that are there already, wherever they are, are used as they are. */
    Map<Shelf, UUID> categories(List<Shelf> shelves, String createdAt) {
        db.sql("LOCK TABLE category IN SHARE ROW EXCLUSIVE MODE").update();
        var ids = new HashMap<Shelf, UUID>();
        var byPath = new HashMap<List<String>, UUID>();
        for (var shelf : shelves) {
            var parent = byPath.get(shelf.path().subList(0, shelf.path().size() - 1));
            var id = db.sql("SELECT id FROM category WHERE lower(name) = lower(:name)")
                    .param("name", shelf.name())
                    .query(UUID.class)
                    .optional()
                    .orElseGet(() -> category(shelf, parent, createdAt));
            ids.put(shelf, id);
            byPath.put(shelf.path(), id);
        }
        return ids;
    }

    private UUID category(Shelf shelf, @Nullable UUID parent, String createdAt) {
        var id = Ids.next();
        db.sql("""
                        INSERT INTO category (id, name, slug, parent_id, created_at)
                        VALUES (:id, :name,
                            CASE WHEN EXISTS (SELECT FROM category WHERE slug = :slug) THEN CAST(:id AS text) ELSE :slug END,
                            CAST(:parent AS uuid), CAST(:created_at AS timestamptz))
                        """)
                .param("id", id)
                .param("name", shelf.name())
                .param("slug", shelf.slug())
                .param("parent", parent == null ? null : parent.toString())
                .param("created_at", createdAt)
                .update();
        return id;
    }

    /** Somebody to confirm and ship: whoever may, or an account that nobody can use. */
    UUID staff(String createdAt) {
        return db.sql("SELECT id FROM app_user WHERE role <> 'customer' ORDER BY created_at, id LIMIT 1")
                .query(UUID.class)
                .optional()
                .orElseGet(() -> {
                    var id = Ids.next();
                    db.sql("""
                                    INSERT INTO app_user (id, email, name, role, active, password_hash, created_at)
                                    VALUES (:id, 'seed-staff@example.com', 'Склад', 'manager', false, :hash,
                                        CAST(:created_at AS timestamptz))
                                    """)
                            .param("id", id)
                            .param("hash", Customers.NO_PASSWORD)
                            .param("created_at", createdAt)
                            .update();
                    return id;
                });
    }

    /** Products that are for sale in roubles already, at most so many. */
    List<Ware> formerProducts(int most) {
        return db.sql("""
                        SELECT id, sku, name, price
                        FROM product
                        WHERE archived_at IS NULL AND currency = 'RUB'
                        ORDER BY created_at, id
                        LIMIT :most
                        """)
                .param("most", most)
                .query((row, n) -> new Ware(
                        row.getObject("id", UUID.class),
                        row.getString("sku"),
                        row.getString("name"),
                        hundredths(row.getBigDecimal("price")),
                        0))
                .list();
    }

    void products(Wares wares, int count, Map<Shelf, UUID> categories, Taken taken) throws SQLException {
        var words = new HashSet<String>();
        try (var rows = copy(
                "product (id, sku, name, description, category_id, price, currency, in_stock, created_at, updated_at)")) {
            for (int n = 0; n < count; n++) {
                var ware = wares.ware(n);
                var description = wares.description(n);
                var created = Span.text(ware.createdMicros());
                addWords(words, ware.name());
                addWords(words, description);
                rows.add(ware.id()).add(ware.sku()).add(ware.name()).add(description);
                rows.add(categories.get(wares.shelf(n)))
                        .add(price(ware.price()))
                        .add("RUB");
                rows.add(inStock(wares, taken, n) > 0).add(created).add(created).end();
                progress.add(1);
            }
            rows.finish();
        }
        progress.step("adding stock");
        try (var rows = copy("stock (product_id, quantity, updated_at)")) {
            for (int n = 0; n < count; n++) {
                var last = Math.max(wares.createdMicros(n), taken.lastMicros(n));
                rows.add(wares.id(n))
                        .add(inStock(wares, taken, n))
                        .add(Span.text(last))
                        .end();
            }
            rows.finish();
        }
        try (var rows = copy("stock_entry (product_id, delta, reason, at)")) {
            for (int n = 0; n < count; n++) {
                int delivered = taken.of(n) + wares.leftOver(n);
                if (delivered > 0) {
                    rows.add(wares.id(n)).add(delivered).add("initial");
                    rows.add(Span.text(wares.createdMicros(n))).end();
                }
            }
            rows.finish();
        }
        db.sql("CALL learn_search_words(:words)")
                .param("words", words.toArray(String[]::new))
                .update();
    }

    /** Everything delivered, less what orders keep. What comes back lies on top of what is left over. */
    private static int inStock(Wares wares, Taken taken, int n) {
        return wares.leftOver(n) + taken.givenBack(n);
    }

    /** Has what orders will take delivered to products that were there before, so that their stock only grows. */
    void deliver(List<Ware> wares, Taken taken, String at) throws SQLException {
        db.sql("""
                        CREATE TEMPORARY TABLE seed_taken (product_id uuid PRIMARY KEY, taken bigint, given_back bigint)
                        ON COMMIT DROP
                        """).update();
        try (var rows = copy("seed_taken")) {
            for (int n = 0; n < wares.size(); n++) {
                if (taken.of(n) > 0) {
                    rows.add(wares.get(n).id())
                            .add(taken.of(n))
                            .add(taken.givenBack(n))
                            .end();
                }
            }
            rows.finish();
        }
        db.sql("""
                        SELECT count(*) FROM (
                            SELECT FROM stock WHERE product_id IN (SELECT product_id FROM seed_taken)
                            ORDER BY product_id FOR UPDATE) AS locked
                        """).query(Long.class).single();
        db.sql("""
                        INSERT INTO stock_entry (product_id, delta, reason, at)
                        SELECT product_id, taken, 'delivery', CAST(:at AS timestamptz) FROM seed_taken ORDER BY product_id
                        """).param("at", at).update();
        // The trigger that keeps in_stock may be off.
        db.sql("""
                        UPDATE product SET in_stock = true
                        WHERE NOT in_stock AND id IN (SELECT product_id FROM seed_taken WHERE given_back > 0)
                        """).update();
        db.sql("""
                        UPDATE stock SET quantity = quantity + t.given_back, updated_at = now()
                        FROM seed_taken t
                        WHERE stock.product_id = t.product_id AND t.given_back > 0
                        """).update();
    }

    void customers(Customers customers, int count) throws SQLException {
        try (var rows = copy("app_user (id, email, name, role, active, password_hash, created_at)")) {
            for (int n = 0; n < count; n++) {
                var customer = customers.customer(n);
                rows.add(customer.id())
                        .add(customer.email())
                        .add(customer.name())
                        .add("customer")
                        .add(true);
                rows.add(Customers.NO_PASSWORD)
                        .add(Span.text(customer.createdMicros()))
                        .end();
            }
            rows.finish();
        }
    }

    /** Writes orders with all that belongs to them; each gets the next number. */
    void orders(List<Order> orders, Assortment assortment, Customers customers, UUID staff) throws SQLException {
        var lines = new ArrayList<List<Ware>>(orders.size());
        try (var rows = copy(
                "orders (id, customer_id, status, total, currency, comment, shipping_address, created_at, updated_at)")) {
            for (var order : orders) {
                var wares = order.lines().stream()
                        .map(line -> assortment.ware().apply(line.ware()))
                        .toList();
                lines.add(wares);
                long total = 0;
                for (int n = 0; n < wares.size(); n++) {
                    total += wares.get(n).price() * order.lines().get(n).quantity();
                }
                rows.add(order.id())
                        .add(customers.id(order.customer()))
                        .add(order.last().status());
                rows.add(price(total)).add("RUB").add(order.comment()).add(order.address());
                rows.add(Span.text(order.placed().atMicros()))
                        .add(Span.text(order.last().atMicros()))
                        .end();
            }
            rows.finish();
        }
        try (var rows = copy("order_line (order_id, position, product_id, sku, name, quantity, unit_price)")) {
            for (int k = 0; k < orders.size(); k++) {
                var order = orders.get(k);
                for (int n = 0; n < order.lines().size(); n++) {
                    var ware = lines.get(k).get(n);
                    rows.add(order.id())
                            .add(n + 1)
                            .add(ware.id())
                            .add(ware.sku())
                            .add(ware.name());
                    rows.add(order.lines().get(n).quantity())
                            .add(price(ware.price()))
                            .end();
                }
            }
            rows.finish();
        }
        try (var rows = copy("order_event (order_id, position, status, at, by_user, trace_id)")) {
            for (var order : orders) {
                for (int n = 0; n < order.steps().size(); n++) {
                    var step = order.steps().get(n);
                    rows.add(order.id()).add(n + 1).add(step.status()).add(Span.text(step.atMicros()));
                    rows.add(by(order, step, customers, staff))
                            .add(step.traceId())
                            .end();
                }
            }
            rows.finish();
        }
        try (var rows = copy("stock_entry (product_id, delta, reason, order_id, by_user, trace_id, at)")) {
            for (int k = 0; k < orders.size(); k++) {
                ledger(rows, orders.get(k), lines.get(k), customers, staff);
            }
            rows.finish();
        }
    }

    private static void ledger(CopyRows rows, Order order, List<Ware> wares, Customers customers, UUID staff)
            throws SQLException {
        for (int n = 0; n < wares.size(); n++) {
            var quantity = order.lines().get(n).quantity();
            entry(rows, order, wares.get(n), -quantity, "order", order.placed(), customers, staff);
            if (order.givenBack()) {
                var last = order.last();
                entry(rows, order, wares.get(n), quantity, last.status(), last, customers, staff);
            }
        }
    }

    private static void entry(
            CopyRows rows,
            Order order,
            Ware ware,
            int delta,
            String reason,
            OrderBook.Step step,
            Customers customers,
            UUID staff)
            throws SQLException {
        rows.add(ware.id()).add(delta).add(reason).add(order.id());
        rows.add(by(order, step, customers, staff)).add(step.traceId());
        rows.add(Span.text(step.atMicros())).end();
    }

    private static UUID by(Order order, OrderBook.Step step, Customers customers, UUID staff) {
        return step.byCustomer() ? customers.id(order.customer()) : staff;
    }

    private static void addWords(Set<String> words, String text) {
        for (var word : BETWEEN_WORDS.split(text, 0)) {
            if (word.length() >= SHORTEST_WORD) {
                words.add(word.toLowerCase(Locale.ROOT));
            }
        }
    }

    private static BigDecimal price(long hundredths) {
        return BigDecimal.valueOf(hundredths, 2);
    }

    private static long hundredths(BigDecimal price) {
        return price.movePointRight(2).longValueExact();
    }

    private CopyRows copy(String target) throws SQLException {
        return new CopyRows(connection, target);
    }
}
