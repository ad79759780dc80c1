package productstore.platform;

import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.core.io.support.ResourcePatternResolver;
import org.springframework.stereotype.Component;

/**
 * Whether the database answers and has every migration that this program needs. It uses a connection of its own, because a store that is merely busy must not be taken out of service. Named so
 * that it takes the place of Spring Boot's {@code db}, which would wait at the gate.
 */
@Component("dbHealthIndicator")
class DatabaseHealth implements HealthIndicator {
    private static final Duration REMEMBERED = Duration.ofSeconds(1);
    private static final Duration ANSWER_TIME = Duration.ofSeconds(2);
    private static final String UNDEFINED_TABLE = "42P01";

    private final Database.FairGate database;
    private final MigrationVersion own;
    private long checkedNanos;
    private @Nullable Health last;

    DatabaseHealth(Database.FairGate database, ResourcePatternResolver resources) throws IOException {
        this.database = database;
        this.own = Arrays.stream(resources.getResources("classpath:db/migration/V*__*.sql"))
                .map(file -> String.valueOf(file.getFilename()))
                .map(name -> MigrationVersion.fromVersion(name.substring(1, name.indexOf("__"))))
                .max(Comparator.naturalOrder())
                .orElseThrow(() -> new IllegalStateException("the program has no schema"));
    }

    /** One check at a time, and at most one a second: however many ask, they take one connection. */
    @Override
    public synchronized Health health() {
        var known = last;
        if (known == null || System.nanoTime() - checkedNanos >= REMEMBERED.toNanos()) {
            known = check();
            last = known;
            checkedNanos = System.nanoTime();
        }
        return known;
    }

    private Health check() {
        try {
            var applied = applied();
            // Newer is fine: while a new version is rolled out, it has migrated and this one still serves.
            return applied != null && applied.compareTo(own) >= 0
                    ? Health.up().withDetail("schema", own.toString()).build()
                    : Health.down()
                            .withDetail("schema", applied == null ? "none" : applied.toString())
                            .withDetail("needed", own.toString())
                            .build();
        } catch (SQLException e) {
            return Health.down(e).build();
        }
    }

    /** The newest version that was migrated to; null on an empty database. */
    private @Nullable MigrationVersion applied() throws SQLException {
        try (var connection = database.getSpareConnection()) {
            connection.setNetworkTimeout(Runnable::run, Math.toIntExact(ANSWER_TIME.toMillis()));
            @Nullable MigrationVersion newest = null;
            try (var statement = connection.createStatement();
                    var rows = statement.executeQuery(
                            "/* health.schema */ SELECT version FROM flyway_schema_history WHERE success AND version IS NOT NULL")) {
                while (rows.next()) {
                    var version = MigrationVersion.fromVersion(rows.getString(1));
                    if (newest == null || version.compareTo(newest) > 0) {
                        newest = version;
                    }
                }
            }
            return newest;
        } catch (SQLException e) {
            if (UNDEFINED_TABLE.equals(e.getSQLState())) {
                return null;
            }
            throw e;
        }
    }
}
