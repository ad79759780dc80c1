package productstore.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import productstore.embedded.CannotStart;
import productstore.embedded.EmbeddedPostgres;

/** The file of a backup: what comes out is what went in, or nothing does. */
class BackupFileTest {
    private static final byte[] WORDS = "ягода\n".getBytes(StandardCharsets.UTF_8);

    @TempDir
    private Path scratch = Path.of("");

    private Path file = Path.of("");
    private final byte[] large = new byte[3_000_000];

    /** A part of an archive that a test changes. */
    @FunctionalInterface
    private interface Change {
        void of(Map<String, byte[]> entries) throws IOException;
    }

    @BeforeEach
    void write() throws IOException {
        new Random(7).nextBytes(large);
        file = scratch.resolve("backup.tar.gz");
        try (var out = BackupWriter.create(file)) {
            out.add(
                    BackupNote.NAME,
                    note(BackupNote.FORMAT, EmbeddedPostgres.majorVersion(), BackupNote.thisPlatform()));
            out.folder("postgres/18/empty");
            out.add("postgres/password", WORDS);
            out.add("postgres/18/large", Files.write(scratch.resolve("large"), large), copied -> {});
            assertThat(out.add("postgres/18/gone", scratch.resolve("gone"), copied -> {}))
                    .isFalse();
            out.finish();
        }
    }

    private static byte[] note(int format, String postgresql, String platform) {
        return new BackupNote(format, "0.1.0", Instant.EPOCH, postgresql, platform, 1, 0, 0).toJson();
    }

    @Test
    void whatWentInComesOutAndOnlyItsOwnerReadsIt() throws IOException {
        Path folder = Files.createDirectory(scratch.resolve("unpacked"));
        var note = BackupReader.unpack(file, folder, any -> {}, read -> {});
        assertThat(note.madeBy()).isEqualTo("0.1.0");
        assertThat(Files.readAllBytes(folder.resolve("postgres/password"))).isEqualTo(WORDS);
        assertThat(Files.readAllBytes(folder.resolve("postgres/18/large"))).isEqualTo(large);
        assertThat(folder.resolve("postgres/18/empty")).isEmptyDirectory();
        for (var path : new Path[] {file, folder.resolve("postgres/18/large")}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .isEqualTo("rw-------");
        }
        assertThat(scratch.toFile().list()).containsExactlyInAnyOrder("backup.tar.gz", "large", "unpacked");
    }

    @Test
    void oneThatIsThereIsNotOverwritten() throws IOException {
        byte[] before = Files.readAllBytes(file);
        assertThatThrownBy(() -> BackupWriter.create(file)).isInstanceOf(FileAlreadyExistsException.class);
        Path late = scratch.resolve("late.tar.gz");
        try (var out = BackupWriter.create(late)) {
            Files.write(late, WORDS);
            assertThatThrownBy(out::finish).isInstanceOf(FileAlreadyExistsException.class);
        }
        assertThat(Files.readAllBytes(late)).isEqualTo(WORDS);
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @Test
    void oneThatWasNotFinishedLeavesNothing() throws IOException {
        try (var out = BackupWriter.create(scratch.resolve("unfinished.tar.gz"))) {
            out.add("postgres/password", WORDS);
            assertThat(scratch.toFile().list()).hasSize(3);
        }
        assertThat(scratch.toFile().list()).hasSize(2);
    }

    @Test
    void cutShortAnywhereItIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        for (int length :
                new int[] {0, 5, 100, whole.length / 2, whole.length - 2_000, whole.length - 9, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertRefused("is no whole backup");
        }
    }

    @Test
    void withOneByteChangedAnywhereItIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        for (int n = 0; n < 40; n++) {
            byte[] changed = whole.clone();
            // Behind gzip's own header, in which a time says nothing.
            changed[20 + (int) ((whole.length - 21L) * n / 39)] ^= 0x10;
            Files.write(file, changed);
            assertRefused("is no whole backup");
        }
    }

    @Test
    void packedAnewWithSomethingElseInItItIsRefused() throws IOException {
        changed(entries -> entries.put("postgres/password", "other\n".getBytes(StandardCharsets.UTF_8)));
        assertRefused("the checksum of postgres/password is another one");
        changed(entries -> entries.remove("postgres/password"));
        assertRefused("postgres/password is missing");
        changed(entries -> entries.remove(BackupWriter.SUMS));
        assertRefused("its checksums are missing");
        changed(entries -> entries.put("added", WORDS));
        assertRefused("something was added to it");
        changed(entries -> {
            byte[] sums = entries.remove(BackupWriter.SUMS);
            entries.put("../outside", WORDS);
            entries.put(BackupWriter.SUMS, sums == null ? WORDS : sums);
        });
        assertRefused("it names a file outside itself");
        assertThat(scratch.resolve("outside")).doesNotExist();
        changed(entries -> entries.remove(BackupNote.NAME));
        assertRefused("it doesn't begin with backup.json");
    }

    @Test
    void oneThatIsNotForHereIsRefusedBeforeItIsRead() throws IOException {
        changed(entries ->
                entries.put(BackupNote.NAME, note(2, EmbeddedPostgres.majorVersion(), BackupNote.thisPlatform())));
        assertRefused("made by a newer Product Store");
        changed(entries -> entries.put(BackupNote.NAME, note(1, "17", BackupNote.thisPlatform())));
        assertRefused("holds the files of PostgreSQL 17");
        changed(entries -> entries.put(BackupNote.NAME, note(1, EmbeddedPostgres.majorVersion(), "beos-ppc")));
        assertRefused("was made on beos-ppc");
    }

    @Test
    void whatHoldsADatabaseIsLeftAlone() throws IOException {
        Path dataDir = scratch.resolve("data");
        Files.createDirectories(dataDir.resolve("postgres"));
        assertThatThrownBy(() -> restore(dataDir))
                .isInstanceOf(CannotStart.class)
                .hasMessageContaining("nothing there is overwritten");
        Files.delete(dataDir.resolve("postgres"));
        Files.writeString(dataDir.resolve("admin-password.txt"), "secret");
        assertThatThrownBy(() -> restore(dataDir))
                .isInstanceOf(CannotStart.class)
                .hasMessageContaining("nothing there is overwritten");
        assertThat(dataDir.resolve("admin-password.txt")).hasContent("secret");
    }

    /** By the command itself, and nothing of it is left. */
    private void assertRefused(String words) {
        Path dataDir = scratch.resolve("data");
        assertThatThrownBy(() -> restore(dataDir))
                .isInstanceOf(BackupFailure.class)
                .hasMessageContaining(words)
                .satisfies(failure -> assertThat(failure.getMessage()).hasLineCount(1));
        assertThat(dataDir.resolve("postgres")).doesNotExist();
        assertThat(dataDir.resolve("restoring")).doesNotExist();
    }

    private void restore(Path dataDir) {
        Restore.into(dataDir, file, database -> 0L, new PrintStream(new ByteArrayOutputStream()));
    }

    private void changed(Change change) throws IOException {
        write(change, read());
        assertThat(file).exists();
    }

    private Map<String, byte[]> read() throws IOException {
        Files.delete(file);
        write();
        var entries = new LinkedHashMap<String, byte[]>();
        try (var tar = new TarArchiveInputStream(new GZIPInputStream(Files.newInputStream(file)))) {
            for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                entries.put(entry.getName(), tar.readAllBytes());
            }
        }
        return entries;
    }

    private void write(Change change, Map<String, byte[]> entries) throws IOException {
        change.of(entries);
        try (var tar = new TarArchiveOutputStream(new GZIPOutputStream(Files.newOutputStream(file)))) {
            for (var entry : entries.entrySet()) {
                var head = new TarArchiveEntry(entry.getKey(), true);
                head.setSize(entry.getValue().length);
                tar.putArchiveEntry(head);
                tar.write(entry.getValue());
                tar.closeArchiveEntry();
            }
        }
    }
}
