package productstore.backup;

import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a backup says about itself in its first entry, so that one that can't be restored here is refused before the rest is read.
 *
 * @param format of the file, {@value #FORMAT}
 * @param madeBy the store's version
 * @param createdAt when it was begun; it holds at least what was there then
 * @param postgresql the major version whose files these are
 * @param platform whose files these are
 * @param bytes of the database's files, about
 * @param products at that moment, the archived ones too
 * @param orders at that moment
 */
public record BackupNote(
        int format,
        String madeBy,
        Instant createdAt,
        String postgresql,
        String platform,
        long bytes,
        long products,
        long orders) {
    static final String NAME = "backup.json";
    static final int FORMAT = 1;

    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    byte[] toJson() {
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(this);
    }

    /** Null if that is no note of a backup. */
    static @Nullable BackupNote of(byte[] json) {
        try {
            return JSON.readValue(json, BackupNote.class);
        } catch (JacksonException e) {
            return null;
        }
    }

    /** PostgreSQL's files are a matter of the machine's byte order and alignment, and of the system's C library. */
    static String thisPlatform() {
        String system =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).replaceAll("[^a-z].*", "");
        String machine = System.getProperty("os.arch", "");
        return system + "-" + (machine.equals("amd64") ? "x86_64" : machine);
    }
}
