package productstore;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A short life of the store in a folder of its own, during which the JVM notes for its AOT cache which classes a start and the
 * first requests need. Part of the build; see {@code ./store}.
 */
final class TrainingRun {
    private static final Pattern FIRST_ID = Pattern.compile("\"id\":\"([^\"]+)\"");
    private static final Pattern TOKEN = Pattern.compile("\"access_token\":\"([^\"]+)\"");
    private static final int LIMIT_MS = 30_000;
    private static final int TIMES = 1_000;

    private final String api;
    private final String management;

    private TrainingRun(Settings settings) {
        this.api = "http://localhost:" + settings.port();
        this.management = "http://localhost:" + settings.managementPort();
    }

    /** Ends the program, successfully if every call was answered as it should be. */
    static void in(Path dataDir) {
        try {
            Settings settings = Settings.from(Map.of(
                    "STORE_PORT", freePort(),
                    "STORE_MANAGEMENT_PORT", freePort(),
                    "STORE_DATA_DIR", dataDir.toString()));
            FirstAdministrator administrator = Store.run(settings);
            new TrainingRun(settings).callAsPeopleDo(administrator);
        } catch (IOException e) {
            throw new StartupFailure("The training run failed (" + e.getMessage() + ").", e);
        }
        System.exit(0);
    }

    private void callAsPeopleDo(FirstAdministrator administrator) throws IOException {
        String product = firstMatch(FIRST_ID, call("GET", api + "/api/products/?limit=20", "", ""));
        call("GET", api + "/api/products/?q=%D1%81%D1%8B%D1%80&sort=price_asc", "", "");
        call("GET", api + "/api/categories/", "", "");
        call("GET", api + "/api/docs", "", "");
        call("GET", api + "/.well-known/jwks.json", "", "");
        call("GET", management + "/health/ready", "", "");
        call("GET", management + "/metrics", "", "");
        String login =
                "{\"email\":\"" + administrator.email() + "\",\"password\":\"" + administrator.newPassword() + "\"}";
        String token = firstMatch(TOKEN, call("POST", api + "/api/auth/login", "", login));
        call("GET", api + "/api/auth/me", token, "");
        call("GET", api + "/api/orders/", token, "");
        if (product.isEmpty()) {
            return;
        }
        call(
                "POST",
                api + "/api/products/" + product + "/stock",
                token,
                "{\"delta\":" + TIMES + ",\"reason\":\"delivery\"}");
        // The cache also keeps which branches are taken how often, so that what is called most is compiled well soon.
        for (int n = 0; n < TIMES; n++) {
            call("GET", api + "/api/products/" + product, "", "");
            call("GET", api + "/api/products/?sort=price_asc&limit=10&min_price=" + n, "", "");
            call("GET", api + "/api/products/?sort=price_asc&limit=10", "", "");
            call(
                    "POST",
                    api + "/api/orders/",
                    token,
                    "{\"items\":[{\"product_id\":\"" + product + "\",\"quantity\":1}]}");
        }
    }

    private static String call(String method, String url, String token, String body) throws IOException {
        HttpURLConnection connection =
                (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(LIMIT_MS);
        connection.setReadTimeout(LIMIT_MS);
        if (!token.isEmpty()) {
            connection.setRequestProperty("Authorization", "Bearer " + token);
            connection.setRequestProperty("Idempotency-Key", UUID.randomUUID().toString());
        }
        if (!body.isEmpty()) {
            connection.setDoOutput(true);
            connection.setRequestProperty("Content-Type", "application/json");
            connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        }
        if (connection.getResponseCode() >= 400) {
            throw new IOException(method + " " + url + " was answered " + connection.getResponseCode());
        }
        try (InputStream answer = connection.getInputStream()) {
            return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String firstMatch(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.find() ? matcher.group(1) : "";
    }

    private static String freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return Integer.toString(socket.getLocalPort());
        }
    }
}
