package productstore.embedded;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One running PostgreSQL: started, watched, started again when it dies, and stopped. */
final class Server implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Server.class);

    /**
     * Runs the server beneath a shell that stops it when this process is gone, however it went: the end of the pipe between them
     * comes even after kill -9. The shell leaves signals to the store, which drains its requests before it lets go of the pipe.
     */
    private static final String SUPERVISOR = """
            trap '' INT TERM HUP
            exec 3<&0 </dev/null
            "$@" 3<&- >&2 &
            server=$!
            (read -r _ <&3; kill -INT "$server") >/dev/null 2>&1 &
            watcher=$!
            echo "$server"
            exec >/dev/null 2>&1 3<&-
            wait "$server"
            code=$?
            kill -KILL "$watcher"
            exit "$code"
            """;

    /** Crash recovery reads at most max_wal_size; a disk has to be very slow to need this. */
    private static final Duration READY_LIMIT = Duration.ofMinutes(5);
    /** How long leftovers of a killed server may stand in the way before that is an error. */
    private static final Duration LEFTOVERS_LIMIT = Duration.ofSeconds(20);

    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
    private static final int POLL_MS = 10;

    private final Cluster cluster;
    private final ServerLog messages;
    private final Leftovers leftovers;
    private int port;
    private volatile boolean closing;
    private volatile @Nullable Running running;

    private record Running(Process supervisor, long pid, Thread log) {}

    private Server(Cluster cluster) {
        this.cluster = cluster;
        this.messages = new ServerLog(cluster.postgres().resolve("postgres.log"));
        this.leftovers = new Leftovers(cluster);
    }

    /** Starts the server on a free port and returns when it takes connections. */
    static Server start(Cluster cluster) {
        Server server = new Server(cluster);
        try {
            server.port = freePort();
            Running running = server.startPatiently();
            Thread.ofPlatform().daemon().name("postgres-guard").start(() -> server.guard(running));
            return server;
        } catch (IOException e) {
            throw new CannotStart(
                    "PostgreSQL could not be started (" + e.getMessage() + "); its log is " + server.messages.file()
                            + ".",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CannotStart("The start of PostgreSQL was interrupted; start the store again.", e);
        }
    }

    int port() {
        return port;
    }

    long pid() {
        Running now = running;
        return now == null ? -1 : now.pid();
    }

    private Running startPatiently() throws IOException, InterruptedException {
        Instant patience = Instant.now().plus(LEFTOVERS_LIMIT);
        for (; ; ) {
            leftovers.stop();
            Running started = launch();
            if (isReady(started)) {
                running = started;
                return started;
            }
            started.log().join(TimeUnit.SECONDS.toMillis(1));
            boolean portTaken = messages.mentions("could not bind") || messages.mentions("could not create any TCP/IP");
            boolean inTheWay = messages.mentions("already exists") || messages.mentions("still in use");
            if (closing || !(portTaken || inTheWay) || Instant.now().isAfter(patience)) {
                throw new IOException(messages.lastWords());
            }
            if (portTaken && running == null) {
                port = freePort();
            }
            Thread.sleep(FIRST_PAUSE);
        }
    }

    private Running launch() throws IOException {
        messages.forget();
        List<String> command = new ArrayList<>();
        // A session of its own keeps a terminal's Ctrl-C, and a kill of the store's process group, away from the
        // server.
        if (Commands.exists("setsid")) {
            command.add("setsid");
        } else if (Commands.exists("perl")) {
            command.addAll(List.of("perl", "-e", "use POSIX; POSIX::setsid(); exec @ARGV or die $!"));
        }
        command.addAll(cluster.account().prefix());
        command.addAll(List.of("sh", "-c", SUPERVISOR, "postgres-supervisor"));
        command.addAll(cluster.serverCommand(port));
        ProcessBuilder builder = Commands.builder(command);
        leftovers.harmlessPid().ifPresent(pid -> builder.environment().put("PG_GRANDPARENT_PID", Long.toString(pid)));
        Process supervisor = builder.start();
        Thread reader = messages.follow(supervisor.getErrorStream());
        BufferedReader out =
                new BufferedReader(new InputStreamReader(supervisor.getInputStream(), StandardCharsets.US_ASCII));
        String pid = out.readLine();
        if (pid == null) {
            throw new IOException("its supervisor did not start: " + messages.lastWords());
        }
        return new Running(supervisor, Long.parseLong(pid.strip()), reader);
    }

    private boolean isReady(Running started) throws InterruptedException {
        Instant limit = Instant.now().plus(READY_LIMIT);
        while (Instant.now().isBefore(limit) && !closing) {
            boolean ready = cluster.pidFile()
                    .filter(file -> file.pid() == started.pid() && file.ready())
                    .isPresent();
            if (ready) {
                return true;
            }
            if (started.supervisor().waitFor(POLL_MS, TimeUnit.MILLISECONDS)) {
                return false;
            }
        }
        stop(started);
        return false;
    }

    private void guard(Running first) {
        Running watched = first;
        try {
            for (; ; ) {
                int code = watched.supervisor().waitFor();
                if (closing) {
                    return;
                }
                log.warn("PostgreSQL ended by itself (code {}); starting it again", code);
                watched = startAgain(watched);
                log.warn("PostgreSQL is back");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Running startAgain(Running dead) throws InterruptedException {
        letGo(dead);
        Duration pause = FIRST_PAUSE;
        for (; ; ) {
            try {
                return startPatiently();
            } catch (IOException | CannotStart e) {
                if (closing) {
                    throw new InterruptedException("the store is stopping");
                }
                log.error("PostgreSQL does not start: {}", e.getMessage());
            }
            Thread.sleep(pause);
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        }
    }

    /** Stops the server with its fast shutdown, which ends sessions and writes a checkpoint. */
    @Override
    public void close() {
        closing = true;
        Running now = running;
        if (now != null) {
            stop(now);
        }
    }

    private void stop(Running server) {
        letGo(server);
        try {
            if (!server.supervisor().waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                log.error(
                        "PostgreSQL did not stop within {} s; it is killed and will recover at the next start",
                        STOP_LIMIT.toSeconds());
                Commands.signal("KILL", server.pid());
                server.supervisor().waitFor();
            }
            server.log().join(TimeUnit.SECONDS.toMillis(1));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.error("PostgreSQL could not be stopped", e);
        }
    }

    private static void letGo(Running server) {
        try {
            server.supervisor().getOutputStream().close();
        } catch (IOException e) {
            log.debug("the supervisor was gone already: {}", e.getMessage());
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
            return socket.getLocalPort();
        }
    }
}
