import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The store's own web server without the store: the same Tomcat, made by the same part of Spring Boot from the same
 * application.yaml, so that its connector can't differ, and nothing of ours between it and two servlets. They answer
 * recorded answers of the store, {@code <name>.headers} and {@code <name>.body} in a folder:
 *
 * <ul>
 *   <li>{@code /floor/<name>} with exactly the recorded headers, which is the HTTP floor,
 *   <li>{@code /plain/<name>} with those only that an answer with a body must have.
 * </ul>
 *
 * Run from its source: {@code java -cp 'target/store/lib/*' bench/PlainServer.java FOLDER --server.port=N
 * --spring.config.location=src/main/resources/application.yaml}
 */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration(TomcatServletWebServerAutoConfiguration.class)
class PlainServer {
    /** Tomcat sends these itself, here as in the store. */
    private static final Set<String> TOMCATS = Set.of("date", "connection", "keep-alive");

    private static final Map<String, Answer> answers = new HashMap<>();

    record Header(String name, String value) {}

    /** {@code length} is -1 for an answer that the store sends in chunks. */
    record Answer(List<Header> headers, String contentType, int length, byte[] body) {
        static Answer read(Path headersFile, Path bodyFile) throws IOException {
            byte[] body = Files.readAllBytes(bodyFile);
            String contentType = null;
            int length = -1;
            List<Header> others = new ArrayList<>();
            for (String line : Files.readAllLines(headersFile)) {
                String name = line.substring(0, line.indexOf(':'));
                String value = line.substring(line.indexOf(':') + 1).strip();
                switch (name.toLowerCase(Locale.ROOT)) {
                    case "content-type" -> contentType = value;
                    case "content-length" -> length = body.length;
                    case "transfer-encoding" -> length = -1;
                    case String other when TOMCATS.contains(other) -> {}
                    default -> others.add(new Header(name, value));
                }
            }
            return new Answer(List.copyOf(others), contentType, length, body);
        }
    }

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        try (var files = Files.newDirectoryStream(folder, "*.headers")) {
            for (Path headers : files) {
                String name = headers.getFileName().toString().replace(".headers", "");
                answers.put(name, Answer.read(headers, folder.resolve(name + ".body")));
            }
        }
        SpringApplication.run(PlainServer.class, args);
    }

    @Bean
    ServletRegistrationBean<HttpServlet> floor() {
        return new ServletRegistrationBean<>(new Servlet(true), "/floor/*");
    }

    @Bean
    ServletRegistrationBean<HttpServlet> plain() {
        return new ServletRegistrationBean<>(new Servlet(false), "/plain/*");
    }

    /** Takes traces and forgets them, for the store that sends them while it is measured. */
    @Bean
    ServletRegistrationBean<HttpServlet> traces() {
        return new ServletRegistrationBean<>(
                new HttpServlet() {
                    private static final long serialVersionUID = 1;

                    @Override
                    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
                        request.getInputStream().skip(Long.MAX_VALUE);
                        response.setContentType("application/x-protobuf");
                    }
                },
                "/v1/traces");
    }

    static final class Servlet extends HttpServlet {
        private static final long serialVersionUID = 1;

        private final boolean withHeaders;

        Servlet(boolean withHeaders) {
            this.withHeaders = withHeaders;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            // What follows the name stands in for an id, so that a request has as many bytes as the store's.
            String path = request.getPathInfo();
            int end = path.indexOf('/', 1);
            Answer answer = answers.get(path.substring(1, end < 0 ? path.length() : end));
            if (answer == null) {
                response.sendError(404);
                return;
            }
            if (withHeaders) {
                for (Header header : answer.headers()) {
                    response.addHeader(header.name(), header.value());
                }
            }
            response.setContentType(answer.contentType());
            if (!withHeaders || answer.length() >= 0) {
                response.setContentLength(answer.body().length);
            } else {
                // Without this Tomcat would find out the length of so short an answer by itself.
                response.flushBuffer();
            }
            response.getOutputStream().write(answer.body());
        }
    }
}
