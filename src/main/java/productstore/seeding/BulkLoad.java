package productstore.seeding;

import java.util.ArrayList;
import java.util.List;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.platform.Progress;

/**
 * Takes away what makes many new rows slow (indexes, foreign keys, triggers of some tables) and makes it again as it was,
 * which also checks it, all in the caller's transaction. Nobody else can use the tables meanwhile.
 */
final class BulkLoad {
    private static final String TABLES = "(SELECT CAST(unnest(CAST(:tables AS text[])) AS regclass))";

    private final JdbcClient db;
    private final String[] tables;
    private final List<Definition> definitions = new ArrayList<>();

    private BulkLoad(JdbcClient db, List<String> tables) {
        this.db = db;
        this.tables = tables.toArray(String[]::new);
    }

    private record Definition(String name, String drop, String create) {}

    static BulkLoad begin(JdbcClient db, List<String> tables) {
        var load = new BulkLoad(db, tables);
        load.read();
        load.definitions
                .reversed()
                .forEach(definition -> db.sql(definition.drop()).update());
        for (var table : tables) {
            db.sql("ALTER TABLE " + table + " DISABLE TRIGGER USER").update();
        }
        return load;
    }

    /**
     * Makes everything again.
     *
     * @param work how much of the progress' total it is
     */
    void end(Progress progress, double work) {
        for (var definition : definitions) {
            progress.step("making " + definition.name() + " again");
            db.sql(definition.create()).update();
            progress.add(work / definitions.size());
        }
        for (var table : tables) {
            db.sql("ALTER TABLE " + table + " ENABLE TRIGGER USER").update();
        }
        // What the catalogue's own triggers would have said.
        db.sql("NOTIFY catalog_changed").update();
    }

    /** Indexes first: foreign keys may be checked by them. Those of primary keys and unique constraints stay. */
    private void read() {
        read("""
                SELECT c.relname AS name,
                    format('DROP INDEX %s', i.indexrelid::regclass) AS drop_it, pg_get_indexdef(i.indexrelid) AS create_it
                FROM pg_index i
                JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid IN <tables>
                  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
                ORDER BY 1
                """);
        read("""
                SELECT conname AS name,
                    format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop_it,
                    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
                        AS create_it
                FROM pg_constraint
                WHERE contype = 'f' AND conrelid IN <tables>
                ORDER BY 1
                """);
    }

    private void read(String sql) {
        definitions.addAll(db.sql(sql.replace("<tables>", TABLES))
                .param("tables", tables)
                .query((row, n) ->
                        new Definition(row.getString("name"), row.getString("drop_it"), row.getString("create_it")))
                .list());
    }
}
