package productstore.embedded;

import java.nio.file.Path;
import java.util.List;

/** What runs on a data folder, found by its mark in command lines. */
public final class ClusterProcesses {
    private ClusterProcesses() {}

    /** The command lines of all processes of the server below a data folder. */
    public static List<String> below(Path dataDir) {
        String mark = Cluster.mark(dataDir.resolve("postgres/18"));
        return ProcessHandle.allProcesses()
                .map(process -> CommandLines.of(process.pid()))
                .filter(line -> line.contains(mark))
                .toList();
    }
}
