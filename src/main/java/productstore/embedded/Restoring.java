package productstore.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;

/**
 * A data folder that is being made from a backup. It is put together and tried out in {@code restoring/} inside the real one, as a
 * data folder of its own, and becomes the real one by a rename. As long as {@code restoring/} stands there alone, no store starts.
 */
public final class Restoring implements AutoCloseable {
    private static final String NAME = "restoring";
    private static final String ADMIN_PASSWORD = "admin-password.txt";

    private static final Duration SERVERS_END = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(50);

    private final DataFolder real;
    private final Path folder;

    private Restoring(DataFolder real, Path folder) {
        this.real = real;
        this.folder = folder;
    }

    /**
     * Takes a data folder in which there is no database, and what an earlier try has left there away.
     *
     * @throws CannotStart if it holds a database, is in use, or can't be written
     */
    public static Restoring begin(Path dataDir) {
        DataFolder real = DataFolder.tryLock(dataDir).orElseThrow(() -> DataFolder.inUse(dataDir));
        boolean begun = false;
        try {
            Path folder = real.root().resolve(NAME);
            boolean password = Files.exists(real.root().resolve(ADMIN_PASSWORD)) && Files.notExists(folder);
            if (Files.exists(real.postgres(), LinkOption.NOFOLLOW_LINKS) || password) {
                throw new CannotStart("The data folder " + dataDir + " is a store's already, and nothing there is"
                        + " overwritten; move it away, or set STORE_DATA_DIR to a folder that is new or empty.");
            }
            awaitItsServersEnd(folder);
            Trees.delete(folder);
            Path postgres = folder.resolve("postgres");
            Files.createDirectories(postgres);
            DataFolder.letThrough(folder);
            DataFolder.letThrough(postgres);
            begun = true;
            return new Restoring(real, folder);
        } catch (IOException e) {
            throw new CannotStart("The data folder " + dataDir + " can't be written (" + e + ").", e);
        } finally {
            if (!begun) {
                real.close();
            }
        }
    }

    /** One that was killed leaves its server behind for a moment. */
    private static void awaitItsServersEnd(Path folder) throws IOException {
        Path files = Cluster.files(folder.resolve("postgres"));
        Instant limit = Instant.now().plus(SERVERS_END);
        while (PidFile.read(files)
                .filter(file -> CommandLines.of(file.pid()).contains(Cluster.mark(files)))
                .isPresent()) {
            if (Instant.now().isAfter(limit)) {
                throw new IOException("a server still runs on it");
            }
            LockSupport.parkNanos(POLL.toNanos());
        }
    }

    /** Where everything goes that a data folder holds. */
    public Path folder() {
        return folder;
    }

    /** Starts the server on what is there so far. */
    public EmbeddedPostgres start() {
        return EmbeddedPostgres.start(folder);
    }

    /** Makes it the data folder. The server must have been stopped: its last checkpoint has brought everything to the disk. */
    public void finish() throws IOException {
        Path password = folder.resolve(ADMIN_PASSWORD);
        if (Files.exists(password)) {
            Files.move(
                    password,
                    real.root().resolve(ADMIN_PASSWORD),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        }
        // The last step: from now on it is a good one.
        Cluster.sync(folder.resolve("postgres"));
        Files.move(folder.resolve("postgres"), real.postgres(), StandardCopyOption.ATOMIC_MOVE);
        Cluster.sync(real.root());
    }

    /** Leaves nothing of what was not finished. */
    @Override
    public void close() {
        try {
            Trees.delete(folder);
        } catch (IOException e) {
            throw new CannotStart("The folder " + folder + " can't be deleted (" + e + "); delete it.", e);
        } finally {
            real.close();
        }
    }

    /** An unfinished one must not be taken for an empty folder, in which a new store would begin. */
    static void requireNoneBegun(DataFolder data) {
        Path folder = data.root().resolve(NAME);
        if (Files.notExists(folder)) {
            return;
        }
        if (Files.notExists(data.postgres())) {
            throw new CannotStart("A restore into the data folder " + data.root() + " has not come to its end; give"
                    + " ./store restore again, or delete " + folder + " to begin with an empty store.");
        }
        try {
            // It was finished, and only the tidying up was not.
            Trees.delete(folder);
        } catch (IOException e) {
            throw new CannotStart("The folder " + folder + " can't be deleted (" + e + "); delete it.", e);
        }
    }
}
