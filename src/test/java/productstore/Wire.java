package productstore;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Sends bytes that no HTTP library would send, and reads what comes back until the server hangs up. */
final class Wire {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int PATIENCE_MS = 10_000;

    private Wire() {}

    /** What came back; names of headers in lower case. */
    record Answer(int status, Map<String, String> headers, String body) {
        JsonNode json() {
            return JSON.readTree(body);
        }
    }

    /** Each part is sent by itself, with a pause after it. The text is Latin-1, a byte for each character. */
    static Answer send(int port, int pauseMs, String... parts) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(PATIENCE_MS);
            for (var part : parts) {
                socket.getOutputStream().write(part.getBytes(StandardCharsets.ISO_8859_1));
                socket.getOutputStream().flush();
                Thread.sleep(pauseMs);
                if (socket.getInputStream().available() > 0) {
                    break;
                }
            }
            return read(socket.getInputStream());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    static Answer send(int port, String request) {
        return send(port, 0, request);
    }

    private static Answer read(InputStream in) throws IOException {
        var head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int one = in.read();
            if (one < 0) {
                throw new IOException("hung up after: " + head.toString(StandardCharsets.ISO_8859_1));
            }
            head.write(one);
        }
        var lines = head.toString(StandardCharsets.ISO_8859_1).split("\r\n", -1);
        var headers = new TreeMap<String, String>();
        for (int n = 1; !lines[n].isEmpty(); n++) {
            var colon = lines[n].indexOf(':');
            headers.put(
                    lines[n].substring(0, colon).toLowerCase(Locale.ROOT),
                    lines[n].substring(colon + 1).strip());
        }
        var body = in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
        return new Answer(
                Integer.parseInt(lines[0].split(" ", 3)[1]), headers, new String(body, StandardCharsets.UTF_8));
    }
}
