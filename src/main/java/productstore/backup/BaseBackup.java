package productstore.backup;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * A copy of a server's files while it works on them, as PostgreSQL's manual describes it in "Making a Base Backup Using the Low
 * Level API". The files are copied in whatever state they are; with them goes the log that was written meanwhile, from which
 * PostgreSQL mends them at the first start. What results is the state of the moment in which the copying ended.
 */
final class BaseBackup {
    /** Kept as folders, but what is in them is of no use to another server (PostgreSQL's basebackup.c has the same list). */
    private static final Set<String> EMPTIED = Set.of(
            "pg_wal",
            "pg_replslot",
            "pg_dynshmem",
            "pg_notify",
            "pg_serial",
            "pg_snapshots",
            "pg_stat_tmp",
            "pg_subtrans");

    private static final Pattern LEFT_OUT = Pattern.compile(
            "postmaster\\.(pid|opts)|backup_label(\\.old)?|tablespace_map(\\.old)?|backup_manifest|current_logfiles(\\.tmp)?"
                    + "|postgresql\\.auto\\.conf\\.tmp|pg_internal\\.init.*|pgsql_tmp.*|t\\d+_\\d+.*");
    /** Says whether it is the last checkpoint's, so it goes last. */
    private static final Path CONTROL = Path.of("global/pg_control");

    private final JdbcClient db;
    private final Path files;

    /**
     * Begins; the server keeps its log from now on until the connection ends.
     *
     * @param db on one connection that stays the same
     * @param files the server's data folder
     */
    BaseBackup(JdbcClient db, Path files) {
        this.db = db;
        this.files = files;
        // A temporary slot goes with its connection, however that ends, so that a killed backup doesn't fill the disk
        // with log.
        db.sql("/* backup.slot */ SELECT pg_create_physical_replication_slot(:name, true, true)")
                .param("name", "backup_" + UUID.randomUUID().toString().replace('-', '_'))
                .query()
                .singleRow();
        db.sql("/* backup.start */ SELECT pg_backup_start('product store', true)")
                .query()
                .singleRow();
    }

    /** How large the files are together, about. */
    long bytes() throws IOException {
        long bytes = 0;
        for (Found file : find()) {
            bytes += file.size();
        }
        return bytes;
    }

    private record Found(Path name, boolean folder, long size) {}

    /**
     * Copies everything.
     *
     * @param prefix of the names in the backup
     * @param copied hears how many bytes more are done
     */
    void copy(BackupWriter out, String prefix, LongConsumer copied) throws IOException, SQLException {
        for (Found file : find()) {
            if (file.folder()) {
                out.folder(prefix + file.name());
            } else if (!file.name().equals(CONTROL)) {
                out.add(prefix + file.name(), files.resolve(file.name()), copied);
            }
        }
        out.add(prefix + CONTROL, control());
        End end = end();
        out.add(prefix + "backup_label", end.label().getBytes(StandardCharsets.UTF_8));
        for (String segment : segments(end)) {
            if (!out.add(prefix + "pg_wal/" + segment, files.resolve("pg_wal").resolve(segment), copied)) {
                throw new IOException("the log's file " + segment + " is gone");
            }
        }
    }

    private List<Found> find() throws IOException {
        var found = new ArrayList<Found>();
        Files.walkFileTree(files, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                Path name = files.relativize(folder);
                if (LEFT_OUT.matcher(String.valueOf(name.getFileName())).matches()) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                found.add(new Found(name, true, 0));
                return EMPTIED.contains(name.toString()) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (attributes.isSymbolicLink()) {
                    throw new BackupFailure("The database keeps files elsewhere (" + file
                            + "); back it up with pg_basebackup, as docs/backup.md says.");
                }
                if (!LEFT_OUT.matcher(String.valueOf(file.getFileName())).matches()) {
                    found.add(new Found(files.relativize(file), false, attributes.size()));
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                if (e instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw e;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) throws IOException {
                if (e != null && !(e instanceof NoSuchFileException)) {
                    throw e;
                }
                return FileVisitResult.CONTINUE;
            }
        });
        found.removeFirst();
        return found;
    }

    /** The one file that the log can't mend, so it is read until two readings are alike. */
    private byte[] control() throws IOException {
        Path file = files.resolve(CONTROL);
        byte[] content = Files.readAllBytes(file);
        for (byte[] again = Files.readAllBytes(file);
                !Arrays.equals(content, again);
                again = Files.readAllBytes(file)) {
            content = again;
        }
        return content;
    }

    private record End(String place, String label) {}

    private End end() {
        return db.sql("/* backup.stop */ SELECT lsn, labelfile, spcmapfile FROM pg_backup_stop(false)")
                .query((row, n) -> {
                    String elsewhere = row.getString("spcmapfile");
                    if (elsewhere != null && !elsewhere.isBlank()) {
                        throw new BackupFailure("The database has tablespaces of its own;"
                                + " back it up with pg_basebackup, as docs/backup.md says.");
                    }
                    return new End(row.getString("lsn"), row.getString("labelfile"));
                })
                .single();
    }

    /** The names of the log's files from where the mending begins to where it must at least come. */
    private List<String> segments(End end) {
        var begin = Pattern.compile("^START WAL LOCATION: (\\S+) ", Pattern.MULTILINE)
                .matcher(end.label());
        if (!begin.find()) {
            throw new IllegalStateException("a label without its begin: " + end.label());
        }
        return db.sql("""
                        /* backup.segments */
                        SELECT pg_walfile_name('0/0'::pg_lsn + (number * size + 1))
                        FROM (SELECT CAST(pg_size_bytes(current_setting('wal_segment_size')) AS numeric) AS size) AS log,
                             generate_series(
                                 div(CAST(:begin AS pg_lsn) - '0/0'::pg_lsn, size),
                                 div(CAST(:end AS pg_lsn) - '0/0'::pg_lsn - 1, size)) AS number
                        ORDER BY number
                        """)
                .param("begin", begin.group(1))
                .param("end", end.place())
                .query((row, n) -> row.getString(1))
                .list();
    }
}
