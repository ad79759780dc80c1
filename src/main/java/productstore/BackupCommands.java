package productstore;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.sql.DataSource;
import productstore.audit.StockCheck;
import productstore.backup.Backup;
import productstore.backup.Restore;
import productstore.embedded.EmbeddedPostgres;

/** The verbs {@code backup} and {@code restore}, which are for the embedded database. */
final class BackupCommands {
    static final String BACKUP_HELP = """
            ./store backup FILE | FOLDER
              Keeps the embedded database as one file; in a folder it is named after the time. The store may run and sell
              meanwhile: what was answered before this began is in it. Nothing is overwritten. The file holds passwords'
              hashes, signing keys and the made password, and only its owner can read it: keep it as you keep the shop.
            """;
    static final String RESTORE_HELP = """
            ./store restore FILE
              Makes a data folder of such a file where there is none (STORE_DATA_DIR, else ./data), starts the database
              in it, and compares its stock with its ledger and its orders. ./store run goes on from there.
            """;
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);
    private static final int RESTORED_BUT_DRIFTED = 2;
    private static final double MEGABYTE = 1e6;

    private BackupCommands() {}

    /**
     * Makes a backup.
     *
     * @return the exit code: 0 if there is one
     */
    static int backup(List<String> arguments, Settings settings) {
        requireEmbedded(settings, "backup");
        Optional<Path> named = path(arguments);
        if (named.isEmpty()) {
            System.err.print(BACKUP_HELP);
            return 1;
        }
        Path dataDir = settings.dataDir();
        if (EmbeddedPostgres.files(dataDir).isEmpty()) {
            throw new StartupFailure("The data folder " + dataDir
                    + " holds no database; set STORE_DATA_DIR to that of the store that is to be backed up.");
        }
        Path target = named.get().toAbsolutePath().normalize();
        if (Files.isDirectory(target)) {
            target = target.resolve("product-store-" + TIME.format(Instant.now()) + ".tar.gz");
        }
        if (target.startsWith(dataDir.toAbsolutePath().normalize())) {
            throw new StartupFailure("A backup inside the data folder " + dataDir
                    + " would be lost with it; give the name of a file elsewhere.");
        }
        DataCommands.logToStandardError();
        try (ChosenDatabase database = ChosenDatabase.toCommand(settings)) {
            DataSource source = DataCommands.source(database.address(), "backup");
            var made = Backup.write(source, dataDir, target, Store.version(), System.out);
            System.out.printf(
                    Locale.ROOT,
                    "Backed up %d products and %d orders, and what was written meanwhile, in %.1f s: %s (%.1f MB, %.1f MB unpacked)."
                            + " Whoever can read it can sign in as anybody; only you can.%n",
                    made.note().products(),
                    made.note().orders(),
                    made.seconds(),
                    target,
                    made.fileBytes() / MEGABYTE,
                    made.bytes() / MEGABYTE);
            return 0;
        }
    }

    /**
     * Restores one.
     *
     * @return the exit code: 0, or 2 if the data folder is there but its stock is not what it must be
     */
    static int restore(List<String> arguments, Settings settings) {
        requireEmbedded(settings, "restore");
        Optional<Path> named = path(arguments);
        if (named.isEmpty()) {
            System.err.print(RESTORE_HELP);
            return 1;
        }
        DataCommands.logToStandardError();
        var restored = Restore.into(settings.dataDir(), named.get(), BackupCommands::migrateAndAudit, System.out);
        System.out.printf(
                Locale.ROOT,
                "Restored the backup of %s into %s in %.1f s: %d products, %d orders. ",
                restored.note().createdAt(),
                settings.dataDir(),
                restored.seconds(),
                restored.products(),
                restored.orders());
        if (restored.drifted() > 0) {
            System.out.printf(
                    "%d products have a stock that ledger and orders don't agree with; GET /api/inventory/audit lists them.%n",
                    restored.drifted());
            return RESTORED_BUT_DRIFTED;
        }
        System.out.println("All stock agrees with the ledger and the orders. ./store run starts it.");
        return 0;
    }

    private static long migrateAndAudit(DataSource database) {
        SchemaMigration.migrate(DataCommands.flyway(database));
        return StockCheck.drifted(database);
    }

    private static void requireEmbedded(Settings settings, String verb) {
        if (settings.database() != null) {
            throw new StartupFailure(
                    "./store " + verb + " is for the embedded database; the one at " + settings.database()
                            + " is backed up and restored with PostgreSQL's own tools, as docs/backup.md shows.");
        }
    }

    private static Optional<Path> path(List<String> arguments) {
        if (arguments.size() != 1 || arguments.getFirst().startsWith("-")) {
            return Optional.empty();
        }
        try {
            return Optional.of(Path.of(arguments.getFirst()));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }
}
