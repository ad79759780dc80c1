package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import productstore.Client.Answer;

/** People who keep ordering while the ground shakes, and remember what they were told. */
final class Shoppers {
    /** The longest that anybody may have to wait for an answer, whatever it is. */
    static final Duration LONGEST_WAIT = Duration.ofSeconds(25);

    private final String product;
    private final boolean connectionsBreak;
    private final Map<String, String> orderByKey = new ConcurrentHashMap<>();
    private final Set<String> unanswered = ConcurrentHashMap.newKeySet();
    private final Queue<String> faults = new ConcurrentLinkedQueue<>();
    private final AtomicInteger refusals = new AtomicInteger();
    private final AtomicInteger brokenConnections = new AtomicInteger();

    /**
     * Somebody to order a product.
     *
     * @param connectionsBreak whether it is the store itself that is shaken, so that connections to it may break
     */
    Shoppers(String product, boolean connectionsBreak) {
        this.product = product;
        this.connectionsBreak = connectionsBreak;
    }

    /** Orders again and again, each time with a new key. */
    void shop(Client customer, AtomicBoolean over) {
        while (!over.get()) {
            if (!place(customer, UUID.randomUUID().toString())) {
                pause(50);
            }
        }
    }

    /** Does something again and again that is answered 200, or 503 while the database is away. */
    void repeat(AtomicBoolean over, Supplier<Answer> call) {
        while (!over.get()) {
            var began = System.nanoTime();
            try {
                var answer = call.get();
                if (answer.status() == 503) {
                    checkRefusal(answer);
                } else if (answer.status() != 200) {
                    faults.add(answer.status() + " " + answer.text());
                }
            } catch (UncheckedIOException e) {
                broken(e);
            }
            checkTime(began);
            pause(20);
        }
    }

    private boolean place(Client customer, String key) {
        var began = System.nanoTime();
        try {
            var answer = customer.with("Idempotency-Key", key)
                    .post("/api/orders", Map.of("items", List.of(Map.of("product_id", product, "quantity", 1))));
            if (answer.status() == 201) {
                var id = answer.string("id");
                var before = orderByKey.put(key, id);
                if (before != null && !before.equals(id)) {
                    faults.add("two orders for one key: " + before + " and " + id);
                }
                return true;
            }
            unanswered.add(key);
            if (answer.status() == 503) {
                checkRefusal(answer);
            } else if (answer.status() != 409 || !answer.code().equals("idempotency_in_flight")) {
                faults.add(answer.status() + " " + answer.text());
            }
        } catch (UncheckedIOException e) {
            unanswered.add(key);
            broken(e);
        }
        checkTime(began);
        return false;
    }

    private void checkRefusal(Answer answer) {
        refusals.incrementAndGet();
        if (connectionsBreak
                || answer.header("Retry-After").isEmpty()
                || !answer.header("Content-Type").equals(Optional.of("application/problem+json"))) {
            faults.add("503 " + answer.response().headers() + answer.text());
        }
    }

    private void broken(UncheckedIOException e) {
        brokenConnections.incrementAndGet();
        if (!connectionsBreak) {
            faults.add(String.valueOf(e.getCause()));
        }
    }

    private void checkTime(long began) {
        var took = Duration.ofNanos(System.nanoTime() - began);
        if (took.compareTo(LONGEST_WAIT) > 0) {
            faults.add("an answer took " + took);
        }
    }

    int answered() {
        return orderByKey.size();
    }

    int refusals() {
        return refusals.get();
    }

    int brokenConnections() {
        return brokenConnections.get();
    }

    /** Asks again for what was not answered, and compares what there is with what was said. Stock began at 1,000,000. */
    void settle(Client customer) {
        assertThat(faults).as("answers that should not be").isEmpty();
        for (var key : unanswered) {
            int tries = 0;
            while (!place(customer, key)) {
                assertThat(++tries).as("tries to order again with the same key").isLessThan(100);
                pause(100);
            }
        }
        assertThat(faults).isEmpty();
        // Once more with every key: still the same orders.
        orderByKey.keySet().stream()
                .limit(50)
                .forEach(key -> assertThat(place(customer, key)).isTrue());
        assertThat(faults).isEmpty();
        var found = new ArrayList<String>();
        var cursor = "";
        do {
            var page = customer.get("/api/orders?limit=100" + cursor).ok().body();
            page.get("items").forEach(order -> found.add(order.get("id").asString()));
            cursor = page.get("next_cursor").isNull()
                    ? ""
                    : "&cursor=" + page.get("next_cursor").asString();
        } while (!cursor.isEmpty());
        assertThat(found).doesNotHaveDuplicates();
        assertThat(new HashSet<>(found)).isEqualTo(new HashSet<>(orderByKey.values()));
        assertThat(orderByKey.values()).doesNotHaveDuplicates();
        assertThat(customer.get("/api/products/" + product)
                        .ok()
                        .body()
                        .get("stock")
                        .asInt())
                .isEqualTo(1_000_000 - found.size());
    }

    static void pause(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
