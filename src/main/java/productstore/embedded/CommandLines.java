package productstore.embedded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Command lines of processes, other users' included. */
final class CommandLines {
    private CommandLines() {}

    /** The command line with spaces between its words; empty for a process that has ended, reaped or not. */
    static String of(long pid) {
        Path proc = Path.of("/proc", Long.toString(pid), "cmdline");
        try {
            if (Files.isDirectory(Path.of("/proc/self"))) {
                return new String(Files.readAllBytes(proc), StandardCharsets.UTF_8)
                        .replace('\0', ' ')
                        .strip();
            }
            Process ps = Commands.start(List.of("ps", "-ww", "-o", "command=", "-p", Long.toString(pid)));
            ps.getOutputStream().close();
            String line = new String(ps.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            Commands.await(ps);
            return line;
        } catch (IOException e) {
            return "";
        }
    }
}
