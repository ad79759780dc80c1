package productstore.telemetry;

/** One line of the log, complete when it is made: it is written later and by another thread. */
@FunctionalInterface
interface LogLine {
    void writeTo(LineFormat format);
}
