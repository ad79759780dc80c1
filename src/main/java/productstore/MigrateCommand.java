package productstore;

import java.util.List;
import java.util.Locale;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.output.MigrateResult;

/** The verb {@code migrate}: the database's schema is brought up to date without a store being started. */
final class MigrateCommand {
    private static final String HELP = """
            ./store migrate
              Brings the schema of the database (STORE_DB_URL, or the embedded one) to this version and says what it did.
              Stores of the version before go on meanwhile. Given twice, or by two at once, it is done once.
            """;

    private MigrateCommand() {}

    /**
     * Runs it to its end.
     *
     * @param arguments behind the verb; there should be none
     * @return the exit code: 0 if the schema is this program's
     */
    static int run(List<String> arguments, Settings settings) {
        if (!arguments.isEmpty()) {
            System.err.print(HELP);
            return 1;
        }
        DataCommands.logToStandardError();
        try (ChosenDatabase database = ChosenDatabase.toCommand(settings)) {
            DatabaseAddress address = database.address();
            long began = System.nanoTime();
            Flyway flyway = DataCommands.flyway(DataCommands.source(address, "migrate"));
            MigrateResult result = SchemaMigration.migrate(flyway);
            System.out.println(sentence(address, flyway, result, (System.nanoTime() - began) / 1e9));
            return 0;
        }
    }

    private static String sentence(DatabaseAddress address, Flyway flyway, MigrateResult result, double seconds) {
        var current = flyway.info().current();
        if (current == null) {
            throw new IllegalStateException("the schema has no version after its migration");
        }
        if (result.migrationsExecuted == 0) {
            return "The schema of the database at " + address + " is at version " + current.getVersion()
                    + " already; nothing was to be done.";
        }
        // Flyway says so of a database that was empty.
        boolean wasEmpty = result.initialSchemaVersion == null || result.initialSchemaVersion.isEmpty();
        return String.format(
                Locale.ROOT,
                "The schema of the database at %s was %s and is at version %s now (%d %s, %.1f s).",
                address,
                wasEmpty ? "empty" : "at version " + result.initialSchemaVersion,
                current.getVersion(),
                result.migrationsExecuted,
                result.migrationsExecuted == 1 ? "migration" : "migrations",
                seconds);
    }
}
