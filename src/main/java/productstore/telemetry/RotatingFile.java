package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A file of lines that begins anew when it is full: {@code store.log} becomes {@code store.log.1}, that one {@code .2}, and so on;
 * the oldest is deleted. By renaming, so that a shipper that follows the file reads it to its end. For one thread.
 */
final class RotatingFile extends OutputStream {
    private static final Duration BETWEEN_TRIES = Duration.ofMinutes(1);

    private final Path file;
    private final long fullBytes;
    private final int kept;
    private @Nullable FileChannel channel;
    private long nextTryNanos = System.nanoTime();

    /**
     * @param fullBytes from which size on it is full
     * @param kept full ones that stay
     * @throws IOException if nothing can be written there
     */
    RotatingFile(Path file, long fullBytes, int kept) throws IOException {
        this.file = file.toAbsolutePath();
        this.fullBytes = fullBytes;
        this.kept = kept;
        open();
    }

    private FileChannel open() throws IOException {
        Files.createDirectories(file.getParent());
        boolean half = endsInTheMiddleOfALine();
        var opened = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        if (opened.tryLock() == null) {
            opened.close();
            throw new IOException(file + " is written by another program");
        }
        if (half) {
            // The power went, or the disk was full: the next line must not become a part of that one.
            opened.write(ByteBuffer.wrap(new byte[] {'\n'}));
        }
        channel = opened;
        return opened;
    }

    private boolean endsInTheMiddleOfALine() throws IOException {
        if (!Files.exists(file) || Files.size(file) == 0) {
            return false;
        }
        try (var written = FileChannel.open(file, StandardOpenOption.READ)) {
            var last = ByteBuffer.allocate(1);
            return written.read(last, written.size() - 1) == 1 && last.get(0) != '\n';
        }
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    /** Writes whole lines: all of them, or none if it fails. */
    @Override
    public void write(byte[] lines, int from, int length) throws IOException {
        var to = channel == null ? open() : channel;
        if (to.size() >= fullBytes && System.nanoTime() - nextTryNanos >= 0) {
            to = rotated(to);
        }
        long before = to.size();
        try {
            for (var rest = ByteBuffer.wrap(lines, from, length); rest.hasRemaining(); ) {
                to.write(rest);
            }
        } catch (IOException e) {
            cutBack(to, before);
            throw e;
        }
    }

    /** A full disk must not leave half of a line. If that can't be helped, a new line is begun when it is opened again. */
    private void cutBack(FileChannel to, long before) {
        channel = null;
        try (to) {
            to.truncate(before);
        } catch (IOException e) {
            // The disk is gone altogether; the failure that led here is told.
        }
    }

    private FileChannel rotated(FileChannel full) throws IOException {
        channel = null;
        full.close();
        try {
            for (int n = kept; n > 0; n--) {
                var younger = n == 1 ? file : numbered(n - 1);
                if (Files.exists(younger)) {
                    Files.move(younger, numbered(n), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        } catch (IOException e) {
            // A file that is too long is better than none.
            nextTryNanos = System.nanoTime() + BETWEEN_TRIES.toNanos();
        }
        return open();
    }

    private Path numbered(int n) {
        return file.resolveSibling(file.getFileName() + "." + n);
    }

    @Override
    public void close() throws IOException {
        if (channel != null) {
            channel.close();
        }
    }
}
