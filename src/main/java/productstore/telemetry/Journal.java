package productstore.telemetry;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** The line that is written for each thing that matters to the shop, once it has surely happened: who did what, from what to what. */
public final class Journal {
    static final String LOGGER = "productstore.events";
    static final String DATASET = "store.events";

    private static final Logger log = LoggerFactory.getLogger(LOGGER);

    private LoggingEventBuilder line;

    private Journal(Level level, String action) {
        line = log.atLevel(level)
                .addKeyValue(Field.DATASET.toString(), DATASET)
                .addKeyValue(Field.ACTION.toString(), action);
    }

    /**
     * Something that happened.
     *
     * @param action its name, {@code order-placed}
     */
    public static Journal of(String action) {
        return new Journal(Level.INFO, action);
    }

    /** Something that somebody should look at. */
    public static Journal warning(String action) {
        return new Journal(Level.WARN, action);
    }

    /** Adds what is known; null is nothing. */
    public Journal with(Field field, @Nullable Object value) {
        if (value != null) {
            line = line.addKeyValue(field.toString(), value);
        }
        return this;
    }

    /**
     * Adds a change.
     *
     * @param field what was changed, by its name in the API
     */
    public Journal changed(String field, @Nullable Object from, @Nullable Object to) {
        return with(Field.CHANGE_FIELD, field).with(Field.CHANGE_FROM, from).with(Field.CHANGE_TO, to);
    }

    /**
     * Writes the line: inside of a transaction when that is committed, and never if it isn't.
     *
     * @param message holds nothing that a person has written
     */
    public void say(String message, @Nullable Object... values) {
        if (!TransactionSynchronizationManager.isSynchronizationActive()) {
            line.log(message, values);
            return;
        }
        TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
            @Override
            public void afterCommit() {
                line.log(message, values);
            }
        });
    }
}
