package productstore.embedded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who runs the server. An ordinary user runs it as themselves; root, as which PostgreSQL refuses to run, through one of the
 * ways to become somebody else, each tried before it is trusted because containers forbid some of them.
 *
 * @param prefix what to put before a command
 * @param binaries the programs this account can reach
 * @param owner whose the cluster's files must be, or {@link #MYSELF}
 */
record Account(List<String> prefix, Binaries binaries, int owner, int group) {
    private static final Logger log = LoggerFactory.getLogger(Account.class);

    static final int MYSELF = -1;
    /** {@code nobody} and its group on every Linux; initdb wants a user that has a name. */
    private static final int NOBODY = 65534;

    private static final int PROBE_LIMIT_S = 10;

    /** Finds an account for a cluster; {@code scratch} is a folder just made, which the probe leaves empty. */
    static Account choose(Path binariesHome, Path cluster, Path scratch) {
        try {
            if (Trees.uid(scratch) != 0) {
                return new Account(List.of(), Binaries.in(binariesHome), MYSELF, MYSELF);
            }
            int uid = NOBODY;
            int gid = NOBODY;
            if (Files.exists(cluster) && Trees.uid(cluster) != 0) {
                uid = Trees.uid(cluster);
                gid = Trees.gid(cluster);
            }
            for (Account candidate : candidates(binariesHome, uid, gid)) {
                if (candidate.works(scratch)) {
                    log.debug("PostgreSQL runs through {}", candidate.prefix);
                    return candidate;
                }
            }
        } catch (IOException e) {
            throw new CannotStart(
                    "The data folder's owner could not be found out (" + e.getMessage()
                            + "); set STORE_DATA_DIR to a folder on a local file system.",
                    e);
        }
        throw new CannotStart(
                "PostgreSQL does not run as root and no way to another user works here (setpriv, runuser and"
                        + " unshare were tried); start the store as an ordinary user, or set STORE_DB_URL to a PostgreSQL of your own.");
    }

    private static List<Account> candidates(Path binariesHome, int uid, int gid) throws IOException {
        Binaries near = Binaries.in(binariesHome);
        List<String> setpriv = List.of("setpriv", "--reuid=" + uid, "--regid=" + gid, "--clear-groups");
        List<Account> candidates = new ArrayList<>();
        candidates.add(new Account(setpriv, near, uid, gid));
        candidates.add(new Account(List.of("runuser", "-u", "nobody", "--"), near, NOBODY, NOBODY));
        if (!canBeReachedByAll(binariesHome)) {
            // Below a folder such as /root only a capability lets another user in; it opens files but not programs,
            // so those go where everybody can reach them.
            List<String> letIn = new ArrayList<>(setpriv);
            letIn.add("--inh-caps=+dac_read_search");
            letIn.add("--ambient-caps=+dac_read_search");
            candidates.add(new Account(letIn, Binaries.in(publicFolder()), uid, gid));
        }
        candidates.add(new Account(List.of("unshare", "-U", "--"), near, 0, 0));
        return candidates;
    }

    private static boolean canBeReachedByAll(Path folder) throws IOException {
        for (Path path = folder; path != null; path = path.getParent()) {
            if (!Files.getPosixFilePermissions(path).contains(PosixFilePermission.OTHERS_EXECUTE)) {
                return false;
            }
        }
        return true;
    }

    /** A folder of root's in the place for temporary files, where nobody else could have put programs for us to run. */
    private static Path publicFolder() throws IOException {
        Set<PosixFilePermission> rights = PosixFilePermissions.fromString("rwxr-xr-x");
        Path folder = Path.of("/var/tmp/product-store-postgres");
        if (!Files.exists(folder)) {
            Files.createDirectory(folder);
            Files.setPosixFilePermissions(folder, rights);
        }
        boolean ours = Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                && Trees.uid(folder) == 0
                && Files.getPosixFilePermissions(folder).equals(rights);
        return ours
                ? folder
                : Files.createTempDirectory("product-store-postgres", PosixFilePermissions.asFileAttribute(rights));
    }

    private boolean works(Path scratch) {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(List.of(
                "sh",
                "-c",
                "test \"$(id -u)\" != 0 && cd \"$1\" && : > probe && rm probe && test -x \"$2\" && \"$2\" --version",
                "probe",
                scratch.toString(),
                binaries.program("postgres").toString()));
        try {
            own(scratch);
            Process probe = new ProcessBuilder(command)
                    .directory(Path.of("/").toFile())
                    .redirectErrorStream(true)
                    .start();
            probe.getOutputStream().close();
            boolean ended = probe.waitFor(PROBE_LIMIT_S, TimeUnit.SECONDS);
            if (!ended) {
                probe.destroyForcibly();
                return false;
            }
            String said = new String(probe.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            log.debug("{} ended with {}: {}", command, probe.exitValue(), said);
            return probe.exitValue() == 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (IOException e) {
            log.debug("{} cannot be run: {}", command, e.getMessage());
            return false;
        }
    }

    /** Hands a path of the server's over to this account, where that is somebody else. */
    void own(Path path) throws IOException {
        if (owner != MYSELF && Trees.uid(path) != owner) {
            Trees.giveTo(path, owner, group);
        }
    }

    /** Hands a file of the store's own over to whoever owns the folder it is in, so that they can run the store too. */
    void ownAsFolder(Path path) throws IOException {
        Path folder = path.toAbsolutePath().getParent();
        if (owner != MYSELF && folder != null) {
            Trees.giveTo(path, Trees.uid(folder), Trees.gid(folder));
        }
    }
}
