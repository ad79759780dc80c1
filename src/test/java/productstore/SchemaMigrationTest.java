package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;
import productstore.embedded.TestDatabase;

class SchemaMigrationTest {
    private final TestDatabase.Address database = TestDatabase.create();
    private final Flyway flyway = flyway("classpath:db/migration");

    /** As a command has it, with migrations from elsewhere too. */
    private Flyway flyway(String... locations) {
        var source = new PGSimpleDataSource();
        source.setUrl(database.url());
        source.setUser(database.user());
        source.setPassword(database.password());
        var configuration = Flyway.configure().dataSource(source).locations(locations);
        SchemaMigration.configure(configuration);
        return configuration.load();
    }

    private Flyway newer(String what) {
        return flyway("classpath:db/migration", "classpath:newer/" + what);
    }

    @Test
    void anEmptyDatabaseIsMigratedAndAMigratedOneLeftAsItIs() {
        assertThat(SchemaMigration.migrate(flyway).migrationsExecuted).isPositive();
        assertThat(flyway.info().pending()).isEmpty();
        assertThat(SchemaMigration.migrate(flyway).migrationsExecuted).isZero();
    }

    @Test
    void whatANewerProgramHasOnlyAddedIsLeftAloneAndLivedWith() throws SQLException {
        SchemaMigration.migrate(flyway);
        assertThat(SchemaMigration.migrate(newer("adds")).migrationsExecuted).isEqualTo(2);
        assertThat(SchemaMigration.migrate(flyway).migrationsExecuted).isZero();
        assertThat(value("SELECT count(*) FROM flyway_schema_history WHERE version LIKE '900%'"))
                .isEqualTo("2");
        assertThat(value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_gift'::regclass"))
                .as("an index that is made beside writers, outside of a transaction")
                .isEqualTo("t");
    }

    @Test
    void aDatabaseFromWhichANewerProgramTookSomethingIsRefusedInASentence() {
        SchemaMigration.migrate(newer("takes"));
        assertThatThrownBy(() -> SchemaMigration.migrate(flyway))
                .isInstanceOf(StartupFailure.class)
                .hasMessage("The database was made by a newer Product Store (its schema is at version 9009);"
                        + " start that version or a newer one.");
    }

    @Test
    void oneOfManyWhoBeginAtOnceMigratesAndTheOthersWait() {
        Race.of(6, Duration.ofSeconds(60), n -> {
            var another = flyway("classpath:db/migration");
            SchemaMigration.migrate(another);
            assertThat(another.info().pending()).isEmpty();
        });
        assertThat(flyway.info().applied()).hasSameSizeAs(flyway.info().all());
    }

    @Test
    void aTableThatSomebodyHoldsIsGivenUpInASentence() throws SQLException {
        SchemaMigration.migrate(flyway);
        try (Connection holder = connect();
                Statement statement = holder.createStatement()) {
            holder.setAutoCommit(false);
            statement.execute("LOCK TABLE orders IN ACCESS SHARE MODE");
            var fails = assertThatThrownBy(() -> SchemaMigration.migrate(newer("takes")));
            fails.satisfies(failure -> assertThat(StartupFailure.sentenceOf(failure))
                    .hasValueSatisfying(sentence -> assertThat(sentence).contains("waited 10 s for a table")));
        }
        assertThat(SchemaMigration.migrate(newer("takes")).migrationsExecuted).isEqualTo(1);
    }

    private Connection connect() throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }

    private String value(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            assertThat(row.next()).isTrue();
            return row.getString(1);
        }
    }
}
