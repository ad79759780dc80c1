package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A real Redis of the test's own, that it kills and freezes. */
final class RedisServer implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final int port;
    private Process process;

    private RedisServer(int port) {
        this.port = port;
        this.process = launch();
    }

    static RedisServer start() {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var port = socket.getLocalPort();
            socket.close();
            return new RedisServer(port);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String url() {
        return "redis://127.0.0.1:" + port;
    }

    void kill() {
        process.destroyForcibly();
        waitFor(process);
    }

    void startAgain() {
        process = launch();
    }

    void signal(String name) {
        try {
            waitFor(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                    .inheritIO()
                    .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void command(String line) {
        assertThat(answers(line)).as(line).isTrue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    private Process launch() {
        try {
            var launched = new ProcessBuilder(
                            "redis-server",
                            "--port",
                            Integer.toString(port),
                            "--bind",
                            "127.0.0.1",
                            "--save",
                            "",
                            "--appendonly",
                            "no")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            var deadline = System.nanoTime() + LIMIT.toNanos();
            while (!answers("PING")) {
                assertThat(System.nanoTime()).as("Redis does not start").isLessThan(deadline);
                Shoppers.pause(20);
            }
            return launched;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean answers(String line) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
            return socket.getInputStream().read() == '+';
        } catch (IOException e) {
            return false;
        }
    }

    private static void waitFor(Process process) {
        try {
            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
