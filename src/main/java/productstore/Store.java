package productstore;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;
import org.springframework.scheduling.annotation.EnableScheduling;
import productstore.catalog.ProductFiles;

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

    /** Starts the store and returns when it serves; it then ends by a signal. */
    static ConfigurableApplicationContext run(Settings settings) {
        requireFree(settings.port());
        requireFree(settings.managementPort());
        ChosenDatabase database = ChosenDatabase.toRun(settings);
        // Runs after the context is closed: requests in flight still have their database.
        SpringApplication.getShutdownHandlers().add(database::close);
        ConfigurableApplicationContext context = application(settings, database).run();
        if (settings.demo()) {
            context.getBean(ProductFiles.class).loadDemoIfEmpty();
        }
        Welcome.print(System.out, settings, new FirstAdministrator(null, null, null), null);
        return context;
    }

    private static SpringApplication application(Settings settings, ChosenDatabase database) {
        SpringApplication application = new SpringApplication(Store.class);
        application.addInitializers(context -> {
            var sources = context.getEnvironment().getPropertySources();
            sources.addFirst(new MapPropertySource(
                    "settings",
                    Map.of(
                            "server.port", settings.port(),
                            "management.server.port", settings.managementPort())));
            sources.addFirst(database.asProperties());
        });
        return application;
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
