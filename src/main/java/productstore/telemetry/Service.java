package productstore.telemetry;

/**
 * Who writes the lines.
 *
 * @param name of the program
 * @param version of the program
 * @param node which one of several stores this is
 */
public record Service(String name, String version, String node) {}
