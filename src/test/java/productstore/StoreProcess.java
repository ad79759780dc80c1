package productstore;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The store as a process of its own, as a person starts it, on free ports and a data folder of the test's. */
final class StoreProcess implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    final Process process;
    final int port;
    final int managementPort;
    private final Path out;
    private final Path err;

    private StoreProcess(Process process, int port, int managementPort, Path out, Path err) {
        this.process = process;
        this.port = port;
        this.managementPort = managementPort;
        this.out = out;
        this.err = err;
    }

    /**
     * Starts it; later settings win over the free ports and the data folder.
     *
     * @param prefix what to put before the command
     */
    static StoreProcess start(Path scratch, Map<String, String> settings, String... prefix) {
        return start(scratch, settings, List.of(prefix), List.of("run"));
    }

    /** Starts another verb. */
    static StoreProcess command(Path scratch, Map<String, String> settings, String... words) {
        return start(scratch, settings, List.of(), List.of(words));
    }

    private static StoreProcess start(
            Path scratch, Map<String, String> settings, List<String> prefix, List<String> words) {
        try {
            int port = freePort();
            int managementPort = freePort();
            List<String> command = new ArrayList<>(prefix);
            command.addAll(List.of(
                    Path.of(System.getProperty("java.home"), "bin/java").toString(),
                    "-Xmx256m",
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "-cp",
                    System.getProperty("java.class.path"),
                    "productstore.Store"));
            command.addAll(words);
            Path out = Files.createTempFile(scratch, "out", ".txt");
            Path err = Files.createTempFile(scratch, "err", ".txt");
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
            Map<String, String> environment = builder.environment();
            environment.keySet().removeIf(name -> name.startsWith("STORE_"));
            environment.put("STORE_PORT", Integer.toString(port));
            environment.put("STORE_MANAGEMENT_PORT", Integer.toString(managementPort));
            environment.put("STORE_DATA_DIR", scratch.resolve("data").toString());
            environment.put("STORE_DEMO", "false");
            environment.putAll(settings);
            return new StoreProcess(builder.start(), port, managementPort, out, err);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until it says that it is ready. */
    StoreProcess ready() throws InterruptedException {
        Instant limit = Instant.now().plus(LIMIT);
        while (status("http://localhost:" + managementPort + "/health/ready") != 200) {
            if (!process.isAlive() || Instant.now().isAfter(limit)) {
                throw new AssertionError("the store did not get ready: " + err() + out());
            }
            Thread.sleep(50);
        }
        return this;
    }

    /** The exit code, once it has ended. */
    int ended() throws InterruptedException {
        if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("the store did not end: " + err() + out());
        }
        return process.exitValue();
    }

    static int status(String url) throws InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create(url))
                                    .timeout(Duration.ofSeconds(10))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException e) {
            return 0;
        }
    }

    String out() {
        return read(out);
    }

    String err() {
        return read(err);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
