package productstore;

import java.util.Arrays;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Brings the database to this program's schema, and leaves alone what a newer program has made. */
@Configuration(proxyBeanMethods = false)
class SchemaMigration {
    @Bean
    FlywayMigrationStrategy unlessNewer() {
        return flyway -> {
            MigrationInfo[] applied = flyway.info().applied();
            Arrays.stream(applied)
                    .filter(SchemaMigration::isUnknown)
                    .findFirst()
                    .ifPresent(migration -> {
                        throw new StartupFailure(
                                "The database was made by a newer Product Store (its schema is at version "
                                        + migration.getVersion() + "); start that version or a newer one.");
                    });
            flyway.migrate();
        };
    }

    private static boolean isUnknown(MigrationInfo migration) {
        MigrationState state = migration.getState();
        return state == MigrationState.FUTURE_SUCCESS || state == MigrationState.FUTURE_FAILED;
    }
}
