package productstore.platform;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import productstore.telemetry.Failures;

/**
 * Hears what any store on this database, or a person with psql, announces with {@code NOTIFY} when a transaction is
 * committed. It keeps calling itself through the database, so that it knows how much of it it has surely heard, also
 * where a proxy between swallows announcements.
 */
@Component
public class Announcements implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(Announcements.class);
    private static final Duration BETWEEN_CALLS = Duration.ofMillis(300);
    private static final int ANSWER_SECONDS = 5;

    private final Database.Dialer dialer;
    // Only this store listens here.
    private final String own = "store_" + UUID.randomUUID().toString().replace("-", "");
    private final Map<String, List<Runnable>> listeners = new ConcurrentHashMap<>();
    private volatile long heardUntilNanos = Long.MIN_VALUE;
    private volatile boolean heard;
    private volatile @Nullable Thread thread;

    Announcements(Database.Dialer dialer) {
        this.dialer = dialer;
    }

    /**
     * Has this done after each announcement on a channel, and whenever some may have been missed. Before the start only.
     *
     * @param channel a plain name in small letters
     */
    public void listen(String channel, Runnable action) {
        listeners.computeIfAbsent(channel, _ -> new CopyOnWriteArrayList<>()).add(action);
    }

    /** Whether everything that was committed longer ago than this has been heard. */
    public boolean haveHeardAllBefore(Duration ago) {
        return heard && System.nanoTime() - heardUntilNanos < ago.toNanos();
    }

    private void listenUntilStopped() {
        while (!Thread.currentThread().isInterrupted()) {
            try (var connection = dialer.dial(ANSWER_SECONDS)) {
                listenOn(connection);
            } catch (SQLException e) {
                if (heard) {
                    log.warn("changes by other stores are not heard for now: {}", Failures.summary(e));
                }
                heard = false;
            } catch (InterruptedException e) {
                return;
            }
            try {
                Thread.sleep(BETWEEN_CALLS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void listenOn(Connection connection) throws SQLException, InterruptedException {
        try (var statement = connection.createStatement()) {
            var channels = new ArrayList<>(listeners.keySet());
            channels.add(own);
            for (var channel : channels) {
                statement.execute("LISTEN " + channel);
            }
            // What was announced before this moment was missed.
            listeners.values().forEach(actions -> actions.forEach(Runnable::run));
            var postgres = connection.unwrap(PGConnection.class);
            while (true) {
                var called = System.nanoTime();
                statement.execute("NOTIFY " + own);
                var answered = false;
                for (var announcement : postgres.getNotifications()) {
                    answered |= announcement.getName().equals(own);
                    listeners.getOrDefault(announcement.getName(), List.of()).forEach(Runnable::run);
                }
                if (answered) {
                    // PostgreSQL delivers in the order of the commits.
                    heardUntilNanos = called;
                    heard = true;
                }
                Thread.sleep(BETWEEN_CALLS);
            }
        }
    }

    @Override
    public void start() {
        var listening = Thread.ofVirtual().name("announcements").unstarted(this::listenUntilStopped);
        thread = listening;
        listening.start();
    }

    @Override
    public void stop() {
        var listening = thread;
        thread = null;
        heard = false;
        if (listening != null) {
            listening.interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return thread != null;
    }

    @Override
    public int getPhase() {
        return 0;
    }
}
