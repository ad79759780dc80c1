package productstore.seeding;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** The time in which everything happened, in microseconds since 1970. */
record Span(long begin, long end) {
    static Span until(Instant end, Duration length) {
        return new Span(micros(end.minus(length)), micros(end));
    }

    /** A moment in it. */
    long at(double part) {
        return begin + (long) ((end - begin) * part);
    }

    double part(long micros) {
        return (double) (micros - begin) / (end - begin);
    }

    /** As PostgreSQL reads it. */
    static String text(long micros) {
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS).toString();
    }

    private static long micros(Instant instant) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
    }
}
