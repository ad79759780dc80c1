package productstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Secrets that are kept in files. What is wrong otherwise is shown by {@link StartupIT}. */
class SettingsTest {
    private static final Map<String, String> OWN_DATABASE =
            Map.of("STORE_DB_URL", "jdbc:postgresql://localhost/store", "STORE_DB_USER", "store");

    @TempDir
    Path scratch;

    @Test
    void aSecretIsReadFromTheFileThatIsNamed() throws IOException {
        Settings settings = Settings.from(with(Map.of(
                "STORE_DB_PASSWORD_FILE", kept("database", "of the database\n"),
                "STORE_ADMIN_EMAIL", "owner@example.org",
                "STORE_ADMIN_PASSWORD_FILE", kept("admin", "of the administrator\r\n"),
                "STORE_REDIS_URL_FILE", kept("redis", "redis://:secret@cache\n"))));
        assertThat(settings.database())
                .isEqualTo(new DatabaseAddress("jdbc:postgresql://localhost/store", "store", "of the database"));
        assertThat(settings.adminPassword()).isEqualTo("of the administrator");
        assertThat(settings.redisUrl()).isEqualTo(URI.create("redis://:secret@cache:6379"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"STORE_DB_PASSWORD", "STORE_ADMIN_PASSWORD", "STORE_REDIS_URL"})
    void whatIsWrongWithTheFileIsToldAndWhatItHoldsIsNot(String name) throws IOException {
        Path missing = scratch.resolve("missing");
        refused(Map.of(name + "_FILE", missing.toString()), name + "_FILE is " + missing + ", which can't be read (");
        String empty = kept("empty", " \n");
        refused(Map.of(name + "_FILE", empty), name + "_FILE is " + empty + ", which is empty.");
        refused(
                Map.of(name, "canary", name + "_FILE", kept("both", "canary")),
                "Both " + name + " and " + name + "_FILE are set; give one of them.");
    }

    @Test
    void aWrongSecretInAFileIsRefusedAsOneInTheEnvironment() throws IOException {
        refused(
                Map.of("STORE_ADMIN_EMAIL", "owner@example.org", "STORE_ADMIN_PASSWORD_FILE", kept("short", "canary")),
                "STORE_ADMIN_PASSWORD must have 8 to 256 characters.");
        refused(Map.of("STORE_REDIS_URL_FILE", kept("url", "http://canary")), "STORE_REDIS_URL must be an address");
    }

    private static void refused(Map<String, String> settings, String beginning) {
        assertThatThrownBy(() -> Settings.from(with(settings)))
                .isInstanceOf(StartupFailure.class)
                .message()
                .startsWith(beginning)
                .doesNotContain("canary");
    }

    private static Map<String, String> with(Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(OWN_DATABASE);
        all.putAll(settings);
        return all;
    }

    private String kept(String name, String text) throws IOException {
        return Files.writeString(scratch.resolve(name), text).toString();
    }
}
