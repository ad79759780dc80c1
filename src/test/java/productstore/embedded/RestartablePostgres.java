package productstore.embedded;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;

/** A PostgreSQL as somebody else runs it: nobody starts it again but the test, which also stops and kills it. */
public final class RestartablePostgres implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Path dataDir;
    private final Cluster cluster;
    private final int port;
    private Process process;

    private RestartablePostgres(Path dataDir, Cluster cluster, int port) throws IOException {
        this.dataDir = dataDir;
        this.cluster = cluster;
        this.port = port;
        this.process = launch();
    }

    /** A new and empty one that takes connections. */
    public static RestartablePostgres create() {
        try {
            var dataDir = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "test-data-");
            DataFolder.letThrough(dataDir);
            var cluster = Cluster.open(
                    dataDir.resolve("postgres"),
                    Path.of("target/postgres-binaries").toAbsolutePath());
            var made = new RestartablePostgres(dataDir, cluster, freePort());
            made.await();
            return made;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public TestDatabase.Address address() {
        return new TestDatabase.Address(
                "jdbc:postgresql://127.0.0.1:" + port + "/" + Cluster.DATABASE,
                Cluster.USER,
                Cluster.readPassword(cluster.postgres()));
    }

    /** Sends a signal to the server, INT for its fast shutdown, and returns when it is gone. */
    public void end(String signal) {
        try {
            Commands.signal(signal, cluster.pidFile().orElseThrow().pid());
            Commands.await(process);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts it again and returns when it takes connections. */
    public void start() {
        try {
            process = launch();
            await();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            if (process.isAlive()) {
                end("INT");
            }
            Trees.delete(dataDir);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Process launch() throws IOException {
        var command = new ArrayList<>(cluster.account().prefix());
        command.addAll(cluster.serverCommand(port));
        return Commands.builder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        dataDir.resolve("server.log").toFile()))
                .start();
    }

    private void await() throws IOException {
        var end = Instant.now().plus(LIMIT);
        var address = address();
        while (Instant.now().isBefore(end)) {
            try {
                DriverManager.getConnection(address.url(), address.user(), address.password())
                        .close();
                return;
            } catch (SQLException e) {
                // What a killed server left stands in the way of the next one for a moment.
                if (!process.isAlive()) {
                    process = launch();
                }
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
        throw new IllegalStateException(
                "PostgreSQL does not start: " + Files.readString(dataDir.resolve("server.log")));
    }
}
