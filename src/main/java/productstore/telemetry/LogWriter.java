package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.event.Level;

/**
 * Writes lines in a thread of its own, many in one go. Whoever logs only puts a line down and never waits: where they come
 * faster than they can be written, or can't be written at all, they are dropped and counted.
 */
final class LogWriter {
    private static final int MOST_WAITING = 16_384;
    private static final int BLOCK_BYTES = 48 * 1024;
    private static final Duration REST = Duration.ofMillis(10);
    private static final long TELL_AFTER_NANOS = Duration.ofSeconds(1).toNanos();

    /** Where lines go, and how they look there. */
    record Target(LineFormat format, OutputStream out) {}

    private final List<Target> targets;
    private final Queue<LogLine> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waitingCount = new AtomicInteger();
    private final AtomicLong dropped = new AtomicLong();
    private final AtomicLong taken = new AtomicLong();
    private final AtomicLong done = new AtomicLong();
    private final Thread thread;
    private long toldOfDropped;
    private long toldNanos = System.nanoTime();

    LogWriter(List<Target> targets) {
        this.targets = List.copyOf(targets);
        this.thread = Thread.ofPlatform().daemon().name("log-writer").unstarted(this::writeForEver);
    }

    void start() {
        thread.start();
    }

    /** Takes a line, or drops it. */
    void add(LogLine line) {
        if (waitingCount.get() >= MOST_WAITING) {
            dropped.incrementAndGet();
            return;
        }
        waitingCount.incrementAndGet();
        taken.incrementAndGet();
        // The writer isn't woken: to wake a thread costs more than the line. It looks by itself, a hundred times a
        // second.
        waiting.add(line);
    }

    /** Lines dropped so far. */
    long dropped() {
        return dropped.get();
    }

    /** Waits until what was taken so far is written, but not for longer than this. */
    void flush(Duration longest) {
        long goal = taken.get();
        long end = System.nanoTime() + longest.toNanos();
        while (done.get() < goal && System.nanoTime() - end < 0) {
            LockSupport.unpark(thread);
            LockSupport.parkNanos(REST.toNanos() / 10);
        }
    }

    private void writeForEver() {
        while (true) {
            if (!writeSome()) {
                LockSupport.parkNanos(REST.toNanos());
            }
        }
    }

    /** Whether there was anything. */
    private boolean writeSome() {
        int lines = 0;
        for (var line = waiting.poll(); line != null; line = waiting.poll()) {
            format(line);
            lines++;
            if (isBlockFull()) {
                break;
            }
        }
        long told = tellOfDropped();
        if (drain(lines)) {
            toldOfDropped = told;
        }
        waitingCount.addAndGet(-lines);
        done.addAndGet(lines);
        return lines > 0;
    }

    private boolean isBlockFull() {
        for (var target : targets) {
            if (target.format().size() >= BLOCK_BYTES) {
                return true;
            }
        }
        return false;
    }

    private void format(LogLine line) {
        for (var target : targets) {
            int before = target.format().size();
            try {
                line.writeTo(target.format());
            } catch (Throwable broken) {
                // A failure whose message can't be asked for, for example. It must not be the last line of all.
                target.format().cutBackTo(before);
                dropped.incrementAndGet();
                return;
            }
        }
    }

    /** Whether all of it is written. A line that is lost for one of the targets counts as dropped. */
    private boolean drain(int lines) {
        boolean written = true;
        for (var target : targets) {
            try {
                if (target.format().size() > 0) {
                    target.format().drainTo(target.out());
                    target.out().flush();
                }
            } catch (IOException e) {
                // Nowhere to say so but in the count, and in the log itself as soon as that can be written again.
                written = false;
            }
        }
        if (!written) {
            dropped.addAndGet(lines);
        }
        return written;
    }

    /** Puts a line between the others where some are missing; how many dropped ones are told of then. */
    private long tellOfDropped() {
        long now = System.nanoTime();
        long all = dropped.get();
        if (all == toldOfDropped || now - toldNanos < TELL_AFTER_NANOS) {
            return toldOfDropped;
        }
        toldNanos = now;
        var message = (all - toldOfDropped) + " lines of the log were dropped";
        long micros = System.currentTimeMillis() * 1000;
        format(line -> {
            line.begin(micros, Level.WARN, message);
            line.text(Field.DATASET, LoggedLine.DATASET);
            line.text(Field.LOGGER, LogWriter.class.getName());
            line.end();
        });
        return all;
    }
}
