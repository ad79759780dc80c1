package productstore;

import java.util.List;
import org.flywaydb.core.Flyway;
import org.postgresql.ds.PGSimpleDataSource;
import productstore.catalog.FileCommands;
import productstore.seeding.Seeding;

/** The verbs that fill the database or read it: they need no web server, and one may be running meanwhile. */
final class DataCommands {
    private DataCommands() {}

    /**
     * Runs a verb to its end.
     *
     * @param arguments behind the verb
     * @return the exit code
     */
    static int run(String verb, List<String> arguments, Settings settings) {
        try (ChosenDatabase database = ChosenDatabase.toCommand(settings)) {
            DatabaseAddress address = database.address();
            PGSimpleDataSource source = new PGSimpleDataSource();
            source.setUrl(address.url());
            source.setUser(address.user());
            source.setPassword(address.password());
            source.setApplicationName("product-store " + verb);
            new SchemaMigration()
                    .unlessNewer()
                    .migrate(Flyway.configure().dataSource(source).load());
            return switch (verb) {
                case "import" -> FileCommands.importFile(source, arguments, System.out, System.err);
                case "export" -> FileCommands.exportFile(source, arguments, System.out, System.err);
                case "seed" -> Seeding.run(source, arguments, System.out, System.err);
                default -> throw new StartupFailure("There is no verb \"" + verb + "\"; see ./store help.");
            };
        }
    }
}
