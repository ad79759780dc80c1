package productstore;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * Where a PostgreSQL is and who signs in.
 *
 * @param url a JDBC address; it may name several servers, of which one at a time is the primary
 */
record DatabaseAddress(String url, String user, String password) {
    private static final int OLDEST_VERSION = 150000;
    private static final String CONNECT_LIMIT_S = "10";

    /** @throws StartupFailure if it cannot be reached, or is not fit for a store */
    void check() {
        Properties properties = new Properties();
        if (!user.isEmpty()) {
            properties.setProperty("user", user);
        }
        if (!password.isEmpty()) {
            properties.setProperty("password", password);
        }
        // Of several servers the one that takes writes; which one that is changes when one fails.
        properties.setProperty("targetServerType", "primary");
        properties.setProperty("connectTimeout", CONNECT_LIMIT_S);
        properties.setProperty("loginTimeout", CONNECT_LIMIT_S);
        try (Connection connection = DriverManager.getConnection(url, properties);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("""
                        SELECT current_setting('server_version_num')::int AS number,
                               current_setting('server_version') AS version,
                               current_setting('server_encoding') AS encoding
                        """)) {
            row.next();
            String place = "The database at " + StartupFailure.placeOf(url);
            if (row.getInt("number") < OLDEST_VERSION) {
                throw new StartupFailure(
                        place + " is PostgreSQL " + row.getString("version") + "; the store needs 15 or newer.");
            }
            if (!"UTF8".equals(row.getString("encoding"))) {
                throw new StartupFailure(
                        place + " is encoded in " + row.getString("encoding") + "; create one with ENCODING 'UTF8'.");
            }
            checkLocale(connection, place);
        } catch (SQLException e) {
            throw StartupFailure.ofConnection(url, user, e);
        }
    }

    /** Search and unique names depend on it; the locale "C" leaves all but English letters as they are. */
    private static void checkLocale(Connection connection, String place) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT lower('Ф') = 'ф'")) {
            row.next();
            if (!row.getBoolean(1)) {
                throw new StartupFailure(place + " has a locale that does not know Russian letters;"
                        + " create one with LOCALE 'C.UTF-8' and TEMPLATE template0.");
            }
        }
    }

    /** Without the password. */
    @Override
    public String toString() {
        return StartupFailure.placeOf(url);
    }
}
