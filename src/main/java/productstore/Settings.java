package productstore;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import productstore.platform.TrustedProxies;
import productstore.telemetry.LogOutput;

/**
 * What a person may set, read once from the environment. A variable that is empty counts as not set. What is secret may stand in
 * a file instead, which the variable of the same name with {@code _FILE} at its end names.
 *
 * @param port of the API and the web pages
 * @param managementPort of metrics and health
 * @param database a PostgreSQL of one's own, or null for the embedded one
 * @param dataDir where the embedded PostgreSQL and generated passwords are kept
 * @param adminEmail the first administrator's, or null for none
 * @param adminPassword the first administrator's, or null to have one made (embedded) or to have no administrator
 * @param demo whether an empty catalogue is filled with the demo's
 * @param redisUrl of the cache that several stores share, or null for none
 * @param rateLimit whether clients are limited
 * @param trustedProxies addresses and networks of proxies whose X-Forwarded-For is believed, with commas between
 * @param replicaUrl a JDBC address of one or several replicas of the database, or null for none
 * @param logFormat how lines look on standard output, or null: for a person on a terminal, else as JSON
 * @param logFile where they go too, or null
 */
record Settings(
        int port,
        int managementPort,
        @Nullable DatabaseAddress database,
        Path dataDir,
        @Nullable String adminEmail,
        @Nullable String adminPassword,
        boolean demo,
        boolean rateLimit,
        String trustedProxies,
        @Nullable String replicaUrl,
        @Nullable URI redisUrl,
        LogOutput.@Nullable Format logFormat,
        @Nullable Path logFile) {

    private static final String DEFAULT_ADMIN_EMAIL = "admin@store.local";
    private static final int REDIS_PORT = 6379;
    private static final int PASSWORD_MIN = 8;
    private static final int PASSWORD_MAX = 256;

    /**
     * Reads and checks all of them.
     *
     * @throws StartupFailure for the first one that is wrong
     */
    static Settings from(Map<String, String> environment) {
        Reader read = new Reader(environment);
        int port = read.port("STORE_PORT", 8080);
        int managementPort = read.port("STORE_MANAGEMENT_PORT", 9000);
        if (port == managementPort) {
            throw new StartupFailure("STORE_PORT and STORE_MANAGEMENT_PORT are both " + port
                    + "; give metrics and health a port of their own.");
        }
        DatabaseAddress database = read.database();
        String email = read.text("STORE_ADMIN_EMAIL");
        String password = read.secret("STORE_ADMIN_PASSWORD");
        if (database != null && (email == null) != (password == null)) {
            throw new StartupFailure("With STORE_DB_URL an administrator needs both STORE_ADMIN_EMAIL and"
                    + " STORE_ADMIN_PASSWORD; set the missing one, or neither.");
        }
        if (email != null && !email.contains("@")) {
            throw new StartupFailure("STORE_ADMIN_EMAIL must be an e-mail address such as " + DEFAULT_ADMIN_EMAIL
                    + ", not \"" + email + "\".");
        }
        if (password != null && (password.length() < PASSWORD_MIN || password.length() > PASSWORD_MAX)) {
            throw new StartupFailure(
                    "STORE_ADMIN_PASSWORD must have " + PASSWORD_MIN + " to " + PASSWORD_MAX + " characters.");
        }
        read.checkTracing();
        return new Settings(
                port,
                managementPort,
                database,
                read.dataDir(),
                email == null && database == null ? DEFAULT_ADMIN_EMAIL : email,
                password,
                read.choice("STORE_DEMO", "true", "false", database == null),
                read.choice("STORE_RATE_LIMIT", "on", "off", true),
                read.trustedProxies(),
                read.replicaUrl(database),
                read.redisUrl(),
                read.logFormat(),
                read.path("STORE_LOG_FILE"));
    }

    private record Reader(Map<String, String> environment) {
        @Nullable
        String text(String name) {
            String value = environment.get(name);
            return value == null || value.isBlank() ? null : value.strip();
        }

        /** From the variable, or from the file that name_FILE names; what that holds is never repeated. */
        @Nullable
        String secret(String name) {
            String value = text(name);
            Path file = path(name + "_FILE");
            if (file == null) {
                return value;
            }
            if (value != null) {
                throw new StartupFailure("Both " + name + " and " + name + "_FILE are set; give one of them.");
            }
            try {
                String kept = Files.readString(file).strip();
                if (!kept.isEmpty()) {
                    return kept;
                }
            } catch (IOException e) {
                throw new StartupFailure(name + "_FILE is " + file + ", which can't be read (" + e + ").", e);
            }
            throw new StartupFailure(name + "_FILE is " + file + ", which is empty.");
        }

        int port(String name, int otherwise) {
            String text = text(name);
            if (text == null) {
                return otherwise;
            }
            try {
                int port = Integer.parseInt(text);
                if (port >= 1 && port <= 65535) {
                    return port;
                }
            } catch (NumberFormatException e) {
                // Told below, as for a number out of range.
            }
            throw new StartupFailure(name + " must be a number from 1 to 65535, not \"" + text + "\".");
        }

        boolean choice(String name, String yes, String no, boolean otherwise) {
            String text = text(name);
            if (text == null) {
                return otherwise;
            }
            if (!text.equals(yes) && !text.equals(no)) {
                throw new StartupFailure(name + " must be " + yes + " or " + no + ", not \"" + text + "\".");
            }
            return text.equals(yes);
        }

        Path dataDir() {
            Path given = path("STORE_DATA_DIR");
            return given == null ? Path.of("data") : given;
        }

        @Nullable
        Path path(String name) {
            String text = text(name);
            try {
                return text == null ? null : Path.of(text);
            } catch (InvalidPathException e) {
                throw new StartupFailure(name + " is not a path: \"" + text + "\".", e);
            }
        }

        LogOutput.@Nullable Format logFormat() {
            return switch (text("STORE_LOG")) {
                case null -> null;
                case "json" -> LogOutput.Format.JSON;
                case "text" -> LogOutput.Format.TEXT;
                case String other -> throw new StartupFailure("STORE_LOG must be json or text, not \"" + other + "\".");
            };
        }

        /** The framework reads these two itself, but says less clearly what is wrong with them. */
        void checkTracing() {
            String endpoint = text("OTEL_EXPORTER_OTLP_ENDPOINT");
            if (endpoint != null && !endpoint.matches("https?://[^/].*")) {
                throw new StartupFailure("OTEL_EXPORTER_OTLP_ENDPOINT must be an address such as"
                        + " http://localhost:4318, not \"" + endpoint + "\".");
            }
            String share = text("OTEL_TRACES_SAMPLER_ARG");
            if (share != null && !share.matches("0|1|[01]?\\.0+|0?\\.\\d+")) {
                throw new StartupFailure(
                        "OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1 such as 0.1, not \"" + share + "\".");
            }
        }

        String trustedProxies() {
            String text = text("STORE_TRUSTED_PROXIES");
            try {
                TrustedProxies.of(text == null ? "" : text);
                return text == null ? "" : text;
            } catch (IllegalArgumentException e) {
                throw new StartupFailure(
                        "STORE_TRUSTED_PROXIES must be addresses and networks such as 192.0.2.7, 10.0.0.0/8; \""
                                + e.getMessage() + "\" is neither.",
                        e);
            }
        }

        @Nullable
        String replicaUrl(@Nullable DatabaseAddress database) {
            String url = text("STORE_DB_REPLICA_URL");
            if (url == null) {
                return null;
            }
            if (database == null) {
                throw new StartupFailure("STORE_DB_REPLICA_URL is for replicas of a database of your own;"
                        + " set STORE_DB_URL too, or neither for the embedded one.");
            }
            if (!url.matches("jdbc:postgresql://[^/?]+/.*") || !isAddress(url)) {
                // Not repeated here: it may hold a password.
                throw new StartupFailure("STORE_DB_REPLICA_URL must be a JDBC address such as"
                        + " jdbc:postgresql://replica1:5432,replica2:5432/store.");
            }
            return url;
        }

        @Nullable
        URI redisUrl() {
            String text = secret("STORE_REDIS_URL");
            if (text == null) {
                return null;
            }
            try {
                URI url = new URI(text);
                if (("redis".equals(url.getScheme()) || "rediss".equals(url.getScheme())) && url.getHost() != null) {
                    int port = url.getPort() < 0 ? REDIS_PORT : url.getPort();
                    return new URI(url.getScheme(), url.getUserInfo(), url.getHost(), port, url.getPath(), null, null);
                }
            } catch (URISyntaxException e) {
                // Told below, as for one that is no address of a Redis.
            }
            // Not repeated here: it may hold a password.
            throw new StartupFailure("STORE_REDIS_URL must be an address such as redis://localhost:6379.");
        }

        @Nullable
        DatabaseAddress database() {
            String url = text("STORE_DB_URL");
            String user = text("STORE_DB_USER");
            String password = secret("STORE_DB_PASSWORD");
            if (url == null) {
                if (user != null || password != null) {
                    throw new StartupFailure("STORE_DB_USER and STORE_DB_PASSWORD are for a database of your own;"
                            + " set STORE_DB_URL too, or none of them for the embedded one.");
                }
                return null;
            }
            if (!isAddress(url)) {
                // Not repeated here: it may hold a password.
                throw new StartupFailure(
                        "STORE_DB_URL must be a JDBC address such as jdbc:postgresql://localhost:5432/store.");
            }
            return new DatabaseAddress(url, user == null ? "" : user, password == null ? "" : password);
        }

        private static boolean isAddress(String url) {
            try {
                return url.startsWith("jdbc:postgresql:") && DriverManager.getDriver(url) != null;
            } catch (SQLException e) {
                return false;
            }
        }
    }
}
