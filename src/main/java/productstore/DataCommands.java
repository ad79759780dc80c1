package productstore;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.util.List;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.LoggerFactory;
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
        logToStandardError();
        try (ChosenDatabase database = ChosenDatabase.toCommand(settings)) {
            DataSource source = source(database.address(), verb);
            SchemaMigration.migrate(flyway(source));
            return switch (verb) {
                case "import" -> FileCommands.importFile(source, arguments, System.out, System.err);
                case "export" -> FileCommands.exportFile(source, arguments, System.out, System.err);
                case "seed" -> Seeding.run(source, arguments, System.out, System.err);
                default -> throw new StartupFailure("There is no verb \"" + verb + "\"; see ./store help.");
            };
        }
    }

    /** Connections of a command's own; the server shows its verb beside them. */
    static DataSource source(DatabaseAddress address, String verb) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setTargetServerType("primary");
        source.setUrl(address.url());
        source.setUser(address.user());
        source.setPassword(address.password());
        source.setApplicationName("product-store " + verb);
        return source;
    }

    static Flyway flyway(DataSource source) {
        FluentConfiguration configuration = Flyway.configure().dataSource(source);
        SchemaMigration.configure(configuration);
        return configuration.load();
    }

    /** The standard output is for what a person asked for: an export must not begin with a log. */
    static void logToStandardError() {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern("%level %msg%n");
        encoder.start();
        ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
        console.setContext(context);
        console.setTarget("System.err");
        console.setEncoder(encoder);
        console.start();
        Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.WARN);
        root.addAppender(console);
    }
}
