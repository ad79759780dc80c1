package productstore.backup;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import javax.sql.DataSource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import productstore.embedded.EmbeddedPostgres;
import productstore.platform.Progress;

/** Makes a backup's file of the embedded database, which may be in use. */
public final class Backup {
    private static final String ADMIN_PASSWORD = "admin-password.txt";

    private Backup() {}

    /**
     * What was made.
     *
     * @param fileBytes of the file
     * @param bytes of what is in it
     */
    public record Made(BackupNote note, long bytes, long fileBytes, double seconds) {}

    /**
     * Writes the file, which must not be there; a failure leaves none.
     *
     * @param database the server's, on its own store's database
     * @param madeBy the store's version
     * @param progress where a person hears how far it is
     * @throws BackupFailure if there is no backup
     */
    public static Made write(DataSource database, Path dataDir, Path target, String madeBy, PrintStream progress) {
        Path files = EmbeddedPostgres.files(dataDir)
                .orElseThrow(() -> new BackupFailure("There is no database in " + dataDir + "."));
        try (var connection = database.getConnection();
                var out = BackupWriter.create(target)) {
            // Beginning and ending a backup are matters of one connection.
            JdbcClient db = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            var begun = Instant.now().truncatedTo(ChronoUnit.SECONDS);
            long products = count(db, "/* backup.products */ SELECT count(*) FROM product");
            long orders = count(db, "/* backup.orders */ SELECT count(*) FROM orders");
            var base = new BaseBackup(db, files);
            var note = new BackupNote(
                    BackupNote.FORMAT,
                    madeBy,
                    begun,
                    EmbeddedPostgres.majorVersion(),
                    BackupNote.thisPlatform(),
                    base.bytes(),
                    products,
                    orders);
            try (var bar = new Progress(progress, Progress.onTerminal(), note.bytes())) {
                bar.step("copying the database");
                out.add(BackupNote.NAME, note.toJson());
                out.add("postgres/password", Files.readAllBytes(EmbeddedPostgres.passwordFile(dataDir)));
                Path password = dataDir.resolve(ADMIN_PASSWORD);
                if (Files.exists(password)) {
                    out.add(ADMIN_PASSWORD, Files.readAllBytes(password));
                }
                base.copy(out, "postgres/" + files.getFileName() + "/", bar::add);
                bar.step("bringing it to the disk");
                out.finish();
                return new Made(note, out.bytes(), Files.size(target), bar.seconds());
            }
        } catch (FileAlreadyExistsException e) {
            throw new BackupFailure(target + " is there already and is not overwritten; give another name.", e);
        } catch (NoSuchFileException e) {
            throw new BackupFailure(e.getFile() + " is not there; make the folder first, or give another name.", e);
        } catch (AccessDeniedException e) {
            throw new BackupFailure(
                    "This user may not use " + e.getFile() + "; run this as the user who runs the store.", e);
        } catch (IOException e) {
            throw new BackupFailure("The backup " + target + " could not be written (" + e.getMessage() + ").", e);
        } catch (SQLException | DataAccessException e) {
            throw new BackupFailure(
                    "The database can't be backed up now (" + firstLine(e) + "); no file was made, try again.", e);
        }
    }

    private static long count(JdbcClient db, String sql) {
        return db.sql(sql).query(Long.class).single();
    }

    static String firstLine(Exception e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    }
}
