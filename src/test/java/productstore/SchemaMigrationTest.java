package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import productstore.embedded.TestDatabase;

class SchemaMigrationTest {
    private final TestDatabase.Address database = TestDatabase.create();
    private final Flyway flyway = Flyway.configure()
            .dataSource(database.url(), database.user(), database.password())
            .load();

    @Test
    void anEmptyDatabaseIsMigratedAndAMigratedOneLeftAsItIs() {
        new SchemaMigration().unlessNewer().migrate(flyway);
        assertThat(flyway.info().pending()).isEmpty();
        new SchemaMigration().unlessNewer().migrate(flyway);
    }

    @Test
    void aDatabaseThatIsNewerThanTheProgramIsRefusedInASentence() throws SQLException {
        new SchemaMigration().unlessNewer().migrate(flyway);
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement()) {
            statement.execute("""
                    INSERT INTO flyway_schema_history
                        (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
                    VALUES (9999, '9999', 'from the future', 'SQL', 'V9999__from_the_future.sql', 1, 'x', 1, true)
                    """);
        }
        assertThatThrownBy(() -> new SchemaMigration().unlessNewer().migrate(flyway))
                .isInstanceOf(StartupFailure.class)
                .hasMessage("The database was made by a newer Product Store (its schema is at version 9999);"
                        + " start that version or a newer one.");
    }
}
