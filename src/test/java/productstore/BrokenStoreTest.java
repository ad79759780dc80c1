package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.springframework.test.context.TestPropertySource;

/** A store whose database is broken and whose patience is short: its own, for what is broken here stays broken. */
@TestPropertySource(properties = "store.limits.body-read-time=200ms")
class BrokenStoreTest extends StoreTest {
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    @BeforeEach
    void listen() {
        log.start();
        problems().addAppender(log);
    }

    @AfterEach
    void stopListening() {
        problems().detachAppender(log);
    }

    private static Logger problems() {
        return (Logger) LoggerFactory.getLogger("productstore.platform.Problems");
    }

    @Test
    void aBodyThatTricklesInIsCutOff() {
        var answer = Wire.send(
                port,
                120,
                "POST /api/auth/login HTTP/1.1\r\nHost: store\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n",
                "{",
                "\"",
                "e",
                "m",
                "a",
                "i",
                "l");
        assertThat(answer.status()).isEqualTo(408);
        assertThat(answer.json().get("code").asString()).isEqualTo("request_timeout");
        assertThat(answer.headers().get("connection")).isEqualTo("close");
    }

    @Test
    void aCrashSaysNothingButItsTrace() {
        db.sql("ALTER TABLE category RENAME TO category_gone").update();
        try {
            anyone().get("/api/categories").problem(500, "internal_error");
            anyone().get("/api/products").problem(500, "internal_error");
            // The one goes before the framework, the other through it.
            assertLogged(anyone().get("/api/products"));
            assertLogged(anyone().with("Accept", "application/json, */*").get("/api/products"));
        } finally {
            db.sql("ALTER TABLE category_gone RENAME TO category").update();
        }
        anyone().get("/api/categories").ok();
    }

    /** Whoever looks into the log for the id that the client was given finds what happened. */
    private void assertLogged(Client.Answer failed) {
        var trace = failed.problem(500, "internal_error").string("trace_id");
        assertThat(log.list)
                .filteredOn(event -> trace.equals(event.getMDCPropertyMap().get("traceId")))
                .singleElement()
                .satisfies(event -> assertThat(event.getThrowableProxy()).isNotNull());
    }
}
