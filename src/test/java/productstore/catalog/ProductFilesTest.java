package productstore.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.core.io.ClassPathResource;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.embedded.Dump;
import productstore.embedded.TestDatabase;

/** Import and export, each on a database of its own. */
class ProductFilesTest {
    private static final String HEADER = "sku,name,description,category,price,currency,stock,image_url\n";

    private final PGSimpleDataSource database = new PGSimpleDataSource();
    private final JdbcClient db = JdbcClient.create(database);
    private final ProductFiles files = new ProductFiles(database);
    private final List<String> faults = new ArrayList<>();

    @BeforeEach
    void migrate() {
        var address = TestDatabase.create();
        database.setUrl(address.url());
        database.setUser(address.user());
        database.setPassword(address.password());
        Flyway.configure().dataSource(database).load().migrate();
    }

    @Test
    void everyFaultyLineIsNamedAndNothingIsHalfImported() {
        good("S-0,Сыр Российский,,Молочные продукты > Сыры,499.90,RUB,7,");
        var before = Dump.of(database);
        var result = load(HEADER + """
                A-1,Хлеб,,Хлеб,50.00,RUB,1,
                A-2,,,Хлеб,50.00,RUB,1,
                A-3,Батон,,Хлеб,50.005,RUB,-1,
                A-4,Батон,,Хлеб,-5,XYZ,много,
                A-5,"Батон
                нарезной",,Хлеб,50,RUB,1,
                A-6,Батон,,Хлеб,50,RUB,1
                A-1,Другой хлеб,,Хлеб,50,RUB,1,
                A-7,Хлеб,,Хлеб > Сыры,50,RUB,1,
                A-2,Хлеб,,Хлеб >  > Ржаной,50,RUB,1,
                """ + "A-8," + "ы".repeat(201) + ",,Хлеб,50,RUB,2000000000,\n" + "\nA-9,,,,,,,\n");
        assertThat(result).isNull();
        assertThat(faults)
                .containsExactlyInAnyOrder(
                        "3 name: This must not be blank.",
                        "4 price: RUB has 2 decimals.",
                        "4 stock: Must be from 0 to 1000000000.",
                        "5 stock: A whole number is needed.",
                        "5 currency: Not an ISO 4217 currency code.",
                        "5 price: A decimal number like 199.90 is needed: not negative, at most 12 digits before the point.",
                        "6 name: Control characters and lone surrogates are not allowed.",
                        "8 Has 7 columns; the header has 8. Is a comma or quote missing or too many?",
                        "9 sku: A-1 stands in line 2 already.",
                        "10 category: There is a category «Сыры» already, below «Молочные продукты», not below «Хлеб».",
                        "11 category: This must not be blank.",
                        "11 sku: A-2 stands in line 3 already.",
                        "12 name: At most 200 characters.",
                        "12 stock: Must be from 0 to 1000000000.",
                        "14 name: This must not be blank.",
                        "14 category: This must not be blank.",
                        "14 price: A decimal number like 199.90 is needed: not negative, at most 12 digits before the point.",
                        "14 currency: Not an ISO 4217 currency code.");
        assertThat(Dump.of(database)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            ''                                                                   | 1 The file is empty; it needs a header
            sku,name,description,category,price,currency,stock                    | 1 image_url: The header lacks this column.
            sku,name,description,category,price,currency,stock,image_url,colour   | 1 There is no column «colour»
            sku,sku,name,description,category,price,currency,stock,image_url      | 1 sku: The header names this column twice.
            sku;name;description;category;price;currency;stock;image_url          | (separated by commas)
            """)
    void aHeaderThatIsNotOursIsRefused(String header, String fault) {
        assertThat(load(header.isEmpty() ? "" : header + "\nA-1,Хлеб,,Хлеб,50.00,RUB,1,\n"))
                .isNull();
        assertThat(faults).anyMatch(told -> told.contains(fault));
    }

    @Test
    void bytesThatAreNotUtf8AreFoundWhereTheyAre() throws IOException {
        var bytes = new ByteArrayOutputStream();
        bytes.write((HEADER + "A-1,Хлеб,,Хлеб,50.00,RUB,1,\nA-2,").getBytes(StandardCharsets.UTF_8));
        bytes.write(new byte[] {(byte) 0xD0, ',', (byte) 0xFF});
        bytes.write(",Хлеб,50.00,RUB,1,\nA-3,,,,,,,\n".getBytes(StandardCharsets.UTF_8));
        assertThat(load(bytes.toByteArray())).isNull();
        assertThat(faults)
                .startsWith("3 name: Broken UTF-8.", "3 description: Broken UTF-8.")
                .contains("4 name: This must not be blank.")
                .noneMatch(fault -> fault.startsWith("2 "));
        faults.clear();
        assertThat(load(HEADER.getBytes(StandardCharsets.UTF_16))).isNull();
        assertThat(faults).containsExactly("1 This is not UTF-8; save the file as CSV in UTF-8.");
    }

    @Test
    void aQuoteThatNeverEndsIsToldAtItsLine() {
        assertThat(load(HEADER + "A-1,Хлеб,,Хлеб,50.00,RUB,1,\nA-2,\"Хлеб,,Хлеб,50.00,RUB,1,\nA-3,,,,,,,\n"))
                .isNull();
        assertThat(faults).singleElement().asString().startsWith("3 The file can't be read from here on");
    }

    @Test
    void controlCharactersAreRefused() {
        assertThat(load(HEADER + "A-1,Хлеб\u0000,,Хлеб,50.00,RUB,1,\nA-2,Хлеб,\u202Eбелх,Хлеб,50.00,RUB,1,\n"))
                .isNull();
        assertThat(faults)
                .containsExactly(
                        "2 name: Control characters and lone surrogates are not allowed.",
                        "3 description: Control characters and lone surrogates are not allowed.");
    }

    @Test
    void theSameFileAgainChangesNothingAtAll() {
        var file = HEADER
                + "A-1,Хлеб бородинский,Ржаной заварной,Выпечка > Хлеб,50,RUB,3,https://example.com/a.png\n"
                + "A-2,Батон нарезной,,Выпечка > Хлеб,45.5,RUB,,\n"
                + "A-3,Йогурт,\"Сладкий, \"\"греческий\"\"\nи густой\",Молочное,99.99,RUB,0,\n";
        assertThat(load(file)).isEqualTo(new ProductFiles.Imported(3, 0, 0, 3));
        var before = Dump.of(database);
        assertThat(load("\uFEFF" + file)).isEqualTo(new ProductFiles.Imported(0, 0, 3, 0));
        assertThat(Dump.of(database)).isEqualTo(before);
        assertClean();
    }

    @Test
    void aProductIsKnownByItsSkuAndWrittenOnlyWhereItDiffers() {
        good("A-1,Хлеб,,Хлеб,50,RUB,3,", "A-2,Батон,,Хлеб,45,RUB,5,", "A-3,Калач,,Хлеб,45,RUB,1,");
        var before = Dump.of(database);
        assertThat(load(HEADER + """
                        A-2,Батон подмосковный,,Хлеб > Белый,45.00,RUB,,
                        A-1,Хлеб,,Хлеб,50.00,RUB,0,
                        A-4,Сайка,,хлеб,30,RUB,,
                        """)).isEqualTo(new ProductFiles.Imported(1, 2, 0, 1));
        assertThat(product("A-1")).containsEntry("quantity", 0L).containsEntry("in_stock", false);
        assertThat(product("A-1").get("updated_at"))
                .isEqualTo(product("A-3").get("updated_at"))
                .isNotEqualTo(product("A-2").get("updated_at"));
        assertThat(product("A-2"))
                .containsEntry("name", "Батон подмосковный")
                .containsEntry("category", "Белый")
                .containsEntry("quantity", 5L);
        assertThat(product("A-4")).containsEntry("quantity", 0L).containsEntry("category", "Хлеб");
        assertThat(db.sql("SELECT delta FROM stock_entry WHERE reason = 'import' AND by_user IS NULL ORDER BY id")
                        .query(Long.class)
                        .list())
                .containsExactlyInAnyOrder(3L, 5L, 1L, -3L);
        assertThat(db.sql("SELECT EXISTS (SELECT FROM search_word WHERE word = 'подмосковный')")
                        .query(Boolean.class)
                        .single())
                .isTrue();
        assertThat(before.get("product")).isNotEqualTo(Dump.of(database).get("product"));
        assertClean();
    }

    @Test
    void anArchivedProductStaysArchivedAndItsSkuMakesANewOne() {
        good("A-1,Хлеб,,Хлеб,50,RUB,3,");
        db.sql("UPDATE product SET archived_at = now()").update();
        var archived = Dump.of(database).get("product");
        assertThat(load(HEADER + "A-1,Хлеб новый,,Хлеб,55,RUB,9,\n")).isEqualTo(new ProductFiles.Imported(1, 0, 0, 0));
        assertThat(Dump.of(database).get("product")).contains(archived);
        assertClean();
    }

    @Test
    void whatGoesOutAndInAgainIsTheSame() {
        // Names with separators, descriptions with everything a description may have.
        db.sql("""
                        INSERT INTO category (id, name, slug, parent_id, created_at) VALUES
                            ('019aa000-0000-7000-8000-000000000001', 'Жирность > 50%', 'fat', NULL, now()),
                            ('019aa000-0000-7000-8000-000000000002', '>> Сыр, "твёрдый" >', 'hard', '019aa000-0000-7000-8000-000000000001', now())
                        """).update();
        good(
                "A-1,\"Сыр \"\"Тильзитер\"\", 45%\",\"Строка\nвторая\r\nтретья\rчетвёртая,\t\"\"кавычки\"\" \",Жирность >> 50%,50.5,RUB,3,",
                "a-1,=1+1,\" @SUM(A1) \",Жирность >> 50% > >>>> Сыр, \"твёрдый\" >>"
                                .replace(
                                        "Жирность >> 50% > >>>> Сыр, \"твёрдый\" >>",
                                        "\"Жирность >> 50% > >>>> Сыр, \"\"твёрдый\"\" >>\"")
                        + ",100,JPY,0,https://example.com/?a=1&b=2",
                "#3,Йод,\\N,Жирность >> 50%,7.1234,CLF,1,");
        db.sql("UPDATE product SET description = '' WHERE sku = '#3'").update();
        good("#4,Йод,\\N,Жирность >> 50%,7.1234,CLF,1,");
        var before = Dump.of(database);
        var exported = export();
        assertThat(new String(exported, StandardCharsets.UTF_8)).startsWith(HEADER + "\"#3\",Йод,,");
        assertThat(load(exported)).isEqualTo(new ProductFiles.Imported(0, 0, 4, 0));
        assertThat(Dump.of(database)).isEqualTo(before);
        assertThat(export()).isEqualTo(exported);

        migrate();
        assertThat(load(exported)).isEqualTo(new ProductFiles.Imported(4, 0, 0, 2));
        assertThat(export()).isEqualTo(exported);
        assertClean();
    }

    @Test
    void theDemoCatalogueIsAGrocersAndLoadsOnce() throws IOException {
        assertThat(files.loadDemoIfEmpty()).isTrue();
        var before = Dump.of(database);
        assertThat(files.loadDemoIfEmpty()).isFalse();
        assertThat(number("SELECT count(*) FROM product")).isGreaterThanOrEqualTo(300);
        assertThat(number("SELECT count(*) FROM category WHERE parent_id IS NULL"))
                .isGreaterThanOrEqualTo(12);
        assertThat(number("SELECT count(*) FROM category WHERE parent_id IS NOT NULL"))
                .isGreaterThanOrEqualTo(12);
        assertClean();
        try (var demo = new ClassPathResource("demo/products.csv").getInputStream()) {
            var again = load(demo.readAllBytes());
            assertThat(again).isEqualTo(new ProductFiles.Imported(0, 0, number("SELECT count(*) FROM product"), 0));
        }
        assertThat(Dump.of(database)).isEqualTo(before);
        db.sql("UPDATE product SET archived_at = now()").update();
        assertThat(files.loadDemoIfEmpty()).as("emptied by hand").isFalse();
    }

    @Test
    void somebodyWhoWritesTheSameAtThisMomentEndsTheImportWithoutAnything() throws Exception {
        good("A-1,Хлеб,,Хлеб,50,RUB,3,");
        var before = Dump.of(database);
        try (var other = database.getConnection();
                var statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("""
                    INSERT INTO product (id, sku, name, category_id, price, currency, created_at, updated_at)
                    SELECT gen_random_uuid(), 'A-2', 'Калач', id, 1, 'RUB', now(), now() FROM category
                    """);
            var commit = Thread.ofVirtual().start(() -> {
                try {
                    while (number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
                        Thread.sleep(20);
                    }
                    other.commit();
                } catch (java.sql.SQLException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThatThrownBy(() -> load(HEADER + "A-1,Хлеб,,Хлеб,60,RUB,3,\nA-2,Батон,,Хлеб,45,RUB,5,\n"))
                    .isInstanceOf(ProductFiles.ChangedMeanwhile.class);
            commit.join();
        }
        db.sql("DELETE FROM product WHERE sku = 'A-2'").update();
        assertThat(Dump.of(database)).isEqualTo(before);
    }

    @Test
    void theCommandsTellWhatTheyDidAndEndWithACode(@TempDir Path folder) throws IOException {
        var file = folder.resolve("товары.csv");
        Files.writeString(file, HEADER + "A-1,Хлеб,,Хлеб,50.00,RUB,3,\n");
        assertThat(command(true, file.toString()))
                .startsWith("0 ")
                .contains("1 products are new, 0 changed, 0 unchanged; 1 categories are new.");
        var copy = folder.resolve("copy.csv");
        assertThat(command(false, copy.toString())).isEqualTo("0 Exported 1 products.\n");
        assertThat(copy).hasSameTextualContentAs(file);
        assertThat(folder.toFile().list()).hasSize(2);
        assertThat(command(false)).isEqualTo("0 " + Files.readString(file) + "Exported 1 products.\n");

        Files.writeString(file, HEADER + "A-1,Хлеб,,Хлеб,50.00,RUB,3,\nA-2,,,Хлеб,50.00,RUB,3,\n");
        assertThat(command(true, file.toString()))
                .startsWith("1 ")
                .contains(file + ":3: name: This must not be blank.\n")
                .contains("Nothing was imported: 1 fault.\n");
        assertThat(command(true, folder.resolve("none.csv").toString())).startsWith("1 There is no file ");
        assertThat(command(true)).startsWith("1 ./store import");
        assertThat(command(false, folder.resolve("no/such.csv").toString())).contains("can't be written");
    }

    private String command(boolean in, String... arguments) {
        var bytes = new ByteArrayOutputStream();
        var out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        var code = in
                ? FileCommands.importFile(database, List.of(arguments), out, out)
                : FileCommands.exportFile(database, List.of(arguments), out, out);
        return code + " " + bytes.toString(StandardCharsets.UTF_8);
    }

    private void good(String... lines) {
        assertThat(load(HEADER + String.join("\n", lines) + "\n"))
                .as(() -> faults.toString())
                .isNotNull();
    }

    private ProductFiles.@Nullable Imported load(String file) {
        return load(file.getBytes(StandardCharsets.UTF_8));
    }

    private ProductFiles.@Nullable Imported load(byte[] file) {
        try {
            return files.load(
                    new ByteArrayInputStream(file), fault -> faults.add(fault.line() + " " + fault.message()));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private byte[] export() {
        var bytes = new ByteArrayOutputStream();
        files.export(bytes);
        return bytes.toByteArray();
    }

    private Map<String, @Nullable Object> product(String sku) {
        return db.sql("""
                        SELECT p.*, c.name AS category, s.quantity
                        FROM product p JOIN category c ON c.id = p.category_id JOIN stock s ON s.product_id = p.id
                        WHERE sku = :sku
                        """).param("sku", sku).query().singleRow();
    }

    private long number(String sql) {
        return db.sql(sql).query(Long.class).single();
    }

    /** Each product has a stock that is its ledger's sum, and knows whether it is in stock. */
    private void assertClean() {
        assertThat(number("""
                        SELECT count(*)
                        FROM product p LEFT JOIN stock s ON s.product_id = p.id
                        WHERE s.quantity IS DISTINCT FROM
                                (SELECT coalesce(sum(delta), 0) FROM stock_entry e WHERE e.product_id = p.id)
                           OR p.in_stock <> (s.quantity > 0)
                        """)).isZero();
    }
}
