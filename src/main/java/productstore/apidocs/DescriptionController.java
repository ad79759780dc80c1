package productstore.apidocs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;
import org.springframework.core.io.ClassPathResource;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.util.DigestUtils;
import org.springframework.util.function.SingletonSupplier;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import tools.jackson.databind.json.JsonMapper;

/** The description as it is written (YAML), the same as JSON, and the page that shows it. */
@RestController
class DescriptionController {
    // Only what is served from here, and no script inside the page. The styles that Swagger UI writes into its
    // elements have no file of their own.
    private static final String CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; "
            + "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private final Supplier<ResponseEntity<byte[]>> yaml =
            SingletonSupplier.of(() -> file("openapi.yaml", new MediaType("application", "yaml")));
    private final Supplier<ResponseEntity<byte[]>> page = SingletonSupplier.of(
            () -> file("apidocs/index.html", new MediaType("text", "html", StandardCharsets.UTF_8)));
    private final Supplier<ResponseEntity<byte[]>> json;

    DescriptionController(JsonMapper mapper) {
        // On first use: a start has no time to spend on 100 KB of YAML.
        json = SingletonSupplier.of(() -> answer(mapper.writeValueAsBytes(tree()), MediaType.APPLICATION_JSON));
    }

    @GetMapping(
            path = {"/api/openapi", "/api/openapi.json"},
            produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<byte[]> json() {
        return json.get();
    }

    @GetMapping(
            path = {"/api/openapi", "/api/openapi.yaml"},
            produces = "application/yaml")
    ResponseEntity<byte[]> yaml() {
        return yaml.get();
    }

    @GetMapping(path = "/api/docs", produces = MediaType.TEXT_HTML_VALUE)
    ResponseEntity<byte[]> page() {
        return page.get();
    }

    private static Object tree() {
        try (var file = new ClassPathResource("openapi.yaml").getInputStream()) {
            return new Yaml(new SafeConstructor(new LoaderOptions())).load(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ResponseEntity<byte[]> file(String path, MediaType type) {
        try {
            return answer(new ClassPathResource(path).getContentAsByteArray(), type);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ResponseEntity<byte[]> answer(byte[] body, MediaType type) {
        return ResponseEntity.ok()
                .contentType(type)
                .eTag('"' + DigestUtils.md5DigestAsHex(body) + '"')
                // To be asked for each time, and mostly answered 304: it changes with the program.
                .cacheControl(CacheControl.noCache())
                .varyBy(HttpHeaders.ACCEPT)
                .header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
                .header("Referrer-Policy", "no-referrer")
                .body(body);
    }
}
