package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What the server itself or the firewall refuses, before any of our controllers is asked, is a problem too. */
class ServerRefusalsTest extends StoreTest {
    private static final String HOST = "Host: store\r\n";

    static Stream<Arguments> refused() {
        return Stream.of(
                refused("an encoded slash", get("/api/products%2Fx"), 400),
                refused("an encoded backslash", get("/api/products%5Cx"), 400),
                refused("a way out of the tree", get("/../../etc/passwd"), 400),
                refused("an encoded way out", get("/api/products/%2e%2e/%2e%2e/x"), 400),
                refused("a path parameter", get("/api/products;v=1"), 400),
                refused("a double slash", get("/api//products"), 400),
                refused("an encoded NUL in the path", get("/api/products/%00"), 400),
                refused("bad percent-encoding in the path", get("/api/products/%zz"), 400),
                refused("broken UTF-8 in the path", get("/api/products/%ff"), 400, 404),
                refused("bad percent-encoding in the query", get("/api/products?q=%zz"), 400),
                refused("broken UTF-8 in the query", get("/api/products?q=%ff%fe"), 400),
                refused("raw brackets in the query", get("/api/products?q={x}"), 400),
                refused("raw bytes above ASCII in the query", get("/api/products?q=\u00d1\u0082"), 400),
                refused("an oversized request line", get("/api/products?q=" + "a".repeat(20_000)), 400, 414),
                refused("an oversized header", request("GET /api/products", "X-Long: " + "a".repeat(20_000)), 400, 431),
                refused(
                        "many headers",
                        request("GET /api/products", "X: 1\r\n".repeat(200).strip()),
                        400,
                        431),
                refused("no request line", "nonsense\r\n\r\n", 400),
                refused("spaces in the request line", "GET /api/products and more HTTP/1.1\r\n" + HOST + "\r\n", 400),
                refused("another protocol", "GET /api/products HTTP/9.9\r\n" + HOST + "\r\n", 400),
                refused("no host", "GET /api/products HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
                refused("a bad host", "GET /api/products HTTP/1.1\r\nHost: a b<c\r\nConnection: close\r\n\r\n", 400),
                refused(
                        "two hosts",
                        "GET /api/products HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
                        400),
                refused("a header without a name", request("GET /api/products", ": x"), 400),
                refused("a header with a space in its name", request("GET /api/products", "X Y: z"), 400),
                refused("a content length that is none", request("POST /api/auth/login", "Content-Length: ten"), 400),
                refused("a negative content length", request("POST /api/auth/login", "Content-Length: -1"), 400),
                refused(
                        "two content lengths",
                        request("POST /api/auth/login", "Content-Length: 2\r\nContent-Length: 3") + "{}",
                        400),
                refused(
                        "a chunk that is none",
                        request("POST /api/auth/login", "Content-Type: application/json\r\nTransfer-Encoding: chunked")
                                + "zz\r\n{}\r\n0\r\n\r\n",
                        400),
                refused(
                        "an unknown transfer coding",
                        request("POST /api/auth/login", "Transfer-Encoding: magic"),
                        400));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void aRefusalOfTheServerIsAProblem(String what, String request, int status, int orElse) {
        var answer = Wire.send(port, request);
        assertThat(answer.status()).as(answer.body()).isIn(status, orElse);
        assertThat(answer.headers().get("content-type")).isEqualTo("application/problem+json");
        var problem = answer.json();
        assertThat(problem.get("status").asInt()).isEqualTo(answer.status());
        assertThat(problem.get("type").asString())
                .isEqualTo("/problems/" + problem.get("code").asString().replace('_', '-'));
        assertThat(answer.headers().get("x-trace-id"))
                .isEqualTo(problem.get("trace_id").asString())
                .matches("[0-9a-f]{32}");
        assertThat(answer.body()).doesNotContain("Exception", "tomcat", "Tomcat", "java.");
        assertThat(answer.headers()).doesNotContainKey("server");
    }

    @Test
    void aHugeQueryThatFitsIsReadAndRefusedByItsLength() {
        var answer = Wire.send(port, get("/api/products?q=" + "a".repeat(8_000)));
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().get("errors").get(0).get("code").asString()).isEqualTo("too_long");
    }

    private static String get(String target) {
        return request("GET " + target, "Accept: */*");
    }

    private static String request(String line, String headers) {
        return line + " HTTP/1.1\r\n" + HOST + "Connection: close\r\n" + headers + "\r\n\r\n";
    }

    private static Arguments refused(String what, String request, int status) {
        return refused(what, request, status, status);
    }

    private static Arguments refused(String what, String request, int status, int orElse) {
        return Arguments.of(what, request, status, orElse);
    }
}
