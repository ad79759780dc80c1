package productstore.embedded;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A real PostgreSQL below a data folder, durable, listening on the loopback address only. It dies with this process, however that
 * ends, and is started again on the same port should it die before. Safe for use by several threads.
 */
public final class EmbeddedPostgres implements AutoCloseable {
    private static final Duration ATTACH_LIMIT = Duration.ofSeconds(30);

    private final int port;
    private final String password;
    private final @Nullable Server server;
    private final @Nullable DataFolder folder;

    private EmbeddedPostgres(int port, String password, @Nullable Server server, @Nullable DataFolder folder) {
        this.port = port;
        this.password = password;
        this.server = server;
        this.folder = folder;
    }

    /**
     * Starts the server, making its database at the first time, and returns when it takes connections.
     *
     * @param dataDir the data folder, created if need be
     * @throws CannotStart if another store has the folder, or the server cannot run there
     */
    public static EmbeddedPostgres start(Path dataDir) {
        return start(dataDir, null);
    }

    /** As {@link #start(Path)}, with the programs unpacked elsewhere, which saves time where many folders are used. */
    static EmbeddedPostgres start(Path dataDir, @Nullable Path binariesHome) {
        return DataFolder.tryLock(dataDir)
                .map(folder -> start(folder, binariesHome))
                .orElseThrow(() -> DataFolder.inUse(dataDir));
    }

    /**
     * Uses the server that a running store has on this folder or, where none runs, starts it until {@link #close()}.
     *
     * @throws CannotStart as {@link #start(Path)}, and if the running store's server does not become ready
     */
    public static EmbeddedPostgres attach(Path dataDir) {
        Instant limit = Instant.now().plus(ATTACH_LIMIT);
        for (; ; ) {
            Optional<DataFolder> folder = DataFolder.tryLock(dataDir);
            if (folder.isPresent()) {
                return start(folder.get(), null);
            }
            Path postgres = dataDir.resolve("postgres");
            Optional<PidFile> running = Cluster.pidFile(postgres).filter(PidFile::ready);
            if (running.isPresent()) {
                return new EmbeddedPostgres(running.get().port(), Cluster.readPassword(postgres), null, null);
            }
            if (Instant.now().isAfter(limit)) {
                throw new CannotStart("The store on the data folder " + dataDir
                        + " has no database that answers; wait until it has started, or stop it.");
            }
            pause();
        }
    }

    private static EmbeddedPostgres start(DataFolder folder, @Nullable Path binariesHome) {
        boolean started = false;
        try {
            Restoring.requireNoneBegun(folder);
            Path postgres = folder.postgres();
            Cluster cluster = Cluster.open(postgres, binariesHome == null ? postgres : binariesHome);
            Server server = Server.start(cluster);
            started = true;
            return new EmbeddedPostgres(server.port(), Cluster.readPassword(postgres), server, folder);
        } finally {
            if (!started) {
                folder.close();
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CannotStart("The wait for the running store was interrupted.", e);
        }
    }

    /** Where the files of the database below a data folder are, or empty if there is none. */
    public static Optional<Path> files(Path dataDir) {
        return Optional.of(Cluster.files(dataDir.resolve("postgres"))).filter(Files::isDirectory);
    }

    /** Where its password is kept. */
    public static Path passwordFile(Path dataDir) {
        return Cluster.password(dataDir.resolve("postgres"));
    }

    /** The version whose files these are; another one can't read them. */
    public static String majorVersion() {
        return Cluster.MAJOR;
    }

    public String jdbcUrl() {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + Cluster.DATABASE;
    }

    public String user() {
        return Cluster.USER;
    }

    public String password() {
        return password;
    }

    /** The server's process, or -1 where it is another store's. */
    long pid() {
        return server == null ? -1 : server.pid();
    }

    /** Stops the server if this started it, and lets go of the folder. Waits until no process is left. */
    @Override
    public void close() {
        if (server != null) {
            server.close();
        }
        if (folder != null) {
            folder.close();
        }
    }
}
