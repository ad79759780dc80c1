package productstore;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
        var all = new TreeMap<>(Map.of("server.port", "0", "management.server.port", "0", "store.rate-limit", "off"));
        for (var name : List.of("url", "username", "password")) {
            all.put("spring.datasource." + name, String.valueOf(first.getProperty("spring.datasource." + name)));
        }
        all.putAll(settings);
        return new SecondStore(new SpringApplicationBuilder(Store.class)
                .run(all.entrySet().stream()
                        .map(setting -> "--" + setting.getKey() + "=" + setting.getValue())
                        .toArray(String[]::new)));
    }

    Client anyone() {
        return new Client("http://127.0.0.1:" + port("local.server.port"), null);
    }

    int managementPort() {
        return port("local.management.port");
    }

    private int port(String name) {
        return context.getEnvironment().getRequiredProperty(name, Integer.class);
    }

    @Override
    public void close() {
        context.close();
    }
}
