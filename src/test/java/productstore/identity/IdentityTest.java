package productstore.identity;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.test.context.ContextConfiguration;
import productstore.Store;
import productstore.embedded.TestDatabase;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A running store, spoken to over HTTP. */
@SpringBootTest(
        classes = Store.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"management.server.port=0", "store.rate-limit=off"})
@ContextConfiguration(initializers = TestDatabase.class)
abstract class IdentityTest {
    static final String PASSWORD = "correct horse battery";
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    @LocalServerPort
    int port;

    @Autowired
    JdbcClient db;

    record Answer(int status, Map<String, List<String>> headers, JsonNode body) {
        String header(String name) {
            return headers.entrySet().stream()
                    .filter(header -> header.getKey().equalsIgnoreCase(name))
                    .flatMap(header -> header.getValue().stream())
                    .findFirst()
                    .orElse("");
        }

        String text(String member) {
            return body.path(member).asString("");
        }

        String code() {
            return text("code");
        }
    }

    record Person(String id, String email, String accessToken, String refreshToken) {}

    Answer call(String method, String path, String token, String json, String... headers) {
        return call(HTTP, method, path, token, json, headers);
    }

    /** As {@link #call}, from another address of this machine. */
    Answer callFrom(String address, String method, String path, String token, String json, String... headers)
            throws IOException {
        try (var client = HttpClient.newBuilder()
                .localAddress(InetAddress.ofLiteral(address))
                .build()) {
            return call(client, method, path, token, json, headers);
        }
    }

    private Answer call(HttpClient client, String method, String path, String token, String json, String... headers) {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .method(
                        method,
                        json.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(json));
        if (!json.isEmpty()) {
            request.header("Content-Type", "application/json");
        }
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            var response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return new Answer(
                    response.statusCode(),
                    response.headers().map(),
                    response.body().isEmpty() ? JSON.missingNode() : JSON.readTree(response.body()));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    Answer get(String path, String token) {
        return call("GET", path, token, "");
    }

    Answer post(String path, String json) {
        return call("POST", path, "", json);
    }

    Answer register(String email, String password) {
        return post("/api/auth/register", json("email", email, "password", password, "name", "Анна Смирнова"));
    }

    Answer logIn(String email, String password) {
        return post("/api/auth/login", json("email", email, "password", password));
    }

    Answer refresh(String token) {
        return post("/api/auth/refresh", json("refresh_token", token));
    }

    /** A new user of this role, signed in. */
    Person person(Role role) {
        var email = email();
        var id = register(email, PASSWORD).text("id");
        db.sql("UPDATE app_user SET role = :role WHERE id = CAST(:id AS uuid)")
                .param("role", role.code())
                .param("id", id)
                .update();
        var tokens = logIn(email, PASSWORD);
        return new Person(id, email, tokens.text("access_token"), tokens.text("refresh_token"));
    }

    static String email() {
        return UUID.randomUUID() + "@example.com";
    }

    static String json(String... membersAndValues) {
        var object = JSON.createObjectNode();
        for (int i = 0; i < membersAndValues.length; i += 2) {
            object.put(membersAndValues[i], membersAndValues[i + 1]);
        }
        return object.toString();
    }

    /** Does this so many times at the same moment. */
    static <T> List<T> together(int times, Callable<T> action) throws InterruptedException, ExecutionException {
        return together(java.util.Collections.nCopies(times, action));
    }

    /** Does all of this at the same moment. */
    static <T> List<T> together(List<Callable<T>> actions) throws InterruptedException, ExecutionException {
        var start = new CyclicBarrier(actions.size());
        try (var threads = Executors.newFixedThreadPool(actions.size())) {
            var results = new ArrayList<Future<T>>();
            for (var action : actions) {
                results.add(threads.submit(() -> {
                    start.await();
                    return action.call();
                }));
            }
            var values = new ArrayList<T>();
            for (var result : results) {
                values.add(result.get());
            }
            return values;
        }
    }
}
