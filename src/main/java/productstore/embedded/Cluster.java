package productstore.embedded;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The database's files, made once by initdb, and the settings the server runs them with. */
final class Cluster {
    static final String USER = "store";
    static final String DATABASE = "store";
    static final String MAJOR = "18";

    /** What an order's safety rests on; given on the command line, where no file and no ALTER SYSTEM can undo it. */
    private static final Map<String, String> DURABLE =
            Map.of("fsync", "on", "synchronous_commit", "on", "full_page_writes", "on");

    /** Sized for a shop on one small machine that PostgreSQL shares with the store. */
    private static final Map<String, String> TUNED = Map.ofEntries(
            Map.entry("max_connections", "100"),
            Map.entry("shared_buffers", "256MB"),
            Map.entry("effective_cache_size", "1GB"),
            Map.entry("work_mem", "16MB"),
            Map.entry("maintenance_work_mem", "128MB"),
            Map.entry("random_page_cost", "1.1"),
            Map.entry("min_wal_size", "256MB"),
            Map.entry("max_wal_size", "2GB"),
            Map.entry("wal_buffers", "16MB"),
            // Plans here are short; compiling them costs more than it saves.
            Map.entry("jit", "off"),
            Map.entry("shared_preload_libraries", "pg_stat_statements"),
            Map.entry("pg_stat_statements.track", "all"),
            Map.entry("timezone", "UTC"),
            Map.entry("log_timezone", "UTC"),
            Map.entry("log_line_prefix", "%m [%p] "),
            // Failed statements are the caller's to report, and may hold people's data.
            Map.entry("log_min_messages", "log"),
            Map.entry("listen_addresses", "127.0.0.1"),
            // The path of a socket may be at most 107 bytes long, and a data folder's isn't bounded.
            Map.entry("unix_socket_directories", ""));

    private final Path postgres;
    private final Account account;

    private Cluster(Path postgres, Account account) {
        this.postgres = postgres;
        this.account = account;
    }

    /** Opens the cluster below {@code postgres}, making it first where there is none; {@code binariesHome} keeps the programs. */
    static Cluster open(Path postgres, Path binariesHome) {
        try {
            if (Files.notExists(postgres)) {
                Files.createDirectories(postgres);
                DataFolder.letThrough(postgres);
            }
            Files.createDirectories(binariesHome);
            removeLeftovers(postgres);
            Path scratch = Files.createTempDirectory(postgres, "probe-");
            Account account;
            try {
                account = Account.choose(binariesHome, postgres.resolve(MAJOR), scratch);
            } finally {
                Trees.delete(scratch);
            }
            Cluster cluster = new Cluster(postgres, account);
            if (!Files.exists(cluster.files())) {
                cluster.initialize();
            }
            account.own(cluster.files());
            cluster.writeSettings();
            return cluster;
        } catch (IOException e) {
            throw new CannotStart(
                    "The database's folder " + postgres + " could not be prepared (" + e
                            + "); check its rights and the room on that disk, or set STORE_DATA_DIR to another folder.",
                    e);
        }
    }

    /** A start that died half-way leaves these; whatever has its final name was finished. */
    private static void removeLeftovers(Path postgres) throws IOException {
        try (DirectoryStream<Path> unfinished = Files.newDirectoryStream(postgres, "{probe,unpacking,initdb}-*")) {
            for (Path path : unfinished) {
                Trees.delete(path);
            }
        }
    }

    private void initialize() throws IOException {
        Path work = Files.createTempDirectory(postgres, "initdb-");
        Path passwordFile = Files.createFile(
                work.resolve("password"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(passwordFile, randomPassword());
        account.own(work);
        Path files = work.resolve("files");
        boolean mac = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("mac");
        run(
                "",
                "initdb",
                "--pgdata=" + files,
                "--username=" + USER,
                "--pwfile=" + passwordFile,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                // The C library's part, which macOS knows under another name.
                "--locale=" + (mac ? "en_US.UTF-8" : "C.UTF-8"),
                "--data-checksums");
        // Single-user mode takes one command a line. What the template has, the database gets.
        run(
                "CREATE EXTENSION pg_stat_statements;\nCREATE DATABASE " + DATABASE + ";\n",
                "postgres",
                "--single",
                "-D",
                files.toString(),
                "template1");
        // The password first: with it and without files the next start begins anew, the other way round it could not.
        Files.move(passwordFile, password(postgres), StandardCopyOption.ATOMIC_MOVE);
        account.ownAsFolder(password(postgres));
        Files.move(files, files(), StandardCopyOption.ATOMIC_MOVE);
        sync(postgres);
        Trees.delete(work);
    }

    private void run(String input, String program, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(account.prefix());
        command.add(account.binaries().program(program).toString());
        command.addAll(List.of(arguments));
        Process process = Commands.start(command);
        try (var stdin = process.getOutputStream()) {
            stdin.write(input.getBytes(StandardCharsets.UTF_8));
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int code = Commands.await(process);
        if (code != 0) {
            throw new IOException(program + " ended with " + code + ": " + said.strip());
        }
    }

    private void writeSettings() throws IOException {
        StringBuilder text = new StringBuilder("# Written anew by the store at every start.\n");
        text.append("hba_file = '")
                .append(quoted(files().resolve("pg_hba.conf")))
                .append("'\n");
        text.append("ident_file = '")
                .append(quoted(files().resolve("pg_ident.conf")))
                .append("'\n");
        new TreeMap<>(TUNED)
                .forEach((name, value) ->
                        text.append(name).append(" = '").append(value).append("'\n"));
        Path file = settings();
        Files.deleteIfExists(file);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    private static String quoted(Path path) {
        return path.toString().replace("\\", "\\\\").replace("'", "''");
    }

    /** The command that runs the server in the foreground on a port. */
    List<String> serverCommand(int port) {
        List<String> command = new ArrayList<>();
        command.add(account.binaries().program("postgres").toString());
        command.addAll(List.of("-D", files().toString(), "-p", Integer.toString(port)));
        command.addAll(List.of("-c", "config_file=" + settings()));
        command.addAll(List.of("-c", "cluster_name=" + mark()));
        new TreeMap<>(DURABLE).forEach((name, value) -> command.addAll(List.of("-c", name + "=" + value)));
        return command;
    }

    /** Stands in the command line of every process of this cluster's server, and of no other's. */
    String mark() {
        return mark(files());
    }

    static String mark(Path files) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(files.toString().getBytes(StandardCharsets.UTF_8));
            return "store-" + HexFormat.of().formatHex(hash, 0, 6);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    Account account() {
        return account;
    }

    Path postgres() {
        return postgres;
    }

    Path files() {
        return files(postgres);
    }

    static Path files(Path postgres) {
        return postgres.resolve(MAJOR);
    }

    private Path settings() {
        return postgres.resolve("store.conf");
    }

    Optional<PidFile> pidFile() {
        return PidFile.read(files());
    }

    static Optional<PidFile> pidFile(Path postgres) {
        return PidFile.read(files(postgres));
    }

    static Path password(Path postgres) {
        return postgres.resolve("password");
    }

    static String readPassword(Path postgres) {
        try {
            return Files.readString(password(postgres)).strip();
        } catch (IOException e) {
            throw new CannotStart(
                    "The database's password in " + password(postgres) + " cannot be read ("
                            + e.getClass().getSimpleName() + "); run this as the user who runs the store.",
                    e);
        }
    }

    private static String randomPassword() {
        byte[] bytes = new byte[24];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    static void sync(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
