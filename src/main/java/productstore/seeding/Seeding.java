package productstore.seeding;

import java.io.PrintStream;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.platform.Progress;

/** The command {@code seed}: everything in one transaction, so that one that is interrupted leaves nothing. */
public final class Seeding {
    public static final String HELP = """
            ./store seed --products N --orders N [--seed 42]
              Adds N made-up products, N orders of the last two years and their customers, to try a large shop; what is
              there stays. The same seed makes the same names, prices and orders. All or nothing: Ctrl-C leaves nothing.
              Large numbers are added with indexes dropped and made again: until it ends, a running store waits.
            """;
    private static final int MOST = 10_000_000;
    private static final List<String> TABLES =
            List.of("product", "stock", "orders", "order_line", "order_event", "stock_entry");
    // Below it, making all indexes again takes longer than keeping them.
    private static final int BULK_FROM = 20_000;
    private static final int ORDERS_AT_ONCE = 5_000;
    private static final int ORDERS_PER_CUSTOMER = 20;
    private static final int FORMER_PRODUCTS = 100_000;
    private static final Duration SPAN = Duration.ofDays(730);

    // Work in units of one product's row, as measured.
    private static final double ORDER_WORK = 0.6;
    private static final double COUNT_WORK = 0.02;
    private static final double REBUILD_WORK = 0.5;

    private final DataSource database;
    private final JdbcClient db;

    private final int bulkFrom;

    Seeding(DataSource database, int bulkFrom) {
        this.database = database;
        this.bulkFrom = bulkFrom;
        this.db = JdbcClient.create(database);
    }

    /** What is to be made. */
    record Wanted(int products, int orders, long seed) {
        /** Null if the arguments are not understood. */
        static @Nullable Wanted of(List<String> arguments) {
            var values = new HashMap<String, Long>(Map.of("--products", 0L, "--orders", 0L, "--seed", 42L));
            for (int n = 0; n < arguments.size(); n += 2) {
                if (!values.containsKey(arguments.get(n))
                        || n + 1 == arguments.size()
                        || !arguments.get(n + 1).matches("\\d{1,18}")) {
                    return null;
                }
                values.put(arguments.get(n), Long.valueOf(arguments.get(n + 1)));
            }
            long products = values.getOrDefault("--products", 0L);
            long orders = values.getOrDefault("--orders", 0L);
            if (products > MOST || orders > MOST || products + orders == 0) {
                return null;
            }
            return new Wanted((int) products, (int) orders, values.getOrDefault("--seed", 0L));
        }

        int customers() {
            return orders == 0 ? 0 : Math.max(1, orders / ORDERS_PER_CUSTOMER);
        }
    }

    /**
     * Runs the command.
     *
     * @param arguments behind the verb
     * @param out hears how far it is and the closing sentence
     * @param err hears what is wrong
     * @return the exit code: 0, or 1 if nothing was added
     */
    public static int run(DataSource database, List<String> arguments, PrintStream out, PrintStream err) {
        var wanted = Wanted.of(arguments);
        if (wanted == null) {
            err.print(HELP);
            return 1;
        }
        return new Seeding(database, BULK_FROM).fill(wanted, out, err);
    }

    int fill(Wanted wanted, PrintStream out, PrintStream err) {
        try (var progress = new Progress(
                out, Progress.onTerminal(), work(wanted) * (1 + REBUILD_WORK) + COUNT_WORK * wanted.orders())) {
            var filled = new TransactionTemplate(new JdbcTransactionManager(database))
                    .execute(status -> fillNow(wanted, progress));
            if (!Boolean.TRUE.equals(filled)) {
                err.println("There are no products in roubles to order; add some with --products.");
                return 1;
            }
            progress.step("tidying up");
            db.sql("VACUUM (ANALYZE) category, app_user, search_word, " + String.join(", ", TABLES))
                    .update();
            progress.clear();
            out.printf(
                    "Added %d products, %d customers and %d orders in %.1f s.%n",
                    wanted.products(), wanted.customers(), wanted.orders(), progress.seconds());
            return 0;
        }
    }

    private boolean fillNow(Wanted wanted, Progress progress) {
        for (var setting : List.of(
                "statement_timeout = 0",
                "lock_timeout = 0",
                "idle_in_transaction_session_timeout = 0",
                "work_mem = '64MB'",
                "maintenance_work_mem = '256MB'")) {
            db.sql("SET LOCAL " + setting).update();
        }
        var end = Instant.now().truncatedTo(ChronoUnit.MICROS);
        var span = Span.until(end, SPAN);
        var idSeed = wanted.seed() ^ span.end();
        var connection = DataSourceUtils.getConnection(database);
        try {
            var rows = new Rows(connection, db, progress);
            var wares = new Wares(wanted.seed(), idSeed, nextSku(), wanted.products(), span);
            var former = wanted.products() == 0 ? rows.formerProducts(FORMER_PRODUCTS) : List.<Wares.Ware>of();
            var assortment = wanted.products() == 0 ? Assortment.of(former) : Assortment.of(wares, wanted.products());
            if (assortment.size() == 0) {
                return false;
            }
            var firstCustomer = nextCustomer();
            var customers = new Customers(wanted.seed(), idSeed, firstCustomer, wanted.customers(), span);
            var book = new OrderBook(
                    wanted.seed(),
                    idSeed,
                    firstCustomer * ORDERS_PER_CUSTOMER,
                    wanted.orders(),
                    span,
                    assortment,
                    customers);
            progress.step("counting what orders take");
            var taken = new Taken(assortment.size());
            for (int n = 0; n < wanted.orders(); n++) {
                taken.add(book.order(n));
                progress.add(COUNT_WORK);
            }
            var began = Span.text(span.begin());
            var bulk = isLarge(wanted) ? BulkLoad.begin(db, TABLES) : null;
            progress.step("adding products");
            if (wanted.products() == 0) {
                rows.deliver(former, taken, began);
            } else {
                rows.products(wares, wanted.products(), rows.categories(wares.categories(), began), taken);
            }
            progress.step("adding orders");
            rows.customers(customers, wanted.customers());
            orders(wanted, book, rows, assortment, customers, rows.staff(began), progress);
            if (bulk != null) {
                bulk.end(progress, REBUILD_WORK * work(wanted));
            }
            return true;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        } finally {
            DataSourceUtils.releaseConnection(connection, database);
        }
    }

    private static void orders(
            Wanted wanted,
            OrderBook book,
            Rows rows,
            Assortment assortment,
            Customers customers,
            UUID staff,
            Progress progress)
            throws SQLException {
        var batch = new ArrayList<OrderBook.Order>(ORDERS_AT_ONCE);
        for (int n = 0; n < wanted.orders(); n++) {
            batch.add(book.order(n));
            if (batch.size() == ORDERS_AT_ONCE || n == wanted.orders() - 1) {
                rows.orders(batch, assortment, customers, staff);
                progress.add(ORDER_WORK * batch.size());
                batch.clear();
            }
        }
    }

    private boolean isLarge(Wanted wanted) {
        long added = (long) wanted.products() + wanted.orders();
        var there = db.sql("""
                        SELECT CAST(coalesce(sum(greatest(reltuples, 0)), 0) AS bigint)
                        FROM pg_class WHERE oid IN ('product'::regclass, 'orders'::regclass)
                        """).query(Long.class).single();
        return added >= bulkFrom && added > there / 4;
    }

    private long nextSku() {
        return db.sql(
                        "SELECT coalesce(max(CAST(substring(sku FROM 6) AS bigint)), 0) + 1 FROM product WHERE sku ~ '^SEED-[0-9]{8}$'")
                .query(Long.class)
                .single();
    }

    private long nextCustomer() {
        return db.sql("""
                        SELECT coalesce(max(CAST(substring(email FROM 6 FOR 7) AS bigint)), 0) + 1
                        FROM app_user WHERE email ~ '^seed-[0-9]{7}@example[.]com$'
                        """).query(Long.class).single();
    }

    private static double work(Wanted wanted) {
        return wanted.products() + ORDER_WORK * wanted.orders();
    }
}
