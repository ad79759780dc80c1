package productstore.backup;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.function.LongConsumer;
import java.util.zip.Deflater;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorOutputStream;
import org.apache.commons.compress.compressors.gzip.GzipParameters;

/**
 * Writes a backup's file: a tar, packed with gzip, whose last entry is {@code SHA256SUMS} of all others, as sha256sum reads it. It
 * has another name until it is whole and on the disk.
 */
final class BackupWriter implements Closeable {
    static final String SUMS = "SHA256SUMS";
    private static final int BUFFER_BYTES = 1024 * 1024;

    private final Path target;
    private final Path draft;
    private final FileChannel channel;
    private final TarArchiveOutputStream tar;
    private final StringBuilder sums = new StringBuilder();
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private long written;

    private BackupWriter(Path target, Path draft) throws IOException {
        this.target = target;
        this.draft = draft;
        this.channel = FileChannel.open(draft, StandardOpenOption.WRITE);
        var fast = new GzipParameters();
        fast.setCompressionLevel(Deflater.BEST_SPEED);
        var packed = new GzipCompressorOutputStream(
                new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES), fast);
        this.tar = new TarArchiveOutputStream(packed, StandardCharsets.UTF_8.name());
    }

    /** Begins a file that must not be there. Only its owner can read it. */
    static BackupWriter create(Path target) throws IOException {
        Path folder = target.toAbsolutePath().getParent();
        if (folder == null || Files.exists(target)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        // With mode 0600, and a name of its own: two that are made at once don't write into each other.
        Path draft = Files.createTempFile(folder, target.getFileName() + ".", ".part");
        // After Ctrl-C too.
        draft.toFile().deleteOnExit();
        return new BackupWriter(target, draft);
    }

    void folder(String name) throws IOException {
        var entry = new TarArchiveEntry(name + "/");
        entry.setMode(040700);
        tar.putArchiveEntry(entry);
        tar.closeArchiveEntry();
    }

    void add(String name, byte[] content) throws IOException {
        begin(name, content.length);
        tar.write(content);
        end(name, sha256().digest(content));
        written += content.length;
    }

    /**
     * Adds a file that somebody may be writing to: as many bytes as it had when it was opened, zeros where it became shorter since.
     *
     * @param copied hears how many bytes more are done
     * @return whether there still was such a file
     */
    boolean add(String name, Path file, LongConsumer copied) throws IOException {
        try (var in = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = in.size();
            begin(name, size);
            var digest = sha256();
            long left = size;
            while (left > 0) {
                int wanted = (int) Math.min(left, buffer.length);
                int count = in.read(ByteBuffer.wrap(buffer, 0, wanted));
                if (count < 0) {
                    Arrays.fill(buffer, 0, wanted, (byte) 0);
                    count = wanted;
                }
                digest.update(buffer, 0, count);
                tar.write(buffer, 0, count);
                copied.accept(count);
                left -= count;
            }
            end(name, digest.digest());
            written += size;
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private void begin(String name, long size) throws IOException {
        var entry = new TarArchiveEntry(name);
        entry.setSize(size);
        entry.setMode(0100600);
        tar.putArchiveEntry(entry);
    }

    private void end(String name, byte[] digest) throws IOException {
        tar.closeArchiveEntry();
        sums.append(HexFormat.of().formatHex(digest)).append("  ").append(name).append('\n');
    }

    /** How many bytes the files had that are in it. */
    long bytes() {
        return written;
    }

    /** Completes the file, brings it to the disk and gives it its name. */
    void finish() throws IOException {
        byte[] list = sums.toString().getBytes(StandardCharsets.UTF_8);
        begin(SUMS, list.length);
        tar.write(list);
        tar.closeArchiveEntry();
        tar.finish();
        tar.flush();
        // Writes what gzip has kept and its checksum, but closes the channel, which is opened once more for the disk.
        tar.close();
        force(draft, StandardOpenOption.WRITE);
        if (Files.exists(target)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
        Path folder = target.toAbsolutePath().getParent();
        if (folder != null) {
            force(folder, StandardOpenOption.READ);
        }
    }

    private static void force(Path path, StandardOpenOption how) throws IOException {
        try (var opened = FileChannel.open(path, how)) {
            opened.force(true);
        }
    }

    /** Leaves nothing of a file that was not finished. */
    @Override
    public void close() throws IOException {
        channel.close();
        Files.deleteIfExists(draft);
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
