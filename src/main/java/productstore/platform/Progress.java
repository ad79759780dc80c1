package productstore.platform;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * Tells a person how far long work has come: a bar with the time left on a terminal, now and then a plain line elsewhere.
 * For one thread.
 */
public final class Progress implements AutoCloseable {
    private static final int BAR_WIDTH = 30;
    private static final Duration REDRAWN_EVERY = Duration.ofMillis(200);
    private static final Duration LINE_EVERY = Duration.ofSeconds(10);

    private final PrintStream out;
    private final boolean terminal;
    private final double total;
    private final long began = System.nanoTime();
    private long told = began;
    private double done;
    private String step = "";
    private boolean drawn;

    /**
     * Begins.
     *
     * @param total of whatever is counted
     */
    public Progress(PrintStream out, boolean terminal, double total) {
        this.out = out;
        this.terminal = terminal;
        this.total = Math.max(total, 1);
    }

    /** Whether this program talks to a person who sees a line being redrawn. */
    @SuppressWarnings("SystemConsoleNull") // Null with -Djdk.console=java.base still.
    public static boolean onTerminal() {
        var console = System.console();
        return console != null && console.isTerminal();
    }

    /** Says what is being done from now on. */
    public void step(String what) {
        step = what;
        if (terminal) {
            draw();
        } else {
            line();
        }
    }

    /** Counts some work that is done. */
    public void add(double amount) {
        done += amount;
        if (System.nanoTime() - told > (terminal ? REDRAWN_EVERY : LINE_EVERY).toNanos()) {
            if (terminal) {
                draw();
            } else {
                line();
            }
        }
    }

    /** Counts work up to here. */
    public void reach(double amount) {
        add(amount - done);
    }

    public double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }

    @Override
    public void close() {
        clear();
    }

    /** Takes the bar off the screen, for something else to be said. */
    public void clear() {
        if (drawn) {
            out.print("\r\033[K");
            out.flush();
            drawn = false;
        }
    }

    private void draw() {
        told = System.nanoTime();
        drawn = true;
        int filled = (int) (BAR_WIDTH * share());
        out.printf(
                Locale.ROOT,
                "\r[%s%s] %3.0f %%  %s  %s\033[K",
                "#".repeat(filled),
                "-".repeat(BAR_WIDTH - filled),
                share() * 100,
                left(),
                step);
        out.flush();
    }

    private void line() {
        told = System.nanoTime();
        out.printf(Locale.ROOT, "%3.0f %%  %s  %s%n", share() * 100, left(), step);
        out.flush();
    }

    private double share() {
        return Math.min(1, done / total);
    }

    private String left() {
        // The first seconds foretell nothing.
        if (seconds() < 3 || share() < 0.01) {
            return "     ";
        }
        long left = Math.round(seconds() * (1 - share()) / share());
        return "%d:%02d left".formatted(left / 60, left % 60);
    }
}
