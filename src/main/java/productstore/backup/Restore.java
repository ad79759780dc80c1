package productstore.backup;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.embedded.EmbeddedPostgres;
import productstore.embedded.Restoring;
import productstore.platform.Progress;

/** Makes a data folder of a backup's file, and tries it out before it calls it one. */
public final class Restore {
    private static final double CHECK_SHARE = 0.2;

    private Restore() {}

    /**
     * What was restored.
     *
     * @param products the archived ones too
     * @param drifted products whose stock is not what it must be, which it was not in the store that was backed up either
     */
    public record Restored(BackupNote note, long products, long orders, long drifted, double seconds) {}

    /**
     * Restores into a data folder that is new or empty. A failure leaves it so.
     *
     * @param check brings the database's schema to this program's, and says how many products' stock is not what it must be
     * @throws BackupFailure if nothing was restored
     */
    public static Restored into(Path dataDir, Path file, Function<DataSource, Long> check, PrintStream progress) {
        if (!Files.isRegularFile(file)) {
            throw new BackupFailure("There is no file " + file + ".");
        }
        try (var restoring = Restoring.begin(dataDir)) {
            long bytes = Files.size(file);
            try (var bar = new Progress(progress, Progress.onTerminal(), bytes * (1 + CHECK_SHARE))) {
                bar.step("unpacking");
                BackupNote note = BackupReader.unpack(file, restoring.folder(), Restore::requireFit, bar::add);
                bar.step("starting what was restored, and checking it");
                Restored restored = tryOut(restoring, note, check, bar);
                restoring.finish();
                return restored;
            }
        } catch (UncheckedIOException | IOException e) {
            throw new BackupFailure(
                    "The data folder " + dataDir + " could not be written (" + e.getMessage()
                            + "); nothing was restored.",
                    e);
        } catch (DataAccessException e) {
            throw new BackupFailure(
                    "What is in " + file + " does not pass its check (" + Backup.firstLine(e)
                            + "); nothing was restored.",
                    e);
        }
    }

    private static void requireFit(BackupNote note) {
        if (note.format() > BackupNote.FORMAT) {
            throw new BackupFailure("The backup was made by a newer Product Store (" + note.madeBy()
                    + "); restore it with that version or a newer one.");
        }
        if (!note.postgresql().equals(EmbeddedPostgres.majorVersion())) {
            throw new BackupFailure("The backup holds the files of PostgreSQL " + note.postgresql()
                    + ", and this version of the store has " + EmbeddedPostgres.majorVersion()
                    + "; restore it with the version that made it (" + note.madeBy() + ").");
        }
        if (!note.platform().equals(BackupNote.thisPlatform())) {
            throw new BackupFailure(
                    "The backup was made on " + note.platform() + ", and PostgreSQL's files are of no use on "
                            + BackupNote.thisPlatform() + "; restore it on a machine like the first one.");
        }
    }

    private static Restored tryOut(
            Restoring restoring, BackupNote note, Function<DataSource, Long> check, Progress bar) {
        try (var postgres = restoring.start()) {
            var source = new PGSimpleDataSource();
            source.setUrl(postgres.jdbcUrl());
            source.setUser(postgres.user());
            source.setPassword(postgres.password());
            source.setApplicationName("product-store restore");
            // Whole tables, not their indexes: the server compares the checksum of each page that it reads.
            source.setOptions("-c enable_indexscan=off -c enable_indexonlyscan=off -c enable_bitmapscan=off");
            var db = JdbcClient.create(source);
            db.sql("/* restore.tables */ SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
                    .query(String.class)
                    .list()
                    .forEach(table -> count(db, table));
            long products = count(db, "product");
            long orders = count(db, "orders");
            if (products < note.products() || orders < note.orders()) {
                throw new BackupFailure("The restored database has " + products + " products and " + orders
                        + " orders, and the backup says that there were " + note.products() + " and " + note.orders()
                        + " at least; nothing was restored.");
            }
            source.setOptions("");
            return new Restored(note, products, orders, check.apply(source), bar.seconds());
        }
    }

    private static long count(JdbcClient db, String table) {
        return db.sql("/* restore.count */ SELECT count(*) FROM " + table)
                .query(Long.class)
                .single();
    }
}
