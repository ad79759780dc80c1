package productstore.telemetry;

import java.sql.SQLException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;

/**
 * What may be written of a failure. The database says which values it did not like, and those are customers'; of what it
 * says only its code, and the names of what it is about, get into the log.
 */
public final class Failures {
    private static final int DEEPEST = 20;

    private Failures() {}

    /** Its class and message. */
    public static String summary(Throwable failure) {
        return failure.getClass().getName() + ": " + message(failure);
    }

    /** Its message, without what the database said in it. */
    static String message(Throwable failure) {
        var message = String.valueOf(failure.getMessage());
        @Nullable Throwable cause = failure;
        for (int depth = 0; cause != null && depth < DEEPEST; depth++, cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getMessage() != null && speaksOfValues(sql)) {
                message = message.replace(sql.getMessage(), description(sql));
            }
        }
        return message;
    }

    // https://www.postgresql.org/docs/current/errcodes-appendix.html: what can't be connected to, is overloaded, shut
    // down or misspelt by us is described without anybody's values.
    private static boolean speaksOfValues(SQLException failure) {
        var state = failure.getSQLState();
        return state != null
                && !state.startsWith("08")
                && !state.startsWith("25")
                && !state.startsWith("40")
                && !state.startsWith("42")
                && !state.startsWith("53")
                && !state.startsWith("55")
                && !state.startsWith("57");
    }

    private static String description(SQLException failure) {
        var text = new StringBuilder("SQLSTATE ").append(failure.getSQLState());
        var said = failure instanceof PSQLException postgres ? postgres.getServerErrorMessage() : null;
        if (said != null) {
            append(text, "constraint", said.getConstraint());
            append(text, "table", said.getTable());
            append(text, "column", said.getColumn());
        }
        return text.toString();
    }

    private static void append(StringBuilder text, String what, @Nullable String name) {
        if (name != null) {
            text.append(", ").append(what).append(' ').append(name);
        }
    }

    /** Where it came from and what caused it, one frame a line. */
    static String stackTrace(Throwable failure) {
        var text = new StringBuilder();
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (@Nullable Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
            text.append(text.isEmpty() ? "" : "Caused by: ")
                    .append(summary(cause))
                    .append('\n');
            for (var frame : cause.getStackTrace()) {
                text.append("\tat ").append(frame).append('\n');
            }
            for (var suppressed : cause.getSuppressed()) {
                text.append("Suppressed: ").append(summary(suppressed)).append('\n');
            }
        }
        return text.toString();
    }
}
