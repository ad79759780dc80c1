package productstore.seeding;

import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.random.RandomGenerator;
import productstore.platform.Ids;

/** Chance that falls the same way each time it is asked about the same thing, so that nothing must be remembered. */
final class Chance {
    /** What is asked about. */
    enum Of {
        WARE(1),
        TEXT(2),
        STOCK(3),
        CUSTOMER(4),
        ORDER(5),
        TRACE(6);

        // Not the ordinal: a new kind must not change what the others are.
        private final long salt;

        Of(long salt) {
            this.salt = salt << 40;
        }
    }

    private Chance() {}

    static RandomGenerator about(long seed, Of kind, long number) {
        return new SplittableRandom(mixed(mixed(mixed(seed) + kind.salt) + number));
    }

    /** The id of something that was made at a moment. */
    static UUID id(long seed, Of kind, long number, long atMicros) {
        long high = mixed(mixed(mixed(seed) - kind.salt) + number);
        return Ids.at(Math.floorDiv(atMicros, 1000), high, mixed(high));
    }

    /** A rank below {@code count} by Zipf's law: the second is half as likely as the first, the tenth a tenth. */
    static int zipf(RandomGenerator random, int count) {
        int rank = (int) Math.exp(random.nextDouble() * Math.log(count + 1.0)) - 1;
        return Math.clamp(rank, 0, count - 1);
    }

    /** One of a list by Zipf's law. */
    static <T> T popular(RandomGenerator random, List<T> list) {
        return list.get(zipf(random, list.size()));
    }

    /** A time to wait, mostly short and sometimes long. */
    static long wait(RandomGenerator random, long meanMicros) {
        return 1 + (long) (random.nextExponential() * meanMicros);
    }

    // The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
    private static long mixed(long z) {
        z += 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
