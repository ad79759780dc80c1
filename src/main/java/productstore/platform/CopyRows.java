package productstore.platform;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import productstore.platform.Operations.Operation;

/**
 * Streams rows into a table with COPY, the fastest way in. While it is open its connection can do nothing else. Closed
 * before {@link #finish()}, it takes back all its rows, and the transaction can only be rolled back.
 */
public final class CopyRows implements AutoCloseable {
    private static final int BUFFER_BYTES = 64 * 1024;

    private final CopyIn copy;
    private byte[] buffer = new byte[BUFFER_BYTES + BUFFER_BYTES / 4];
    private int used;
    private boolean rowBegun;
    private final @Nullable Operation operation;
    private long waitedNanos;
    private boolean finished;

    /**
     * Begins.
     *
     * @param connection with a transaction of its own, to PostgreSQL, pooled or not
     * @param target a table and its columns, {@code stock (product_id, quantity)}; not a client's text
     */
    public CopyRows(Connection connection, String target) throws SQLException {
        var sql = "/* copy.%s */ COPY %s FROM STDIN".formatted(target.split("[ (]", 2)[0], target);
        operation = connection.isWrapperFor(MeasuredConnection.class)
                ? connection.unwrap(MeasuredConnection.class).operations().of(sql)
                : null;
        copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql);
    }

    /** Adds the next column's value to the row: its {@code toString()}, or NULL. */
    public CopyRows add(@Nullable Object value) throws SQLException {
        if (rowBegun) {
            put('\t');
        }
        rowBegun = true;
        if (value == null) {
            put('\\');
            put('N');
        } else {
            escape(value.toString().getBytes(StandardCharsets.UTF_8));
        }
        return this;
    }

    /** Ends the row. */
    public void end() throws SQLException {
        put('\n');
        rowBegun = false;
        if (used >= BUFFER_BYTES) {
            flush();
        }
    }

    /** Ends the copy. */
    public void finish() throws SQLException {
        flush();
        long begin = System.nanoTime();
        copy.endCopy();
        waitedNanos += System.nanoTime() - begin;
        finished = true;
    }

    @Override
    public void close() throws SQLException {
        // Only what was waited for the database: making the rows takes time of our own.
        if (operation != null) {
            operation.record(waitedNanos, !finished);
        }
        if (copy.isActive()) {
            copy.cancelCopy();
        }
    }

    private void escape(byte[] text) {
        for (byte b : text) {
            switch (b) {
                case '\\' -> put('\\', '\\');
                case '\t' -> put('\\', 't');
                case '\n' -> put('\\', 'n');
                case '\r' -> put('\\', 'r');
                default -> put(b);
            }
        }
    }

    private void put(int first, int second) {
        put(first);
        put(second);
    }

    private void put(int b) {
        if (used == buffer.length) {
            buffer = Arrays.copyOf(buffer, used * 2);
        }
        buffer[used++] = (byte) b;
    }

    private void flush() throws SQLException {
        long begin = System.nanoTime();
        copy.writeToCopy(buffer, 0, used);
        waitedNanos += System.nanoTime() - begin;
        used = 0;
    }
}
