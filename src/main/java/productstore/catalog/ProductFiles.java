package productstore.catalog;

import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.ClassPathResource;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Service;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.platform.Money;

/**
 * The products as a CSV file (RFC 4180, UTF-8), in and out. What goes out and in again changes nothing. Works beside a
 * running store.
 */
@Service
public class ProductFiles {
    private static final String DEMO = "demo/products.csv";
    private static final int FETCHED_ROWS = 2000;

    private final DataSource database;
    private final JdbcClient db;

    public ProductFiles(DataSource database) {
        this.database = database;
        this.db = JdbcClient.create(database);
    }

    /**
     * A line that can't be imported.
     *
     * @param line from 1, where a record of several lines begins
     * @param message the column, if one is at fault, and the reason
     */
    public record Fault(long line, String message) {}

    /** What an import did, in products; {@code newCategories} it made for them. */
    public record Imported(long added, long changed, long unchanged, int newCategories) {}

    /** Somebody else wrote the same products or categories at the same moment; nothing was imported. */
    public static final class ChangedMeanwhile extends RuntimeException {
        private static final long serialVersionUID = 1;

        ChangedMeanwhile() {
            super("Somebody changed the same products or categories at this moment; nothing was imported, try again.");
        }
    }

    /** Hears how an import comes along: what is done now, and after each line. */
    interface Steps {
        void step(String what);

        default void line() {}
    }

    /**
     * Imports a file as a whole: everything in one transaction, or, if there is any fault, nothing. Products are known by
     * their sku and written only where they differ; an empty stock cell leaves the stock as it is. Missing categories are
     * made. Archived products stay archived; their sku makes a new one.
     *
     * @param faults hears of every faulty line, first of those that are so by themselves, in order
     * @return null if there were faults
     * @throws ChangedMeanwhile if somebody else wrote the same at this moment
     * @throws IOException if the file can't be read
     */
    public @Nullable Imported load(InputStream file, Consumer<Fault> faults) throws IOException {
        return load(file, faults, what -> {});
    }

    @Nullable
    Imported load(InputStream file, Consumer<Fault> faults, Steps steps) throws IOException {
        try {
            return transaction(TransactionDefinition.ISOLATION_READ_COMMITTED, false)
                    .execute(status -> {
                        var imported = loadNow(file, faults, steps);
                        if (imported == null) {
                            status.setRollbackOnly();
                        }
                        return imported;
                    });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } catch (DuplicateKeyException | PessimisticLockingFailureException e) {
            throw (ChangedMeanwhile) new ChangedMeanwhile().initCause(e);
        }
    }

    /**
     * Fills a catalogue that never had a product with the demo's.
     *
     * @return whether it did
     */
    public boolean loadDemoIfEmpty() {
        if (db.sql("SELECT EXISTS (SELECT FROM product)").query(Boolean.class).single()) {
            return false;
        }
        try (var demo = new ClassPathResource(DEMO).getInputStream()) {
            load(demo, fault -> {
                throw new IllegalStateException(DEMO + ", line " + fault.line() + ": " + fault.message());
            });
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Writes all products that are not archived, by sku, as they are at one moment. Cells are what the products are: one
     * that begins with {@code =} is a formula to a spreadsheet program.
     *
     * @param file stays open
     * @return how many products there are
     */
    public long export(OutputStream file) {
        Long count = transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ, true)
                .execute(status -> exportNow(file));
        return count == null ? 0 : count;
    }

    private @Nullable Imported loadNow(InputStream file, Consumer<Fault> faults, Steps steps) {
        withoutLimits();
        var connection = DataSourceUtils.getConnection(database);
        try {
            var load = new ProductImport(connection, db, faults);
            steps.step("reading");
            load.read(file, steps::line);
            steps.step("finding categories");
            var newCategories = load.resolveCategories();
            return load.faults() > 0 ? null : load.write(newCategories, steps::step);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        } finally {
            DataSourceUtils.releaseConnection(connection, database);
        }
    }

    private long exportNow(OutputStream file) {
        withoutLimits();
        var rows = new JdbcTemplate(database);
        rows.setFetchSize(FETCHED_ROWS);
        var csv = CsvWriter.builder().lineDelimiter(LineDelimiter.LF).build(file, StandardCharsets.UTF_8);
        csv.writeRecord(ProductImport.COLUMNS);
        long[] count = {0};
        rows.query("""
                WITH RECURSIVE place (id, path) AS (
                    SELECT id, replace(name, '>', '>>') FROM category WHERE parent_id IS NULL
                    UNION ALL
                    SELECT c.id, place.path || ' > ' || replace(c.name, '>', '>>')
                    FROM category c JOIN place ON c.parent_id = place.id)
                SELECT p.sku, p.name, p.description, place.path, p.price, p.currency, s.quantity, p.image_url
                FROM product p
                JOIN place ON place.id = p.category_id
                JOIN stock s ON s.product_id = p.id
                WHERE p.archived_at IS NULL
                ORDER BY p.sku COLLATE "C"
                """, row -> {
            count[0]++;
            csv.writeRecord(
                    row.getString("sku"),
                    row.getString("name"),
                    row.getString("description"),
                    row.getString("path"),
                    new Money(row.getBigDecimal("price"), row.getString("currency"))
                            .amount()
                            .toPlainString(),
                    row.getString("currency"),
                    row.getString("quantity"),
                    row.getString("image_url"));
        });
        try {
            csv.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return count[0];
    }

    private TransactionTemplate transaction(int isolation, boolean readOnly) {
        var transaction = new TransactionTemplate(new JdbcTransactionManager(database));
        transaction.setIsolationLevel(isolation);
        transaction.setReadOnly(readOnly);
        return transaction;
    }

    /** The limits of a store's connections are for requests; a large file takes longer. */
    private void withoutLimits() {
        db.sql("SET LOCAL statement_timeout = 0").update();
        db.sql("SET LOCAL lock_timeout = 0").update();
        db.sql("SET LOCAL idle_in_transaction_session_timeout = 0").update();
        db.sql("SET LOCAL work_mem = '64MB'").update();
    }
}
