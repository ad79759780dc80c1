package productstore.embedded;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a server that was killed leaves behind: itself, its backends, its pid file. Only called by the holder of the data folder,
 * so whatever still runs on it belongs to nobody.
 */
final class Leftovers {
    private static final Logger log = LoggerFactory.getLogger(Leftovers.class);
    private static final Duration FAST_LIMIT = Duration.ofSeconds(10);
    private static final Duration KILL_LIMIT = Duration.ofSeconds(5);

    private final Cluster cluster;

    Leftovers(Cluster cluster) {
        this.cluster = cluster;
    }

    /** Stops a server that still runs on the cluster, and then what is left of one that is dead. */
    void stop() throws IOException, InterruptedException {
        Optional<ProcessHandle> orphan =
                cluster.pidFile().flatMap(file -> ProcessHandle.of(file.pid())).filter(this::isOurs);
        if (orphan.isPresent()) {
            log.warn("an earlier PostgreSQL still runs on {}; stopping it", cluster.files());
            Commands.signal("INT", orphan.get().pid());
            if (!isGoneWithin(FAST_LIMIT, List.of(orphan.get()))) {
                Commands.signal("KILL", orphan.get().pid());
                isGoneWithin(KILL_LIMIT, List.of(orphan.get()));
            }
        }
        if (cluster.pidFile().isPresent()) {
            stopBackends();
        }
    }

    /** Backends notice by themselves that their server is gone, unless they are in the middle of a long statement. */
    private void stopBackends() throws IOException, InterruptedException {
        List<ProcessHandle> backends =
                ProcessHandle.allProcesses().filter(this::isBackend).toList();
        if (!backends.isEmpty() && !isGoneWithin(Duration.ofSeconds(2), backends)) {
            for (ProcessHandle backend : backends) {
                if (isBackend(backend)) {
                    Commands.signal("KILL", backend.pid());
                }
            }
            isGoneWithin(KILL_LIMIT, backends);
        }
    }

    /**
     * The pid in the pid file where it is known not to be a server of this cluster: a dead process nobody has reaped yet, or a
     * stranger who was given the number since. PostgreSQL would take it for a living server; a "grandparent" it leaves alone, and still
     * checks that nobody has the dead server's memory.
     */
    Optional<Long> harmlessPid() {
        return cluster.pidFile()
                .map(PidFile::pid)
                .filter(pid -> ProcessHandle.of(pid).filter(this::isOurs).isEmpty());
    }

    private boolean isOurs(ProcessHandle process) {
        return commandLine(process).contains("cluster_name=" + cluster.mark());
    }

    private boolean isBackend(ProcessHandle process) {
        return commandLine(process).startsWith("postgres: " + cluster.mark());
    }

    /** Empty for a zombie. */
    private static String commandLine(ProcessHandle process) {
        return CommandLines.of(process.pid());
    }

    private boolean isGoneWithin(Duration limit, List<ProcessHandle> processes) throws InterruptedException {
        Instant end = Instant.now().plus(limit);
        while (processes.stream().anyMatch(process -> isOurs(process) || isBackend(process))) {
            if (Instant.now().isAfter(end)) {
                return false;
            }
            Thread.sleep(20);
        }
        return true;
    }
}
