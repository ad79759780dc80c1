package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Calls a store over HTTP as somebody. Immutable: {@link #as} and {@link #with} make another one. */
public final class Client {
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final String address;
    private final Map<String, String> headers;

    public Client(String address, @Nullable String accessToken) {
        this(address, accessToken == null ? Map.of() : Map.of("Authorization", "Bearer " + accessToken));
    }

    private Client(String address, Map<String, String> headers) {
        this.address = address;
        this.headers = headers;
    }

    /** What came back. */
    public record Answer(int status, HttpResponse<byte[]> response) {
        public String text() {
            return new String(response.body(), StandardCharsets.UTF_8);
        }

        public JsonNode body() {
            return JSON.readTree(response.body());
        }

        public String string(String member) {
            return body().get(member).asString();
        }

        public Optional<String> header(String name) {
            return response.headers().firstValue(name);
        }

        /** The {@code code} of a problem. */
        public String code() {
            return string("code");
        }

        /** Asserts that it is 201. */
        public Answer created() {
            assertThat(status).as(text()).isEqualTo(201);
            return this;
        }

        /** Asserts that it is 200. */
        public Answer ok() {
            assertThat(status).as(text()).isEqualTo(200);
            return this;
        }

        /** Asserts that it is a problem as RFC 9457 and the contract want it, with this status and code. */
        public Answer problem(int expectedStatus, String code) {
            assertThat(status).as(text()).isEqualTo(expectedStatus);
            assertThat(header("Content-Type")).hasValue("application/problem+json");
            var problem = body();
            assertThat(problem.get("code").asString()).as(text()).isEqualTo(code);
            assertThat(problem.get("type").asString()).isEqualTo("/problems/" + code.replace('_', '-'));
            assertThat(problem.get("status").asInt()).isEqualTo(status);
            for (var member : Arrays.asList("title", "detail", "instance", "trace_id")) {
                assertThat(problem.get(member).isString()).as(member).isTrue();
            }
            assertThat(header("X-Trace-Id")).hasValue(problem.get("trace_id").asString());
            assertThat(text()).doesNotContain("Exception", "java.", "productstore", "org.", "SELECT ", "INSERT ");
            return this;
        }
    }

    /** A text without what differs from one answer to another that says the same. */
    static String alike(String text) {
        return text.replaceAll("\\p{XDigit}{8}-(\\p{XDigit}{4}-){3}\\p{XDigit}{12}", "an id")
                .replaceAll("\"trace_id\":\"\\p{XDigit}{32}\"", "a trace")
                .replaceAll("\"\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\"", "a time")
                .replaceAll("\"number\":\"\\d+\"", "a number");
    }

    /** This user's token, to be used at another store. */
    public String accessToken() {
        return headers.getOrDefault("Authorization", "").substring("Bearer ".length());
    }

    public Client as(String accessToken) {
        return with("Authorization", "Bearer " + accessToken);
    }

    public Client with(String header, String value) {
        var more = new LinkedHashMap<>(headers);
        more.put(header, value);
        return new Client(address, more);
    }

    public Answer get(String path) {
        return send("GET", path, null);
    }

    public Answer post(String path, Object body) {
        return send("POST", path, body);
    }

    public Answer put(String path, Object body) {
        return send("PUT", path, body);
    }

    public Answer patch(String path, Object body) {
        return send("PATCH", path, body);
    }

    public Answer delete(String path) {
        return send("DELETE", path, null);
    }

    /**
     * Sends a request.
     *
     * @param path with its query, encoded
     * @param body text and bytes are sent as they are, anything else as JSON, null is none
     */
    public Answer send(String method, String path, @Nullable Object body) {
        var request = HttpRequest.newBuilder(URI.create(address + path)).timeout(Duration.ofSeconds(60));
        var publisher = switch (body) {
            case null -> HttpRequest.BodyPublishers.noBody();
            case String text -> HttpRequest.BodyPublishers.ofString(text);
            case byte[] bytes -> HttpRequest.BodyPublishers.ofByteArray(bytes);
            default -> HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
        };
        if (body != null) {
            request.header("Content-Type", headers.getOrDefault("Content-Type", "application/json"));
        }
        headers.forEach((name, value) -> {
            if (!name.equals("Content-Type")) {
                request.header(name, value);
            }
        });
        try {
            var response =
                    HTTP.send(request.method(method, publisher).build(), HttpResponse.BodyHandlers.ofByteArray());
            return new Answer(response.statusCode(), response);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
