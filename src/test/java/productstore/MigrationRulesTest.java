package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A migration is run while stores of the version before go on, so it may only add, and must not keep them out of a table for long:
 * docs/upgrading.md. One that takes away is called V7__contract_… and says why, and since when, in a line "-- contract: …".
 */
class MigrationRulesTest {
    private static final int FIRST = 3;
    private static final Pattern NAME = Pattern.compile("V(\\d+)__(\\w+)\\.sql");
    private static final Pattern REASON = Pattern.compile("^-- contract: \\S.{20,}$", Pattern.MULTILINE);
    private static final Pattern MADE = Pattern.compile("\\bcreate table (?:if not exists )?(?:public\\.)?\"?(\\w+)");
    private static final Pattern TABLE = Pattern.compile(
            "\\b(?:alter table (?:if exists )?(?:only )?|create (?:unique )?index .*?\\bon (?:only )?|update (?:only )?|delete from (?:only )?)(?:public\\.)?\"?(\\w+)");

    /**
     * What no statement may do.
     *
     * @param newTablesToo whether it is wrong for a table too that the same migration makes
     */
    private record Rule(Pattern wrong, boolean newTablesToo, String why) {
        Rule(String wrong, boolean newTablesToo, String why) {
            this(Pattern.compile(wrong), newTablesToo, why);
        }
    }

    private static final List<Rule> RULES = List.of(
            new Rule(
                    "\\bdrop (?!not null\\b|expression\\b|index concurrently if exists\\b)",
                    true,
                    "takes away what the version before uses"),
            new Rule("\\brename\\b", true, "takes away the old name, which the version before uses"),
            new Rule("\\btruncate\\b", true, "takes rows away"),
            new Rule("^delete from\\b", false, "takes rows away, and locks them"),
            new Rule(
                    "^update\\b",
                    false,
                    "locks every row that it writes until it ends; do it in batches from the program"),
            new Rule(
                    "\\bset not null\\b",
                    false,
                    "refuses what the version before writes, and reads all rows under a lock"),
            new Rule(
                    "\\badd (?:column )?(?!constraint\\b|check\\b)(?:(?!\\bdefault\\b)[^,])*\\bnot null\\b(?![^,]*\\bdefault\\b)",
                    false,
                    "refuses the rows that the version before writes; give it a default"),
            new Rule("\\balter (?:column )?\\w+ (?:set data )?type\\b", false, "rewrites the table under a lock"),
            new Rule(
                    "\\badd (?:column )?.*\\b(?:generated (?:always|by default) as|(?:small|big)?serial\\b|random\\(|gen_random_uuid\\(|uuidv7\\(|clock_timestamp\\()",
                    false,
                    "rewrites the table under a lock"),
            new Rule(
                    "\\bcreate (?:unique )?index (?!concurrently\\b)",
                    false,
                    "keeps writers out while it runs; add CONCURRENTLY"),
            new Rule(
                    "\\bcreate unique index|\\badd (?:constraint \\w+ )?(?:unique|primary key|exclude)\\b",
                    false,
                    "refuses what the version before may write"),
            new Rule(
                    "\\badd (?:constraint \\w+ )?(?:check|foreign key)\\b(?!.*\\bnot valid\\b)|\\badd (?:column )?.*\\breferences\\b",
                    false,
                    "reads all rows under a lock; add it NOT VALID and validate it in the next statement"),
            new Rule("\\balter table .*\\battach partition\\b", false, "reads all rows under a lock"),
            new Rule(
                    "^(?:lock|cluster|vacuum full|reindex (?!.*\\bconcurrently\\b)|refresh materialized view (?!concurrently\\b))",
                    true,
                    "keeps everybody out"),
            new Rule("\\bdisable (?:trigger|rule)\\b", true, "takes away what the version before relies on"));

    static List<Path> migrations() throws IOException {
        try (var files = Files.list(Path.of("src/main/resources/db/migration"))) {
            return files.sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("migrations")
    void everyMigrationOnlyAddsOrSaysWhyNot(Path file) throws IOException {
        assertThat(faults(String.valueOf(file.getFileName()), Files.readString(file)))
                .isEmpty();
    }

    @ParameterizedTest
    @MethodSource("migrations")
    void everyMigrationsTimeIsKnown(Path file) throws IOException {
        var name = String.valueOf(file.getFileName()).replace(".sql", "");
        assertThat(Files.readString(Path.of("docs/upgrading.md"))).contains("\n| " + name + " | ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DROP TABLE orders",
                "ALTER TABLE orders DROP COLUMN comment",
                "ALTER TABLE orders ALTER comment DROP DEFAULT",
                "DROP INDEX orders_newest",
                "ALTER TABLE orders RENAME COLUMN comment TO note",
                "ALTER TABLE orders RENAME TO purchases",
                "TRUNCATE search_word",
                "DELETE FROM search_word",
                "UPDATE orders SET comment = ''",
                "ALTER TABLE orders ALTER COLUMN comment SET NOT NULL",
                "ALTER TABLE orders ADD COLUMN gift boolean NOT NULL",
                "ALTER TABLE orders ADD gift boolean NOT NULL",
                "ALTER TABLE orders ALTER COLUMN comment TYPE varchar(10)",
                "ALTER TABLE orders ALTER comment SET DATA TYPE varchar(10)",
                "ALTER TABLE orders ADD COLUMN tag uuid DEFAULT gen_random_uuid()",
                "ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
                "ALTER TABLE orders ADD COLUMN n bigserial",
                "CREATE INDEX orders_gift ON orders (gift)",
                "CREATE UNIQUE INDEX orders_gift ON orders (gift)",
                "CREATE UNIQUE INDEX CONCURRENTLY orders_gift ON orders (gift)",
                "ALTER TABLE orders ADD CONSTRAINT once UNIQUE (number, status)",
                "ALTER TABLE orders ADD CONSTRAINT short CHECK (length(comment) < 10)",
                "ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES product",
                "ALTER TABLE orders ADD COLUMN gift_of uuid REFERENCES app_user",
                "LOCK TABLE orders",
                "VACUUM FULL orders",
                "REINDEX TABLE orders",
                "ALTER TABLE stock DISABLE TRIGGER stock_inserted",
            })
    void whatTakesAwayOrKeepsOutIsCaught(String statement) {
        assertThat(faults("V3__something.sql", "-- Nothing.\nSELECT 1;\n" + statement + ";\n"))
                .singleElement()
                .asString()
                .startsWith("V3__something.sql: ");
        assertThat(faults(
                        "V3__something.sql", statement.toLowerCase(Locale.ROOT).replace(" ", "\n  ")))
                .isNotEmpty();
    }

    @Test
    void whatOnlyAddsIsNot() {
        assertThat(faults("V3__something.sql", """
                -- Nothing is dropped: a comment may speak of DROP TABLE.
                ALTER TABLE orders ADD COLUMN gift boolean NOT NULL DEFAULT false;
                ALTER TABLE orders ADD COLUMN note text;
                ALTER TABLE orders ALTER COLUMN comment DROP NOT NULL;
                ALTER TABLE orders ADD CONSTRAINT short CHECK (length(note) < 10) NOT VALID;
                ALTER TABLE orders VALIDATE CONSTRAINT short;
                DROP INDEX CONCURRENTLY IF EXISTS orders_gift;
                CREATE INDEX CONCURRENTLY orders_gift ON orders (created_at) WHERE gift;
                CREATE TABLE parcel (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES orders, note text NOT NULL);
                CREATE UNIQUE INDEX parcel_order ON parcel (order_id);
                ALTER TABLE parcel ADD CONSTRAINT noted CHECK (note <> '');
                INSERT INTO search_word VALUES ('update orders set', 'drop table orders');
                CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    DELETE FROM parcel WHERE order_id = OLD.id;
                    RETURN NULL;
                END
                $$;
                """)).isEmpty();
    }

    @Test
    void oneThatTakesAwayIsLetThroughByItsNameAndAReason() {
        var statement = "ALTER TABLE orders DROP COLUMN comment;\n";
        var reason = "-- contract: nothing has read it since 0.2.0, where note took its place\n";
        assertThat(faults("V7__contract_comment.sql", reason + statement)).isEmpty();
        assertThat(faults("V7__contract_comment.sql", statement)).isNotEmpty();
        assertThat(faults("V7__contract_comment.sql", "-- contract: so\n" + statement))
                .isNotEmpty();
        assertThat(faults("V7__comment.sql", reason + statement)).isNotEmpty();
        assertThat(faults("comment.sql", "SELECT 1")).isNotEmpty();
    }

    private static List<String> faults(String file, String text) {
        var name = NAME.matcher(file);
        if (!name.matches()) {
            return List.of(file + ": no name of a migration");
        }
        if (Integer.parseInt(name.group(1)) < FIRST) {
            return List.of();
        }
        if (name.group(2).startsWith("contract_")) {
            return REASON.matcher(text).find()
                    ? List.of()
                    : List.of(
                            file + ": takes away without a line \"-- contract: why, and since when nothing uses it\"");
        }
        var made = new HashSet<String>();
        var faults = new ArrayList<String>();
        statements(text).forEach(statement -> {
            MADE.matcher(statement).results().map(table -> table.group(1)).forEach(made::add);
            var onNewTables = tables(statement).toList();
            boolean isNew = !onNewTables.isEmpty() && made.containsAll(onNewTables);
            RULES.stream()
                    .filter(rule -> rule.newTablesToo() || !isNew)
                    .filter(rule -> rule.wrong().matcher(statement).find())
                    .findFirst()
                    .ifPresent(rule -> faults.add(file + ": " + statement + ": " + rule.why()));
        });
        return faults;
    }

    private static Stream<String> tables(String statement) {
        return TABLE.matcher(statement).results().map((MatchResult table) -> table.group(1));
    }

    /** Each on one line, in lower case, without comments, texts and the bodies of functions. */
    private static Stream<String> statements(String text) {
        var bare = text.replaceAll("(?s)\\$(\\w*)\\$.*?\\$\\1\\$", "''")
                .replaceAll("(?m)--.*$", "")
                .replaceAll("(?s)/\\*.*?\\*/", "")
                .replaceAll("'(?:[^']|'')*'", "''")
                .toLowerCase(Locale.ROOT);
        return Arrays.stream(bare.split(";"))
                .map(statement -> statement.replaceAll("\\s+", " ").strip())
                .filter(statement -> !statement.isEmpty());
    }
}
