package productstore.embedded;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Locale;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;

/** The server's programs: packed in a jar for this platform, unpacked once. */
record Binaries(Path home) {
    /** Unpacks into {@code parent/bin-<checksum>} unless that is there already. */
    static Binaries in(Path parent) {
        URL archive = archive();
        try {
            URLConnection connection = archive.openConnection();
            // The jar's own checksum of the archive tells versions apart without reading 15 MB at each start.
            long checksum = connection instanceof JarURLConnection jar
                    ? jar.getJarEntry().getCrc()
                    : connection.getContentLengthLong();
            Path home = parent.resolve("bin-" + HexFormat.of().toHexDigits((int) checksum));
            if (!Files.isDirectory(home)) {
                Path unfinished = Files.createTempDirectory(
                        parent,
                        "unpacking-",
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
                try (InputStream in = connection.getInputStream()) {
                    unpack(in, unfinished);
                }
                // The umask may have taken others' rights away, and another user runs these.
                Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rwxr-xr-x"));
                moveInto(unfinished, home);
            }
            return new Binaries(home);
        } catch (IOException e) {
            throw new CannotStart(
                    "PostgreSQL could not be unpacked below " + parent + " (" + e.getMessage()
                            + "); make room there, or set STORE_DATA_DIR to another folder.",
                    e);
        }
    }

    private static void moveInto(Path unfinished, Path home) throws IOException {
        try {
            Files.move(unfinished, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (!Files.isDirectory(home)) {
                throw e;
            }
            // Another store, sharing this folder for its binaries, was faster.
            Trees.delete(unfinished);
        }
    }

    Path program(String name) {
        return home.resolve("bin").resolve(name);
    }

    private static URL archive() {
        String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String system = os.startsWith("mac") ? "darwin" : os.startsWith("linux") ? "linux" : os.replace(' ', '_');
        String arch = System.getProperty("os.arch", "");
        String machine = switch (arch) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64" -> "arm_64";
            default -> arch;
        };
        URL archive = Binaries.class.getResource("/postgres-" + system + "-" + machine + ".txz");
        if (archive == null) {
            throw new CannotStart("This build has no embedded PostgreSQL for " + system + " on " + machine
                    + "; build it on this machine, or set STORE_DB_URL to a PostgreSQL of your own.");
        }
        return archive;
    }

    private static void unpack(InputStream packed, Path target) throws IOException {
        try (TarArchiveInputStream tar =
                new TarArchiveInputStream(new XZCompressorInputStream(new BufferedInputStream(packed)))) {
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                Path path = target.resolve(entry.getName()).normalize();
                if (!path.startsWith(target)) {
                    throw new IOException("the archive names a file outside itself: " + entry.getName());
                }
                if (entry.isDirectory()) {
                    createFolders(target, path);
                } else if (!entry.getName().endsWith(".a")) {
                    createFolders(target, path.getParent() == null ? target : path.getParent());
                    unpack(entry, tar, path);
                }
            }
        }
    }

    private static void unpack(TarArchiveEntry entry, InputStream content, Path path) throws IOException {
        if (entry.isSymbolicLink()) {
            Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
            return;
        }
        Files.copy(content, path);
        boolean program = (entry.getMode() & 0100) != 0;
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(program ? "rwxr-xr-x" : "rw-r--r--"));
        // A folder that was renamed into place must not turn out empty after a power cut.
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE)) {
            file.force(true);
        }
    }

    private static void createFolders(Path from, Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Path parent = folder.getParent();
            if (parent != null && parent.startsWith(from)) {
                createFolders(from, parent);
            }
            Files.createDirectory(folder);
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }
}
