package productstore;

import java.util.Arrays;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateResult;
import org.flywaydb.database.postgresql.PostgreSQLConfigurationExtension;
import org.springframework.boot.flyway.autoconfigure.FlywayConfigurationCustomizer;
import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Brings the database to this program's schema. What a newer program has made is left alone, and served as long as all of it
 * only adds: an older store goes on, and starts again, while a new version is rolled out or taken back. A migration that takes
 * something away says so in its name ({@code V7__contract_…}), which stands in the database for older programs to read.
 */
@Configuration(proxyBeanMethods = false)
class SchemaMigration {
    /** How the description of a migration begins that older programs can't live with. */
    private static final String TAKES_AWAY = "contract ";

    @Bean
    FlywayConfigurationCustomizer asEveryMigration() {
        return SchemaMigration::configure;
    }

    @Bean
    FlywayMigrationStrategy unlessNewer() {
        return SchemaMigration::migrate;
    }

    /** What holds for each migration, at a store's start or by a command. */
    static void configure(FluentConfiguration flyway) {
        // Who waits for a table keeps everybody out who comes later; after a while it is better to give up. The time of
        // the
        // statement itself has no bound: a large shop takes what it takes.
        flyway.initSql("SET lock_timeout = '10s'; SET statement_timeout = 0");
        // Several may begin at once; the others wait until the first is done, however long that takes.
        flyway.lockRetryCount(-1);
        // A lock that is a transaction's would be waited for by CREATE INDEX CONCURRENTLY, for ever.
        flyway.getConfigurationExtension(PostgreSQLConfigurationExtension.class).setTransactionalLock(false);
    }

    /**
     * Brings the schema up to date, unless it is beyond this program.
     *
     * @throws StartupFailure if a newer program took something away
     */
    static MigrateResult migrate(Flyway flyway) {
        Arrays.stream(flyway.info().applied())
                .filter(SchemaMigration::isUnknown)
                .filter(migration -> migration.getDescription().startsWith(TAKES_AWAY))
                .findFirst()
                .ifPresent(migration -> {
                    throw new StartupFailure("The database was made by a newer Product Store (its schema is at version "
                            + migration.getVersion() + "); start that version or a newer one.");
                });
        return flyway.migrate();
    }

    private static boolean isUnknown(MigrationInfo migration) {
        MigrationState state = migration.getState();
        return state == MigrationState.FUTURE_SUCCESS || state == MigrationState.FUTURE_FAILED;
    }
}
