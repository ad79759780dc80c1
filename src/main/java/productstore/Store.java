package productstore;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationStartedEvent;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.core.env.MapPropertySource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.EnableScheduling;
import productstore.catalog.ProductFiles;
import productstore.identity.Users;

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
        ChosenDatabase database = ChosenDatabase.toRun(settings);
        // Runs after the context is closed: requests in flight still have their database.
        SpringApplication.getShutdownHandlers().add(database::close);
        CompletableFuture<FirstAdministrator> administrator = new CompletableFuture<>();
        SpringApplication application = application(settings, database);
        // Before the store calls itself ready, so that whoever waits for that finds products and can sign in.
        application.addListeners((ApplicationListener<ApplicationStartedEvent>)
                started -> administrator.complete(furnish(settings, started.getApplicationContext())));
        ApplicationContext context = start(application, database);
        Welcome.print(System.out, settings, administrator.join(), somethingToOrder(context));
        return administrator.join();
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

    private static SpringApplication application(Settings settings, ChosenDatabase database) {
        SpringApplication application = new SpringApplication(Store.class);
        application.setLogStartupInfo(false);
        application.addInitializers(context -> {
            var sources = context.getEnvironment().getPropertySources();
            sources.addFirst(new MapPropertySource(
                    "settings",
                    Map.of(
                            "server.port",
                            settings.port(),
                            "management.server.port",
                            settings.managementPort(),
                            "store.rate-limit",
                            settings.rateLimit() ? "on" : "off",
                            "store.redis-url",
                            Objects.toString(settings.redisUrl(), ""))));
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
