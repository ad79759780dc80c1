package productstore.platform;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Collects all faults of a request, so that a client hears of them at once. */
public final class Validation {
    private final List<Problem.FieldError> faults = new ArrayList<>();

    public void fault(String field, String code, String message) {
        faults.add(new Problem.FieldError(field, code, message));
    }

    /** Notes a fault if the value is missing. */
    public <T> @Nullable T required(String field, @Nullable T value) {
        if (value == null) {
            fault(field, "required", "This member is needed.");
        }
        return value;
    }

    /**
     * A text on one line that must be there: without leading and trailing space, without control characters.
     *
     * @param longest in characters (code points)
     * @return null if there was a fault
     */
    public @Nullable String line(String field, @Nullable String value, int longest) {
        var text = required(field, value);
        if (text == null) {
            return null;
        }
        // With the blanks around it, as the description's maxLength counts.
        if (isTooLong(field, text, longest)) {
            return null;
        }
        text = text.strip();
        if (text.isEmpty()) {
            fault(field, "required", "This must not be blank.");
            return null;
        }
        return check(field, text, longest, false);
    }

    /** A text on one line that may be missing; a blank one is a missing one. */
    public @Nullable String optionalLine(String field, @Nullable String value, int longest) {
        return value == null || value.isBlank() ? null : line(field, value, longest);
    }

    /** A text that may be missing and may have several lines; kept as it is. */
    public @Nullable String optionalText(String field, @Nullable String value, int longest) {
        return value == null ? null : check(field, value, longest, true);
    }

    /**
     * A whole number that must be there.
     *
     * @return the smallest allowed if there was a fault
     */
    public long integer(String field, @Nullable Long value, long smallest, long largest) {
        var number = required(field, value);
        if (number == null) {
            return smallest;
        }
        if (number < smallest || number > largest) {
            fault(field, "out_of_range", "Must be from " + smallest + " to " + largest + ".");
            return smallest;
        }
        return number;
    }

    public boolean failed() {
        return !faults.isEmpty();
    }

    public List<Problem.FieldError> faults() {
        return List.copyOf(faults);
    }

    /**
     * Ends the checking.
     *
     * @throws Problem {@code invalid_request} with all faults, if there are any
     */
    public void done() {
        if (failed()) {
            throw Problem.of(
                    ProblemCode.INVALID_REQUEST,
                    faults.size() == 1
                            ? faults.getFirst().field() + ": "
                                    + faults.getFirst().message()
                            : faults.size() + " fields are at fault.",
                    faults);
        }
    }

    private @Nullable String check(String field, String text, int longest, boolean lines) {
        if (isTooLong(field, text, longest)) {
            return null;
        }
        if (text.codePoints().anyMatch(c -> forbidden(c, lines))) {
            fault(field, "invalid", "Control characters and lone surrogates are not allowed.");
            return null;
        }
        return text;
    }

    private boolean isTooLong(String field, String text, int longest) {
        boolean tooLong = text.codePointCount(0, text.length()) > longest;
        if (tooLong) {
            fault(field, "too_long", "At most " + longest + " characters.");
        }
        return tooLong;
    }

    // Control characters break terminals and CSV files, PostgreSQL can't hold NUL at all, and embeddings and overrides
    // of the
    // writing direction make a name look like another; the marks U+200E and U+200F are ordinary in Hebrew and Arabic.
    private static boolean forbidden(int c, boolean lines) {
        if (lines && (c == '\n' || c == '\r' || c == '\t')) {
            return false;
        }
        return Character.isISOControl(c)
                || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)
                || (c >= 0x202A && c <= 0x202E)
                || (c >= 0x2066 && c <= 0x2069);
    }
}
