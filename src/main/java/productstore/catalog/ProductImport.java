package productstore.catalog;

import de.siegmar.fastcsv.reader.CommentStrategy;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.inventory.StockTake;
import productstore.platform.CopyRows;
import productstore.platform.Ids;
import productstore.platform.Money;
import productstore.platform.Validation;

/**
 * One import of a file, inside a transaction. The lines are checked while they stream into a temporary table; only if
 * all of them are good are they compared with what is there, and written where they differ. Memory does not grow with
 * the file, but for its category paths.
 */
final class ProductImport {
    static final List<String> COLUMNS =
            List.of("sku", "name", "description", "category", "price", "currency", "stock", "image_url");
    // No file in UTF-8 can hold a lone surrogate, so it marks where one is broken.
    private static final char BROKEN = '\uDFFF';
    private static final Pattern WHOLE_NUMBER = Pattern.compile("[+-]?\\d{1,18}");
    private static final Pattern LINE_OF_EXCEPTION = Pattern.compile("\\bline (\\d+)");

    private final Connection connection;
    private final JdbcClient db;
    private final Consumer<ProductFiles.Fault> listener;
    private final CategoryPaths paths = new CategoryPaths();
    private long faults;

    ProductImport(Connection connection, JdbcClient db, Consumer<ProductFiles.Fault> listener) {
        this.connection = connection;
        this.db = db;
        this.listener = listener;
    }

    /** How many faults there are so far. */
    long faults() {
        return faults;
    }

    /** Reads and checks the whole file; faults go to the listener. */
    void read(InputStream file, Runnable afterLine) throws IOException, SQLException {
        db.sql("""
                        CREATE TEMPORARY TABLE import_line (
                            line bigint, new_id uuid, sku text, name text, description text, path integer,
                            price numeric, currency text, stock bigint, image_url text) ON COMMIT DROP
                        """).update();
        try (var csv = CsvReader.builder()
                        .commentStrategy(CommentStrategy.NONE)
                        .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
                        .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
                        .allowUnclosedQuote(false)
                        .allowExtraCharsAfterClosingQuote(false)
                        .ofCsvRecord(withoutByteOrderMark(file));
                var rows = new CopyRows(connection, "import_line")) {
            readLines(csv, rows, afterLine);
            rows.finish();
        }
        db.sql("ANALYZE import_line").update();
        reportDuplicates();
    }

    /**
     * Finds the lines' categories, making those that are missing unless there are faults.
     *
     * @return how many were made
     */
    int resolveCategories() {
        var resolved = paths.resolve(db);
        if (!resolved.faults().isEmpty()) {
            db.sql("SELECT line, path FROM import_line WHERE path = ANY (CAST(:paths AS integer[])) ORDER BY line")
                    .param("paths", texts(resolved.faults().keySet()))
                    .query(row -> {
                        fault(row.getLong("line"), "category", resolved.faults().getOrDefault(row.getInt("path"), ""));
                    });
        }
        db.sql("""
                        CREATE TEMPORARY TABLE import_path (path integer PRIMARY KEY, category_id uuid NOT NULL) ON COMMIT DROP
                        """).update();
        db.sql("""
                        INSERT INTO import_path
                        SELECT * FROM unnest(CAST(:paths AS integer[]), CAST(:categories AS uuid[]))
                        """)
                .param("paths", texts(resolved.categories().keySet()))
                .param("categories", texts(resolved.categories().values()))
                .update();
        return resolved.made();
    }

    /**
     * Compares a file without faults with what is there, and writes what differs.
     *
     * @throws ProductFiles.ChangedMeanwhile if somebody made one of the file's products at this moment
     */
    ProductFiles.Imported write(int newCategories, Consumer<String> step) {
        step.accept("comparing");
        var stockTake = new StockTake(db);
        stockTake.begin();
        // Before anything is compared: from here on nobody else changes these products, their stock or their sku.
        stockTake.lock("SELECT p.id FROM product p JOIN import_line i ON i.sku = p.sku WHERE p.archived_at IS NULL");
        plan();
        var imported = count(newCategories);
        step.accept("writing products");
        insert();
        update();
        step.accept("counting stock");
        db.sql("""
                        INSERT INTO stock_take
                        SELECT plan.product_id, coalesce(i.stock, 0)
                        FROM import_plan plan JOIN import_line i USING (line)
                        WHERE plan.added OR plan.recounted
                        """).update();
        stockTake.apply("import");
        step.accept("learning words");
        learnWords();
        return imported;
    }

    private static Reader withoutByteOrderMark(InputStream file) throws IOException {
        var decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPLACE)
                .onUnmappableCharacter(CodingErrorAction.REPLACE)
                .replaceWith(String.valueOf(BROKEN));
        var reader = new BufferedReader(new InputStreamReader(file, decoder), 1 << 16);
        reader.mark(1);
        if (reader.read() != '\uFEFF') {
            reader.reset();
        }
        return reader;
    }

    private void readLines(CsvReader<CsvRecord> csv, CopyRows rows, Runnable afterLine) throws SQLException {
        try {
            var records = csv.iterator();
            if (!records.hasNext()) {
                fault(1, null, "The file is empty; it needs a header: " + String.join(",", COLUMNS));
                return;
            }
            var columns = header(records.next());
            while (columns != null && records.hasNext()) {
                readLine(records.next(), columns, rows);
                afterLine.run();
            }
        } catch (CsvParseException e) {
            // Where quotes are wrong, nobody can say what the rest of the file is.
            var reason = e.getCause() instanceof CsvParseException cause ? cause : e;
            fault(
                    lineOf(e),
                    null,
                    "The file can't be read from here on, a quote is wrong or a field endless: " + reason.getMessage());
        }
    }

    private static long lineOf(CsvParseException e) {
        var match = LINE_OF_EXCEPTION.matcher(String.valueOf(e.getMessage()));
        return match.find() ? Long.parseLong(match.group(1)) : 1;
    }

    /** The header's names in their order; null if it is faulty. */
    private @Nullable List<String> header(CsvRecord header) {
        long before = faults;
        long line = header.getStartingLineNumber();
        var names = header.getFields().stream().map(String::strip).toList();
        if (names.stream().anyMatch(name -> name.indexOf(BROKEN) >= 0)) {
            fault(line, null, "This is not UTF-8; save the file as CSV in UTF-8.");
            return null;
        }
        var missing = new LinkedHashSet<>(COLUMNS);
        names.forEach(missing::remove);
        var seen = new LinkedHashSet<String>();
        for (var name : names) {
            if (!COLUMNS.contains(name)) {
                fault(
                        line,
                        null,
                        "There is no column «" + name + "»; a header is: " + String.join(",", COLUMNS)
                                + (names.size() == 1 ? " (separated by commas)" : ""));
            } else if (!seen.add(name)) {
                fault(line, name, "The header names this column twice.");
            }
        }
        missing.forEach(name -> fault(line, name, "The header lacks this column."));
        return faults == before ? names : null;
    }

    private void readLine(CsvRecord record, List<String> columns, CopyRows rows) throws SQLException {
        long line = record.getStartingLineNumber();
        if (record.getFieldCount() != columns.size()) {
            fault(
                    line,
                    null,
                    "Has " + record.getFieldCount() + " columns; the header has " + columns.size()
                            + ". Is a comma or quote missing or too many?");
            return;
        }
        long before = faults;
        for (int n = 0; n < columns.size(); n++) {
            if (record.getField(n).indexOf(BROKEN) >= 0) {
                fault(line, columns.get(n), "Broken UTF-8.");
            }
        }
        if (faults > before) {
            return;
        }
        var cells = new Cells(record, columns);
        var validation = new Validation();
        var stock = cells.stock(validation);
        var path = cells.path(validation);
        var draft = cells.input(path.getLast(), stock).read(validation);
        validation.faults().forEach(fault -> fault(line, column(fault.field()), fault.message()));
        if (draft == null || faults > before) {
            // Kept only to find this sku in other lines.
            row(rows, line, new Validation().line("sku", cells.of("sku"), 64), null, null, null);
        } else {
            row(rows, line, draft.sku(), draft, paths.number(path), stock);
        }
    }

    private static void row(
            CopyRows rows,
            long line,
            @Nullable String sku,
            Product.@Nullable Draft draft,
            @Nullable Integer path,
            @Nullable Long stock)
            throws SQLException {
        rows.add(line).add(draft == null ? null : Ids.next()).add(sku);
        if (draft == null) {
            rows.add(null).add(null).add(path).add(null).add(null).add(stock).add(null);
        } else {
            rows.add(draft.name())
                    .add(draft.description())
                    .add(path)
                    .add(draft.price().amount().toPlainString())
                    .add(draft.price().currency())
                    .add(stock)
                    .add(draft.imageUrl());
        }
        rows.end();
    }

    /** The cells of a line, by column. */
    private record Cells(CsvRecord record, List<String> columns) {
        String of(String column) {
            return record.getField(columns.indexOf(column));
        }

        /** Null for an empty cell: the stock stays as it is. */
        @Nullable
        Long stock(Validation validation) {
            var text = of("stock").strip();
            if (text.isEmpty()) {
                return null;
            }
            if (!WHOLE_NUMBER.matcher(text).matches()) {
                validation.fault("stock", "invalid", "A whole number is needed.");
                return null;
            }
            return Long.valueOf(text);
        }

        /** The last name is checked with the product. */
        List<String> path(Validation validation) {
            var path = CategoryPaths.split(of("category"));
            path.subList(0, path.size() - 1).forEach(name -> validation.line("category", name, 200));
            return path;
        }

        Product.Input input(String category, @Nullable Long stock) {
            return new Product.Input(
                    of("sku"),
                    of("name"),
                    of("description").isEmpty() ? null : of("description"),
                    category,
                    new Money.Input(of("price").strip(), of("currency").strip()),
                    stock == null ? Long.valueOf(0) : stock,
                    of("image_url"));
        }
    }

    private static String column(String field) {
        return switch (field) {
            case "price.amount" -> "price";
            case "price.currency" -> "currency";
            default -> field;
        };
    }

    private void reportDuplicates() {
        db.sql("""
                        SELECT line, sku, first
                        FROM (SELECT line, sku, min(line) OVER (PARTITION BY sku) AS first
                              FROM import_line WHERE sku IS NOT NULL) AS numbered
                        WHERE line > first
                        ORDER BY line
                        """).query(row -> {
            fault(
                    row.getLong("line"),
                    "sku",
                    row.getString("sku") + " stands in line " + row.getLong("first") + " already.");
        });
    }

    private void plan() {
        // An empty description and none are the same cell.
        db.sql("""
                        CREATE TEMPORARY TABLE import_plan ON COMMIT DROP AS
                        SELECT i.line,
                            path.category_id,
                            coalesce(p.id, i.new_id) AS product_id,
                            p.id IS NULL AS added,
                            p.id IS NOT NULL
                                AND (p.name, coalesce(p.description, ''), p.category_id, p.price, p.currency, p.image_url)
                                    IS DISTINCT FROM
                                    (i.name, coalesce(i.description, ''), path.category_id, i.price, i.currency, i.image_url)
                                AS differs,
                            p.id IS NOT NULL AND i.stock <> s.quantity AS recounted
                        FROM import_line i
                        JOIN import_path path USING (path)
                        LEFT JOIN product p ON p.sku = i.sku AND p.archived_at IS NULL
                        LEFT JOIN stock s ON s.product_id = p.id
                        """).update();
        db.sql("ANALYZE import_plan").update();
        var unlocked = db.sql("""
                        SELECT EXISTS (
                            SELECT FROM import_plan plan
                            WHERE NOT added AND NOT EXISTS (
                                SELECT FROM stock_locked l WHERE l.product_id = plan.product_id))
                        """).query(Boolean.class).single();
        if (unlocked) {
            throw new ProductFiles.ChangedMeanwhile();
        }
    }

    private ProductFiles.Imported count(int newCategories) {
        return db.sql("""
                        SELECT count(*) FILTER (WHERE added) AS added,
                            count(*) FILTER (WHERE differs OR recounted) AS changed,
                            count(*) AS total
                        FROM import_plan
                        """)
                .query((row, n) -> new ProductFiles.Imported(
                        row.getLong("added"),
                        row.getLong("changed"),
                        row.getLong("total") - row.getLong("added") - row.getLong("changed"),
                        newCategories))
                .single();
    }

    private void insert() {
        // in_stock at once, or the trigger on stock would write each product a second time.
        db.sql("""
                        INSERT INTO product (id, sku, name, description, category_id, price, currency, image_url, in_stock,
                            created_at, updated_at)
                        SELECT plan.product_id, i.sku, i.name, i.description, plan.category_id, i.price, i.currency, i.image_url,
                            coalesce(i.stock, 0) > 0, now(), now()
                        FROM import_plan plan JOIN import_line i USING (line)
                        WHERE plan.added
                        ORDER BY i.line
                        """).update();
    }

    private void update() {
        db.sql("""
                        UPDATE product p SET name = i.name, description = i.description, category_id = plan.category_id,
                            price = i.price, currency = i.currency, image_url = i.image_url, updated_at = now()
                        FROM import_plan plan JOIN import_line i USING (line)
                        WHERE plan.differs AND p.id = plan.product_id
                        """).update();
    }

    /** In one statement, for the words of all products must come in one order; ts_stat() makes them few first. */
    private void learnWords() {
        db.sql("""
                        DO $$
                        DECLARE
                            words text[];
                        BEGIN
                            SELECT array_agg(word) INTO words
                            FROM ts_stat($texts$
                                SELECT to_tsvector('simple', translate(concat_ws(E'\\n', i.name, i.description), 'ёЁ', 'еЕ'))
                                FROM import_plan plan JOIN import_line i USING (line)
                                WHERE plan.added OR plan.differs $texts$)
                            WHERE length(word) BETWEEN 5 AND 60;
                            CALL learn_search_words(words);
                        END $$
                        """).update();
    }

    private void fault(long line, @Nullable String column, String message) {
        faults++;
        listener.accept(new ProductFiles.Fault(line, column == null ? message : column + ": " + message));
    }

    private static String[] texts(Collection<?> values) {
        return values.stream().map(Object::toString).toArray(String[]::new);
    }
}
