package productstore.embedded;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The data folder, held by this process alone until it is closed.
 *
 * <p>Below it: {@code store.lock}, and {@code postgres/} with the extracted binaries, the cluster ({@code 18/}), its password and
 * its log.
 */
final class DataFolder implements AutoCloseable {
    /**
     * Closing any descriptor of a file gives up every POSIX lock this process has on it, so a folder that is held here already
     * must be noticed before its lock file is opened a second time.
     */
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private final Path root;
    private final FileChannel channel;

    private DataFolder(Path root, FileChannel channel) {
        this.root = root;
        this.channel = channel;
    }

    /** Creates the folder if need be and takes it, or empty where another store has it. */
    static Optional<DataFolder> tryLock(Path dataDir) {
        Path root = create(dataDir);
        if (!HELD_HERE.add(root)) {
            return Optional.empty();
        }
        boolean locked = false;
        try {
            FileChannel channel = FileChannel.open(
                    root.resolve("store.lock"),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.READ,
                    StandardOpenOption.WRITE);
            FileLock lock = channel.tryLock();
            if (lock == null) {
                channel.close();
                return Optional.empty();
            }
            locked = true;
            channel.truncate(0);
            channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)));
            return Optional.of(new DataFolder(root, channel));
        } catch (IOException e) {
            throw notWritable(root, e);
        } finally {
            if (!locked) {
                HELD_HERE.remove(root);
            }
        }
    }

    /** Says who holds the folder, as well as that can be known. */
    static CannotStart inUse(Path dataDir) {
        String holder;
        try {
            String pid = Files.readString(create(dataDir).resolve("store.lock")).strip();
            holder = pid.isEmpty() ? "" : " (process " + pid + ")";
        } catch (IOException e) {
            holder = "";
        }
        return new CannotStart("The data folder " + dataDir + " is in use by another store" + holder
                + "; stop that one, or set STORE_DATA_DIR to another folder.");
    }

    private static Path create(Path dataDir) {
        try {
            boolean isNew = Files.notExists(dataDir);
            Files.createDirectories(dataDir);
            if (isNew) {
                letThrough(dataDir);
            }
            return dataDir.toRealPath();
        } catch (FileAlreadyExistsException e) {
            throw new CannotStart(
                    "The data folder " + dataDir + " is not a folder but a file; set STORE_DATA_DIR to a folder.", e);
        } catch (IOException e) {
            throw notWritable(dataDir, e);
        }
    }

    /** Started by root, the server runs as somebody else, who must get through to its files whatever root's umask is. */
    static void letThrough(Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-x--x"));
    }

    private static CannotStart notWritable(Path dataDir, IOException cause) {
        return new CannotStart(
                "The data folder " + dataDir + " cannot be written ("
                        + cause.getClass().getSimpleName()
                        + "); give this user the right to, or set STORE_DATA_DIR to another folder.",
                cause);
    }

    Path root() {
        return root;
    }

    Path postgres() {
        return root.resolve("postgres");
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new IllegalStateException("could not let go of " + root, e);
        } finally {
            HELD_HERE.remove(root);
        }
    }
}
