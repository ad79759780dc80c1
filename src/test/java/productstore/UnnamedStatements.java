package productstore;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/**
 * The statements that were sent without a name, and by whom. The way to the database tells of each in its log, in the
 * thread that sends it, so whose it is can be read from the stack.
 */
final class UnnamedStatements extends AppenderBase<ILoggingEvent> {
    private static final String LOGGER = "productstore.platform.Operations";

    // Commands: in a process of their own, which nobody scrapes, or once at the first start.
    private static final Set<String> COMMANDS = Set.of(
            "productstore.catalog.CategoryPaths",
            "productstore.catalog.ProductFiles",
            "productstore.catalog.ProductImport",
            "productstore.inventory.StockTake");

    private final List<Statement> seen = new CopyOnWriteArrayList<>();

    record Statement(Class<?> sender, String sql) {
        /** Tests may ask the database what they like. */
        boolean isTheStores() {
            return !sender.getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .getPath()
                    .contains("/test-classes/");
        }
    }

    static UnnamedStatements watch() {
        var watch = new UnnamedStatements();
        watch.start();
        logger().setLevel(Level.DEBUG);
        logger().setAdditive(false);
        logger().addAppender(watch);
        return watch;
    }

    void end() {
        logger().detachAppender(this);
    }

    List<Statement> seen() {
        return List.copyOf(seen);
    }

    /** Those of them that must have had a name. */
    List<Statement> faults() {
        return seen.stream()
                .filter(statement -> statement.isTheStores()
                        && mustName(statement.sender().getName().replaceAll("\\$.*", "")))
                .toList();
    }

    static boolean mustName(String className) {
        return !COMMANDS.contains(className) && !className.startsWith("productstore.seeding.");
    }

    @Override
    protected void append(ILoggingEvent event) {
        var sender = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
                .walk(frames -> frames.<Class<?>>map(StackWalker.StackFrame::getDeclaringClass)
                        .filter(frame -> frame.getName().startsWith("productstore.") && !isTheWay(frame))
                        .findFirst());
        seen.add(new Statement(sender.orElse(Object.class), String.valueOf(event.getArgumentArray()[0])));
    }

    private static boolean isTheWay(Class<?> frame) {
        return frame == UnnamedStatements.class
                || frame.getName().startsWith(LOGGER)
                || frame.getName().startsWith("productstore.platform.Measured");
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(LOGGER);
    }
}
