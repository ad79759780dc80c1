package productstore.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What {@code postmaster.pid} says (its lines are described in PostgreSQL's {@code utils/pidfile.h}).
 *
 * @param ready whether that server said that it takes connections
 */
record PidFile(long pid, int port, boolean ready) {
    static Optional<PidFile> read(Path cluster) {
        try {
            List<String> lines = Files.readAllLines(cluster.resolve("postmaster.pid"));
            long pid = Math.abs(Long.parseLong(lines.getFirst().strip()));
            int port = lines.size() > 3 ? Integer.parseInt(lines.get(3).strip()) : 0;
            boolean ready = lines.size() > 7 && lines.get(7).strip().equals("ready");
            return Optional.of(new PidFile(pid, port, ready));
        } catch (IOException | RuntimeException e) {
            // Absent, or caught in the middle of being written: either way it says nothing yet.
            return Optional.empty();
        }
    }
}
