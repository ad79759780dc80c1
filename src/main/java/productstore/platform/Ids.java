package productstore.platform;

import com.fasterxml.uuid.Generators;
import com.fasterxml.uuid.impl.TimeBasedEpochGenerator;
import java.util.UUID;
import java.util.regex.Pattern;

/** Identifiers: UUIDv7 (RFC 9562) inside, opaque strings to everyone else. */
public final class Ids {
    private static final TimeBasedEpochGenerator GENERATOR = Generators.timeBasedEpochGenerator();
    // UUID.fromString also takes "1-1-1-1-1"; a client's id is either one of ours, to the letter, or unknown.
    private static final Pattern CANONICAL =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

    private Ids() {}

    /** A new id, larger than every one this process made before. */
    public static UUID next() {
        return GENERATOR.generate();
    }

    /**
     * An id as {@link #next} would have made it at some moment; for data made after the event.
     *
     * @param epochMillis the moment
     * @param randomA 12 bits of it are used
     * @param randomB 62 bits of it are used
     */
    public static UUID at(long epochMillis, long randomA, long randomB) {
        return new UUID(epochMillis << 16 | 0x7000 | (randomA & 0xFFF), 1L << 63 | (randomB >>> 2));
    }

    /** Whether this text is written as our ids are. */
    public static boolean wellFormed(String id) {
        return CANONICAL.matcher(id).matches();
    }

    /**
     * The id of a path.
     *
     * @throws Problem {@code not_found} for text that can't be one of our ids
     */
    public static UUID ofPath(String id) {
        if (!wellFormed(id)) {
            throw Problem.of(ProblemCode.NOT_FOUND, "There is nothing at this address.");
        }
        return UUID.fromString(id);
    }
}
