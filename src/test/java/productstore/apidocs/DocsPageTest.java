package productstore.apidocs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import productstore.StoreTest;

/** The description as it is served; that the page works in a browser has to be looked at. */
class DocsPageTest extends StoreTest {
    private static final Pattern OWN_FILE = Pattern.compile("(?:src|href)=\"(/api/docs/[^\"]+)\"");

    @Test
    void theDescriptionIsJsonUnlessYamlIsAskedFor() {
        var json = anyone().get("/api/openapi");
        assertThat(json.header("Content-Type")).contains("application/json");
        assertThat(json.body().path("openapi").asString()).startsWith("3.1");

        var yaml = anyone().with("Accept", "application/yaml").get("/api/openapi/");
        assertThat(yaml.header("Content-Type")).contains("application/yaml");
        assertThat(yaml.text()).startsWith("openapi: 3.1");

        assertThat(anyone().get("/api/openapi.json").text()).isEqualTo(json.text());
        assertThat(anyone().get("/api/openapi.yaml").text()).isEqualTo(yaml.text());
        assertThat(anyone().with("Accept", "text/csv").get("/api/openapi").status())
                .isEqualTo(406);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/api/openapi", "/api/openapi.json", "/api/openapi.yaml", "/api/docs"})
    void isNotSentAgainWhileItStays(String path) {
        var first = anyone().get(path);
        assertThat(first.status()).isEqualTo(200);
        assertThat(first.header("Cache-Control")).contains("no-cache");
        assertThat(anyone().with("If-None-Match", first.header("ETag").orElseThrow())
                        .get(path)
                        .status())
                .isEqualTo(304);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/api/docs", "/api/docs/"})
    void thePageHasAllItsFilesFromHereAndNoScriptInside(String path) {
        var page = anyone().get(path);
        assertThat(page.header("Content-Security-Policy").orElseThrow())
                .contains("default-src 'none'; script-src 'self';");
        assertThat(page.header("Referrer-Policy")).hasValue("no-referrer");
        assertThat(page.text()).doesNotContain("http:", "https:", "<script>");
        var files = OWN_FILE.matcher(page.text()).results().toList();
        assertThat(files).hasSize(5);
        for (var file : files) {
            assertThat(anyone().get(file.group(1)).status()).as(file.group(1)).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/api/docs/index.html", "/api/docs/swagger-initializer.js", "/api/docs/a/docs.js"})
    void otherFilesAreNotThere(String path) {
        var answer = anyone().get(path);
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.header("Content-Type")).contains("application/problem+json");
    }
}
