package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.util.ArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;

/** A connection that can't write any more leads to a server that is the primary no more, and is used no more. */
class ReadOnlyConnectionTest extends StoreTest {
    @Autowired
    private DataSource database;

    @Test
    void itIsThrownAway() throws SQLException {
        int lost;
        try (var connection = database.getConnection();
                var statement = connection.createStatement()) {
            lost = pid(statement);
            statement.execute("SET default_transaction_read_only = on");
            assertThatThrownBy(() -> statement.execute("CREATE TABLE never_there (n int)"))
                    .isInstanceOfSatisfying(
                            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("25006"));
        }
        var others = new ArrayList<Integer>();
        var taken = new ArrayList<AutoCloseable>();
        for (int n = 0; n < 16; n++) {
            var connection = database.getConnection();
            taken.add(connection);
            try (var statement = connection.createStatement()) {
                others.add(pid(statement));
            }
        }
        for (var connection : taken) {
            close(connection);
        }
        assertThat(others).doesNotContain(lost);
    }

    private static int pid(java.sql.Statement statement) throws SQLException {
        try (var row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }

    private static void close(AutoCloseable connection) {
        try {
            connection.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
