package productstore.backup;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/** Unpacks a backup's file and believes none of it before the last byte was read and every checksum compared. */
final class BackupReader {
    private static final int BUFFER_BYTES = 1024 * 1024;
    private static final int MOST_NOTE_BYTES = 64 * 1024;
    private static final int MOST_SUMS_BYTES = 256 * 1024 * 1024;

    private final Path file;
    private final Path folder;
    private final Map<String, String> found = new TreeMap<>();
    private final byte[] buffer = new byte[BUFFER_BYTES];

    private BackupReader(Path file, Path folder) {
        this.file = file;
        this.folder = folder;
    }

    /**
     * Unpacks.
     *
     * @param folder which must be empty; what is in it afterwards is worth nothing if this fails
     * @param check throws if what the note says can't be restored
     * @param read hears how many more bytes of the file have been read
     */
    static BackupNote unpack(Path file, Path folder, Consumer<BackupNote> check, LongConsumer read) throws IOException {
        try (var bytes = new BufferedInputStream(new Counted(Files.newInputStream(file), read), BUFFER_BYTES)) {
            return new BackupReader(file, folder).unpack(bytes, check);
        }
    }

    private BackupNote unpack(InputStream bytes, Consumer<BackupNote> check) throws IOException {
        try (var unpacked = new GZIPInputStream(bytes, BUFFER_BYTES);
                var tar = new TarArchiveInputStream(unpacked, StandardCharsets.UTF_8.name())) {
            var note = note(tar);
            check.accept(note);
            TarArchiveEntry entry = tar.getNextEntry();
            for (; entry != null && !entry.getName().equals(BackupWriter.SUMS); entry = tar.getNextEntry()) {
                unpack(entry, tar);
            }
            if (entry == null) {
                throw new IOException("its checksums are missing");
            }
            compare(new String(content(tar, entry, MOST_SUMS_BYTES), StandardCharsets.UTF_8));
            if (tar.getNextEntry() != null) {
                throw new IOException("something was added to it");
            }
            // The packer's own checksum stands behind the last byte.
            while (unpacked.read(buffer) >= 0) {}
            return note;
        } catch (IOException | IllegalArgumentException e) {
            throw broken(e);
        }
    }

    private BackupFailure broken(Exception e) {
        return new BackupFailure(
                "The file " + file + " is no whole backup (" + (e.getMessage() == null ? e : e.getMessage())
                        + "): it was cut short or changed since it was made, or never was one.",
                e);
    }

    private BackupNote note(TarArchiveInputStream tar) throws IOException {
        TarArchiveEntry first = tar.getNextEntry();
        if (first == null || !first.getName().equals(BackupNote.NAME)) {
            throw new IOException("it doesn't begin with " + BackupNote.NAME);
        }
        byte[] json = content(tar, first, MOST_NOTE_BYTES);
        found.put(
                first.getName(), HexFormat.of().formatHex(BackupWriter.sha256().digest(json)));
        var note = BackupNote.of(json);
        if (note == null) {
            throw new IOException(BackupNote.NAME + " can't be read");
        }
        return note;
    }

    private static byte[] content(TarArchiveInputStream tar, TarArchiveEntry entry, int most) throws IOException {
        if (entry.getSize() > most) {
            throw new IOException(entry.getName() + " is too large");
        }
        byte[] content = tar.readNBytes((int) entry.getSize());
        if (content.length != entry.getSize()) {
            throw new IOException(entry.getName() + " is cut short");
        }
        return content;
    }

    private void unpack(TarArchiveEntry entry, TarArchiveInputStream tar) throws IOException {
        Path path = folder.resolve(entry.getName()).normalize();
        if (!path.startsWith(folder) || path.equals(folder)) {
            throw new IOException("it names a file outside itself");
        }
        if (entry.isDirectory()) {
            createFolder(path);
            return;
        }
        if (!entry.isFile() || entry.isSymbolicLink() || entry.isLink()) {
            throw new IOException("it holds something that is neither a file nor a folder");
        }
        Path parent = path.getParent();
        if (parent != null) {
            createFolder(parent);
        }
        Files.createFile(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        var digest = BackupWriter.sha256();
        try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            var out = Channels.newOutputStream(channel);
            for (int count = tar.read(buffer); count >= 0; count = tar.read(buffer)) {
                digest.update(buffer, 0, count);
                write(out, count);
            }
            // PostgreSQL brings its own files to the disk; the passwords beside them would be lost with the power.
            if (Path.of(entry.getName()).getNameCount() <= 2) {
                channel.force(true);
            }
        }
        found.put(entry.getName(), HexFormat.of().formatHex(digest.digest()));
    }

    /** A full disk is no fault of the file's. */
    private void write(OutputStream out, int count) {
        try {
            out.write(buffer, 0, count);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void createFolder(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            Path parent = path.getParent();
            if (parent != null) {
                createFolder(parent);
            }
            Files.createDirectory(
                    path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
    }

    private void compare(String list) throws IOException {
        var listed = new TreeMap<String, String>();
        for (String line : list.lines().toList()) {
            int gap = line.indexOf("  ");
            if (gap < 0) {
                throw new IOException("its checksums can't be read");
            }
            listed.put(line.substring(gap + 2), line.substring(0, gap));
        }
        for (var one : found.entrySet()) {
            if (!one.getValue().equals(listed.get(one.getKey()))) {
                throw new IOException("the checksum of " + one.getKey() + " is another one");
            }
        }
        if (!listed.keySet().equals(found.keySet())) {
            listed.keySet().removeAll(found.keySet());
            throw new IOException(listed.firstKey() + " is missing");
        }
    }

    private static final class Counted extends FilterInputStream {
        private final LongConsumer read;

        Counted(InputStream in, LongConsumer read) {
            super(in);
            this.read = read;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int count = super.read(buffer, offset, length);
            read.accept(Math.max(count, 0));
            return count;
        }
    }
}
