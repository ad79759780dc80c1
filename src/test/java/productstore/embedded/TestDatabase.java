package productstore.embedded;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;

/**
 * Gives each Spring context of the tests an empty database of its own, on one PostgreSQL that all tests of this JVM share:
 * {@code @ContextConfiguration(initializers = TestDatabase.class)}. Without Spring, {@link #create()} makes one. It is the
 * embedded one, or, to try another version, the one at {@code STORE_TEST_DB_URL} (a JDBC address with user and password).
 */
public final class TestDatabase implements ApplicationContextInitializer<ConfigurableApplicationContext> {
    private static final AtomicInteger made = new AtomicInteger();

    /** Where a test database is; the url is a JDBC address. */
    public record Address(String url, String user, String password) {}

    @Override
    public void initialize(ConfigurableApplicationContext context) {
        Address address = create();
        context.getEnvironment()
                .getPropertySources()
                .addFirst(new MapPropertySource(
                        "test database",
                        Map.of(
                                "spring.datasource.url", address.url(),
                                "spring.datasource.username", address.user(),
                                "spring.datasource.password", address.password())));
    }

    /** A new, empty database. */
    public static Address create() {
        Address server = server();
        String name = "test_" + ProcessHandle.current().pid() + "_" + made.incrementAndGet();
        try (Connection connection = DriverManager.getConnection(server.url(), server.user(), server.password());
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + name);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        return new Address(server.url().replaceFirst("/[^/]*$", "/" + name), server.user(), server.password());
    }

    private static Address server() {
        String url = System.getenv("STORE_TEST_DB_URL");
        if (url != null) {
            return new Address(
                    url,
                    System.getenv("STORE_TEST_DB_USER"),
                    System.getenv().getOrDefault("STORE_TEST_DB_PASSWORD", ""));
        }
        EmbeddedPostgres postgres = Shared.POSTGRES;
        return new Address(postgres.jdbcUrl(), postgres.user(), postgres.password());
    }

    /** Started at the first use and stopped with this JVM. */
    private static final class Shared {
        static final EmbeddedPostgres POSTGRES = start();

        private static EmbeddedPostgres start() {
            try {
                Path dataDir = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "test-data-");
                DataFolder.letThrough(dataDir);
                EmbeddedPostgres postgres = EmbeddedPostgres.start(
                        dataDir, Path.of("target/postgres-binaries").toAbsolutePath());
                Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(postgres, dataDir)));
                return postgres;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static void stop(EmbeddedPostgres postgres, Path dataDir) {
            postgres.close();
            try {
                Trees.delete(dataDir);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
