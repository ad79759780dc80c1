package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import productstore.embedded.TestDatabase;

/** The pictures of {@code docs/data-model.md} have each table, column, key and reference of a migrated database, and no other. */
class DataModelPaperTest {
    private static final Pattern TABLE = Pattern.compile("^ {4}(\\w+) \\{\n((?: {8}.*\n)*) {4}}$", Pattern.MULTILINE);
    // type name PK, FK "words"
    private static final Pattern COLUMN = Pattern.compile(" {8}(\\w+) (\\w+)((?: (?:PK|FK|UK),?)*)(?: \".*\")?");
    // parent ||--o{ child : "words"
    private static final Pattern REFERENCE = Pattern.compile("^ {4}(\\w+) (\\|[|o])--.. (\\w+) :", Pattern.MULTILINE);

    private static JdbcClient db;

    @BeforeAll
    static void migrate() {
        var address = TestDatabase.create();
        var source = new DriverManagerDataSource(address.url(), address.user(), address.password());
        Flyway.configure().dataSource(source).load().migrate();
        db = JdbcClient.create(source);
    }

    @Test
    void everyTableIsDrawnWithAllItsColumns() throws IOException {
        assertThat(drawnTables(pictures())).isEqualTo(tables());
    }

    @Test
    void everyReferenceIsDrawn() throws IOException {
        assertThat(drawnReferences(pictures())).containsExactlyInAnyOrderElementsOf(references());
    }

    @Test
    void everyIndexIsNamed() throws IOException {
        var text = Paper.read("docs/data-model.md").text();
        assertThat(indexes()).isNotEmpty().allSatisfy(index -> assertThat(text).containsPattern("`" + index + "\\b"));
    }

    @Test
    void aPictureThatIsNotSoIsCaught() throws IOException {
        var right = pictures();
        for (var wrong : Map.of(
                        "uuid customer_id FK", "uuid customer_id",
                        "text status", "text state",
                        "smallint position PK", "integer position PK",
                        "bigint number UK", "bigint number",
                        "    order_event {", "    order_events {")
                .entrySet()) {
            var changed = right.replace(wrong.getKey(), wrong.getValue());
            assertThat(changed).isNotEqualTo(right);
            assertThat(drawnTables(changed)).as(wrong.getValue()).isNotEqualTo(tables());
        }
        var optional = right.replace("app_user ||--o{ orders", "app_user |o--o{ orders");
        assertThat(optional).isNotEqualTo(right);
        assertThat(drawnReferences(optional))
                .isNotEqualTo(drawnReferences(right))
                .doesNotContain("orders → app_user");
    }

    private static String pictures() throws IOException {
        return Paper.read("docs/data-model.md").blocks().stream()
                .filter(block -> block.language().equals("mermaid"))
                .map(Paper.Block::text)
                .collect(Collectors.joining("\n"));
    }

    /** By table, its columns in order, such as "uuid customer_id FK". */
    private static Map<String, List<String>> drawnTables(String pictures) {
        var tables = new TreeMap<String, List<String>>();
        TABLE.matcher(pictures)
                .results()
                .forEach(table -> tables.merge(
                        table.group(1),
                        table.group(2)
                                .lines()
                                .map(DataModelPaperTest::drawnColumn)
                                .toList(),
                        (one, two) -> List.of("drawn twice")));
        return tables;
    }

    private static String drawnColumn(String line) {
        var column = COLUMN.matcher(line);
        return column.matches() ? column.group(1) + " " + column.group(2) + column.group(3) : "not understood: " + line;
    }

    /** Such as "orders → app_user"; with a question mark where there may be none. */
    private static List<String> drawnReferences(String pictures) {
        return REFERENCE
                .matcher(pictures)
                .results()
                .map(reference -> reference.group(3) + " → " + reference.group(1)
                        + (reference.group(2).equals("|o") ? "?" : ""))
                .toList();
    }

    private static Map<String, List<String>> tables() {
        var tables = new TreeMap<String, List<String>>();
        db.sql("""
                SELECT c.relname, split_part(t.typname, '(', 1) AS type, a.attname,
                       concat_ws(', ', max('PK') FILTER (WHERE k.contype = 'p'), max('FK') FILTER (WHERE k.contype = 'f'),
                                 max('UK') FILTER (WHERE k.contype = 'u' AND cardinality(k.conkey) = 1)) AS keys
                FROM pg_class c
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                JOIN pg_type t ON t.oid = a.atttypid
                LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND a.attnum = ANY (k.conkey)
                WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'flyway_schema_history'
                GROUP BY c.relname, t.typname, a.attname, a.attnum
                ORDER BY c.relname, a.attnum
                """)
                .query((row, _) -> {
                    var keys = row.getString("keys");
                    tables.computeIfAbsent(row.getString("relname"), _ -> new ArrayList<>())
                            .add(Stream.of(sqlName(row.getString("type")), row.getString("attname"), keys)
                                    .filter(word -> !word.isEmpty())
                                    .collect(Collectors.joining(" ")));
                    return true;
                })
                .list();
        return tables;
    }

    /** A type as the migrations write it, without its bounds. */
    private static String sqlName(String type) {
        return switch (type) {
            case "bool" -> "boolean";
            case "bpchar" -> "char";
            case "int2" -> "smallint";
            case "int4" -> "integer";
            case "int8" -> "bigint";
            default -> type;
        };
    }

    private static List<String> references() {
        return db.sql("""
                SELECT k.conrelid::regclass || ' → ' || k.confrelid::regclass || CASE WHEN a.attnotnull THEN '' ELSE '?' END
                FROM pg_constraint k
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
                WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
                """).query((row, _) -> row.getString(1)).list();
    }

    /** But for those that a key or a unique column brings. */
    private static List<String> indexes() {
        return db.sql("""
                SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'flyway%'
                  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
                """).query((row, _) -> row.getString(1)).list();
    }
}
