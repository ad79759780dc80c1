package productstore.seeding;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Orders as they would have come, more and more of them; the same number is always the same order. */
final class OrderBook {
    private static final long HOUR = 3_600_000_000L;
    // Prime and above every number of products: it spreads the popular ones over the catalogue.
    private static final long SPREAD = 1_000_000_007L;
    private static final double GROWTH = 0.75;
    private static final int[] LINES_OF_100 = {30, 55, 73, 85, 94, 100};
    private static final int TRIES = 8;

    private final long seed;
    private final long idSeed;
    private final long firstNumber;
    private final int count;
    private final Span span;
    private final Assortment wares;
    private final Customers customers;

    OrderBook(long seed, long idSeed, long firstNumber, int count, Span span, Assortment wares, Customers customers) {
        this.seed = seed;
        this.idSeed = idSeed;
        this.firstNumber = firstNumber;
        this.count = count;
        this.span = span;
        this.wares = wares;
        this.customers = customers;
    }

    /** @param byCustomer or else by staff */
    record Step(String status, long atMicros, boolean byCustomer, String traceId) {}

    record Line(int ware, int quantity) {}

    record Order(
            UUID id,
            int customer,
            List<Line> lines,
            List<Step> steps,
            @Nullable String comment,
            String address) {
        Step placed() {
            return steps.getFirst();
        }

        Step last() {
            return steps.getLast();
        }

        boolean givenBack() {
            return last().status().equals("cancelled") || last().status().equals("returned");
        }
    }

    /** The n-th, from 0; a greater number came later. */
    Order order(int n) {
        var random = Chance.about(seed, Chance.Of.ORDER, firstNumber + n);
        var part = Math.pow((n + random.nextDouble()) / count, GROWTH);
        var at = span.at(part);
        var customer = customers.somebody(random, part);
        var lines = lines(random, part);
        var steps = steps(random, n, at);
        return new Order(
                Chance.id(idSeed, Chance.Of.ORDER, n, at),
                customer,
                lines,
                steps,
                random.nextInt(10) == 0 ? "Позвоните за час до доставки" : null,
                "Москва, Садовая ул., " + (1 + random.nextInt(150)) + ", кв. " + (1 + random.nextInt(200)));
    }

    private List<Line> lines(RandomGenerator random, double part) {
        int onSale = wares.onSale().applyAsInt(part);
        int percent = random.nextInt(100);
        int wanted = 1;
        while (percent >= LINES_OF_100[wanted - 1]) {
            wanted++;
        }
        var lines = new ArrayList<Line>(wanted);
        for (int line = 0; line < wanted; line++) {
            int ware = popularWare(random, onSale);
            if (lines.stream().noneMatch(other -> other.ware() == ware)) {
                lines.add(new Line(ware, quantity(random)));
            }
        }
        return lines;
    }

    private int popularWare(RandomGenerator random, int onSale) {
        for (int n = 0; n < TRIES; n++) {
            int ware = (int) ((Chance.zipf(random, wares.size()) + 1) * SPREAD % wares.size());
            if (ware < onSale) {
                return ware;
            }
        }
        return random.nextInt(onSale);
    }

    private static int quantity(RandomGenerator random) {
        return Math.min(1 + (int) (random.nextExponential() * 0.9), 20);
    }

    /** Its way as far as it has come by the end of the span. */
    private List<Step> steps(RandomGenerator random, int n, long placedAt) {
        var steps = new ArrayList<Step>(5);
        var traces = Chance.about(idSeed, Chance.Of.TRACE, n);
        int percent = random.nextInt(100);
        long at = placedAt;
        step(steps, traces, "pending", at, true);
        if (percent < 4) {
            step(steps, traces, "cancelled", at + Chance.wait(random, HOUR), true);
            return steps;
        }
        step(steps, traces, "confirmed", at += Chance.wait(random, 3 * HOUR), false);
        if (percent < 7) {
            step(steps, traces, "cancelled", at + Chance.wait(random, 5 * HOUR), false);
            return steps;
        }
        step(steps, traces, "shipped", at += Chance.wait(random, 20 * HOUR), false);
        step(steps, traces, "delivered", at += Chance.wait(random, 40 * HOUR), false);
        if (percent < 10) {
            step(steps, traces, "returned", at + Chance.wait(random, 120 * HOUR), false);
        }
        return steps;
    }

    private void step(List<Step> steps, RandomGenerator traces, String status, long at, boolean byCustomer) {
        if (at < span.end()) {
            steps.add(new Step(status, at, byCustomer, "%016x%016x".formatted(traces.nextLong(), traces.nextLong())));
        }
    }
}
