package productstore;

import java.sql.SQLException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flywaydb.core.api.exception.FlywayValidateException;
import org.springframework.boot.web.server.PortInUseException;
import productstore.backup.BackupFailure;
import productstore.embedded.CannotStart;

/** A reason not to start that a person can do something about. The message is the one sentence they are told. */
final class StartupFailure extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final Pattern PLACE = Pattern.compile("jdbc:postgresql://([^/?@]+(?:/[^?]*)?)(?:\\?.*)?");

    StartupFailure(String sentence) {
        super(sentence);
    }

    StartupFailure(String sentence, Throwable cause) {
        super(sentence, cause);
    }

    /** The sentence for a failure, or empty where nobody foresaw it and only its stack trace helps. */
    static Optional<String> sentenceOf(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String message = cause.getMessage();
            if (message != null
                    && (cause instanceof StartupFailure
                            || cause instanceof CannotStart
                            || cause instanceof BackupFailure)) {
                return Optional.of(message);
            }
            if (cause instanceof PortInUseException taken) {
                return Optional.of(portTaken(taken.getPort()));
            }
            if (cause instanceof FlywayValidateException) {
                return Optional.of("The database's schema is not the one this program made; give STORE_DB_URL (or"
                        + " STORE_DATA_DIR) of a store of this version, or restore a backup.");
            }
            if (cause instanceof SQLException refusal && "42501".equals(refusal.getSQLState())) {
                return Optional.of("The database's user may not create the store's tables (" + message
                        + "); make that user the owner of the database.");
            }
            if (cause instanceof SQLException refusal && "55P03".equals(refusal.getSQLState())) {
                return Optional.of(
                        "A migration waited 10 s for a table that others use and gave up, so that they can go on;"
                                + " try again when no import, seed or other long transaction runs.");
            }
            if (message != null && message.contains("non-empty schema") && message.contains("no schema history")) {
                return Optional.of(
                        "The database holds tables that are not the store's; set STORE_DB_URL to an empty one.");
            }
        }
        return Optional.empty();
    }

    static String portTaken(int port) {
        return "Port " + port + " is taken by another program; stop that one, or set STORE_PORT (the API) or"
                + " STORE_MANAGEMENT_PORT (metrics and health) to a free port.";
    }

    /** Of a refused or failed connection, without anything secret that the address may hold. */
    static StartupFailure ofConnection(String jdbcUrl, String user, SQLException cause) {
        String place = placeOf(jdbcUrl);
        String state = cause.getSQLState() == null ? "" : cause.getSQLState();
        if (firstLine(cause).contains("targetServerType")) {
            return new StartupFailure(
                    "The database at " + place
                            + " takes no writes; STORE_DB_URL must name the primary, alone or with its" + " replicas.",
                    cause);
        }
        String sentence = switch (state) {
            case "28P01", "28000" ->
                "The database at " + place + " refuses the user \"" + user
                        + "\"; check STORE_DB_USER and STORE_DB_PASSWORD.";
            case "3D000" -> "There is no such database at " + place + "; create it, or correct STORE_DB_URL.";
            case "08001", "08004", "08006" ->
                "The database at " + place + " cannot be reached; check STORE_DB_URL and that PostgreSQL runs there.";
            default -> "The database at " + place + " cannot be used (" + firstLine(cause) + "); check STORE_DB_URL.";
        };
        return new StartupFailure(sentence, cause);
    }

    private static String firstLine(SQLException cause) {
        String message = cause.getMessage();
        return message == null
                ? cause.getClass().getSimpleName()
                : message.lines().findFirst().orElse("");
    }

    /** Hosts, ports and database of a JDBC address. */
    static String placeOf(String jdbcUrl) {
        Matcher place = PLACE.matcher(jdbcUrl);
        return place.matches() ? place.group(1) : "STORE_DB_URL";
    }
}
