package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A file of lines that begins anew when it is full: {@code store.log} becomes {@code store.log.1}, that one {@code .2}, and so on;
 * the oldest is deleted. By renaming, so that a shipper that follows the file reads it to its end. For one thread.
 */
final class RotatingFile extends OutputStream {
    private final Path file;
    private final long fullBytes;
    private final int kept;
    private @Nullable FileChannel channel;
    private long size;

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
        var opened = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        size = opened.size();
        opened.position(size);
        channel = opened;
        return opened;
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    /** Writes whole lines: all of them, or none if it fails. */
    @Override
    public void write(byte[] lines, int from, int length) throws IOException {
        var to = channel == null ? open() : channel;
        if (size >= fullBytes) {
            to = rotated(to);
        }
        try {
            for (var rest = ByteBuffer.wrap(lines, from, length); rest.hasRemaining(); ) {
                to.write(rest);
            }
            size += length;
        } catch (IOException e) {
            cutBack(to);
            throw e;
        }
    }

    /** A full disk must not leave half of a line, to which the next one would be joined. */
    private void cutBack(FileChannel to) {
        try (to) {
            to.truncate(size);
        } catch (IOException e) {
            // The disk is gone altogether; the failure that led here is told.
        } finally {
            channel = null;
        }
    }

    private FileChannel rotated(FileChannel full) throws IOException {
        full.close();
        channel = null;
        for (int n = kept; n > 0; n--) {
            var younger = n == 1 ? file : numbered(n - 1);
            if (Files.exists(younger)) {
                Files.move(younger, numbered(n), StandardCopyOption.REPLACE_EXISTING);
            }
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
