package productstore.embedded;

import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** All rows of all tables as text, to compare a database with what it was. */
public final class Dump {
    private Dump() {}

    /** Rows by table, and the sequences' positions. */
    public static Map<String, String> of(DataSource database) {
        var db = JdbcClient.create(database);
        var dump = new TreeMap<String, String>();
        db.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                .query(String.class)
                .list()
                .forEach(table -> dump.put(
                        table,
                        db.sql("SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM " + table
                                        + " AS t")
                                .query(String.class)
                                .single()));
        db.sql("SELECT sequencename, last_value FROM pg_sequences").query(row -> {
            dump.put(row.getString(1), String.valueOf(row.getString(2)));
        });
        return dump;
    }
}
