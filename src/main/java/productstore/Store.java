package productstore;

import java.io.Console;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.boot.context.event.ApplicationStartedEvent;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.core.env.MapPropertySource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.EnableScheduling;
import productstore.catalog.ProductFiles;
import productstore.identity.Users;
import productstore.telemetry.Journal;
import productstore.telemetry.LogOutput;
import productstore.telemetry.Service;

/** The program. Its first argument is a verb, {@code run} where there is none. */
@SpringBootApplication
@ConfigurationPropertiesScan
@EnableScheduling
public class Store {
    public static void main(String[] args) {
        List<String> words = List.of(args);
        String verb = words.isEmpty() ? "run" : words.getFirst();
        try {
            switch (verb) {
                case "run" -> run(Settings.from(System.getenv()));
                case "train" -> TrainingRun.in(Path.of(words.getLast()));
                case "import", "export", "seed" ->
                    System.exit(DataCommands.run(verb, words.subList(1, words.size()), Settings.from(System.getenv())));
                case "migrate" ->
                    System.exit(MigrateCommand.run(words.subList(1, words.size()), Settings.from(System.getenv())));
                case "backup" ->
                    System.exit(BackupCommands.backup(words.subList(1, words.size()), Settings.from(System.getenv())));
                case "restore" ->
                    System.exit(BackupCommands.restore(words.subList(1, words.size()), Settings.from(System.getenv())));
                default -> throw new StartupFailure("There is no verb \"" + verb + "\"; see ./store help.");
            }
        } catch (RuntimeException | Error failure) {
            StartupFailure.sentenceOf(failure)
                    .ifPresentOrElse(
                            sentence -> System.err.println(sentence), () -> failure.printStackTrace(System.err));
            System.exit(1);
        }
    }

    /** Starts the store and returns when it serves; a signal ends it. */
    static FirstAdministrator run(Settings settings) {
        requireFree(settings.port());
        requireFree(settings.managementPort());
        Service service = service(settings);
        beginLog(settings, service);
        ChosenDatabase database = ChosenDatabase.toRun(settings);
        // These run after the context is closed, the last one first: requests in flight still have their database, and
        // its last words are still written.
        SpringApplication.getShutdownHandlers().add(LogOutput::flush);
        SpringApplication.getShutdownHandlers().add(database::close);
        CompletableFuture<FirstAdministrator> administrator = new CompletableFuture<>();
        SpringApplication application = application(settings, database, service);
        // Behind the framework's own listener, which sets up an output of its own.
        application.addListeners((ApplicationListener<ApplicationEnvironmentPreparedEvent>) _ -> LogOutput.takeOver());
        application.addListeners((ApplicationListener<ContextClosedEvent>) closed -> {
            if (closed.getApplicationContext().getParent() == null) {
                Journal.of("store-stopped").say("the store stops");
            }
        });
        // Before the store calls itself ready, so that whoever waits for that finds products and can sign in.
        application.addListeners((ApplicationListener<ApplicationStartedEvent>)
                started -> administrator.complete(furnish(settings, started.getApplicationContext())));
        ApplicationContext context = start(application, database);
        Journal.of("store-started").say("the store answers at http://localhost:{}", settings.port());
        if (settings.logFormat() != LogOutput.Format.JSON) {
            // Else a line could come in between.
            LogOutput.flush();
            Welcome.print(System.out, settings, administrator.join(), somethingToOrder(context));
        }
        return administrator.join();
    }

    /** Where nothing else was asked for, a person at a terminal gets lines to read and everything else lines of JSON. */
    private static void beginLog(Settings settings, Service service) {
        boolean terminal =
                Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
        var format = Objects.requireNonNullElse(
                settings.logFormat(), terminal ? LogOutput.Format.TEXT : LogOutput.Format.JSON);
        try {
            LogOutput.begin(service, format, settings.logFile());
        } catch (IOException e) {
            throw new StartupFailure("STORE_LOG_FILE can't be written (" + e + ").", e);
        }
    }

    private static Service service(Settings settings) {
        return new Service("product-store", version(), node(settings));
    }

    static String version() {
        var version = Store.class.getPackage().getImplementationVersion();
        return version == null ? "unknown" : version;
    }

    /** Which of several stores this is. */
    private static String node(Settings settings) {
        var host = System.getenv("HOSTNAME");
        try {
            return (host == null ? Files.readString(Path.of("/etc/hostname")).strip() : host) + ":" + settings.port();
        } catch (IOException e) {
            return "localhost:" + settings.port();
        }
    }

    private static FirstAdministrator furnish(Settings settings, ApplicationContext context) {
        if (settings.demo()) {
            context.getBean(ProductFiles.class).loadDemoIfEmpty();
        }
        return FirstAdministrator.ensure(settings, context.getBean(Users.class)::ensureAdministrator);
    }

    private static ApplicationContext start(SpringApplication application, ChosenDatabase database) {
        try {
            return application.run();
        } catch (RuntimeException consequence) {
            // Spring drops what goes wrong while a property is read, and fails later for want of it.
            throw database.failure().orElse(consequence);
        }
    }

    private static SpringApplication application(Settings settings, ChosenDatabase database, Service service) {
        SpringApplication application = new SpringApplication(Store.class);
        application.setLogStartupInfo(false);
        application.addInitializers(context -> {
            var sources = context.getEnvironment().getPropertySources();
            sources.addFirst(new MapPropertySource(
                    "settings",
                    Map.ofEntries(
                            Map.entry("server.port", settings.port()),
                            Map.entry("management.server.port", settings.managementPort()),
                            Map.entry("store.rate-limit", settings.rateLimit() ? "on" : "off"),
                            Map.entry("store.redis-url", Objects.toString(settings.redisUrl(), "")),
                            Map.entry("store.trusted-proxies", settings.trustedProxies()),
                            Map.entry("store.replica-url", Objects.toString(settings.replicaUrl(), "")),
                            Map.entry(
                                    "management.opentelemetry.resource-attributes.service.version", service.version()),
                            Map.entry(
                                    "management.opentelemetry.resource-attributes.service.instance.id",
                                    service.node()))));
            sources.addFirst(database.asProperties());
        });
        return application;
    }

    private static String somethingToOrder(ApplicationContext context) {
        return context.getBean(JdbcClient.class)
                .sql("""
                /* welcome.product */
                SELECT id FROM product WHERE archived_at IS NULL AND in_stock ORDER BY created_at DESC, id DESC LIMIT 1
                """)
                .query(String.class)
                .optional()
                .orElse("the id of a product");
    }

    /** Found out before a database is started for nothing. */
    private static void requireFree(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(port));
        } catch (IOException e) {
            throw new StartupFailure(StartupFailure.portTaken(port), e);
        }
    }
}
