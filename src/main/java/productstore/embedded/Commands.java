package productstore.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Other programs, started with a clean environment and from a folder that every user may be in. */
final class Commands {
    private Commands() {}

    /** Starts a command whose errors come out with its output. */
    static Process start(List<String> command) throws IOException {
        return builder(command).redirectErrorStream(true).start();
    }

    static ProcessBuilder builder(List<String> command) {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(Path.of("/").toFile());
        Map<String, String> environment = builder.environment();
        // A person's PGDATA or PGOPTIONS is meant for their own PostgreSQL.
        environment.keySet().removeIf(name -> name.startsWith("PG") || name.startsWith("LC_"));
        environment.put("LC_ALL", "C");
        return builder;
    }

    static int await(Process process) throws IOException {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting", e);
        }
    }

    static boolean exists(String program) {
        String path = System.getenv("PATH");
        return Stream.concat(
                        Stream.of((path == null ? "" : path).split(":")), Stream.of("/usr/bin", "/bin", "/usr/sbin"))
                .filter(folder -> !folder.isEmpty())
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    /** Sends a signal that Java has no method for. */
    static void signal(String name, long pid) throws IOException {
        Process kill = start(List.of("sh", "-c", "kill -" + name + " " + pid));
        kill.getOutputStream().close();
        kill.getInputStream().readAllBytes();
        await(kill);
    }
}
