package productstore;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.Environment;

/** Another store on the database of a test's store, as on another machine. */
final class SecondStore implements AutoCloseable {
    private final ConfigurableApplicationContext context;

    private SecondStore(ConfigurableApplicationContext context) {
        this.context = context;
    }

    /**
     * Starts it.
     *
     * @param first the test's store's
     * @param settings what is different, {@code store.redis-url} for example
     */
    static SecondStore beside(Environment first, Map<String, String> settings) {
        var arguments =
                new ArrayList<>(List.of("--server.port=0", "--management.server.port=0", "--store.rate-limit=off"));
        for (var name : List.of("url", "username", "password")) {
            arguments.add("--spring.datasource." + name + "=" + first.getProperty("spring.datasource." + name));
        }
        settings.forEach((name, value) -> arguments.add("--" + name + "=" + value));
        return new SecondStore(new SpringApplicationBuilder(Store.class).run(arguments.toArray(String[]::new)));
    }

    Client anyone() {
        return new Client("http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port"), null);
    }

    @Override
    public void close() {
        context.close();
    }
}
