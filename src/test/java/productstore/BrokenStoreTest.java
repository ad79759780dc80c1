package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.springframework.test.context.TestPropertySource;

/** A store whose database is broken and whose patience is short: its own, for what is broken here stays broken. */
@TestPropertySource(properties = "store.limits.body-read-time=200ms")
class BrokenStoreTest extends StoreTest {
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
        } finally {
            db.sql("ALTER TABLE category_gone RENAME TO category").update();
        }
        anyone().get("/api/categories").ok();
    }
}
