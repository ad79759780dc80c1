package productstore;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The administrator a new store begins with. Where nobody gave a password, one is made and kept in
 * {@code <data folder>/admin-password.txt}, which only its owner can read.
 *
 * @param email null where there is no first administrator
 * @param file where the password is kept, or null where it isn't kept by the store
 * @param newPassword the password, only right after the store made it
 */
record FirstAdministrator(
        @Nullable String email,
        @Nullable Path file,
        @Nullable String newPassword) {
    private static final int PASSWORD_BYTES = 15;

    /** The part of identity that this needs. */
    @FunctionalInterface
    interface Users {
        /** Says whether the administrator was created now. */
        boolean ensureAdministrator(String email, String password);
    }

    /**
     * @param users where the administrator is created unless they exist
     */
    static FirstAdministrator ensure(Settings settings, Users users) {
        String email = settings.adminEmail();
        if (email == null) {
            return new FirstAdministrator(null, null, null);
        }
        String given = settings.adminPassword();
        if (given != null) {
            users.ensureAdministrator(email, given);
            return new FirstAdministrator(email, null, null);
        }
        try {
            return ensureWithFile(email, settings.dataDir().resolve("admin-password.txt"), users);
        } catch (IOException e) {
            throw new StartupFailure(
                    "The administrator's password cannot be kept in " + settings.dataDir() + " ("
                            + e.getClass().getSimpleName() + "); give this user the right to write there.",
                    e);
        }
    }

    private static FirstAdministrator ensureWithFile(String email, Path file, Users users) throws IOException {
        if (Files.exists(file)) {
            String password = Files.readString(file).strip();
            return new FirstAdministrator(email, file, users.ensureAdministrator(email, password) ? password : null);
        }
        // On disk before the user is made, so that no crash leaves an administrator whose password nobody knows; under
        // its
        // final name only afterwards, because a person may have deleted the file of an old administrator on purpose.
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        boolean unfinished = Files.exists(draft);
        if (!unfinished) {
            Files.createFile(draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.writeString(draft, randomPassword() + "\n");
        }
        String password = Files.readString(draft).strip();
        if (users.ensureAdministrator(email, password) || unfinished) {
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
            return new FirstAdministrator(email, file, password);
        }
        Files.delete(draft);
        return new FirstAdministrator(email, null, null);
    }

    private static String randomPassword() {
        byte[] bytes = new byte[PASSWORD_BYTES];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Without the password. */
    @Override
    public String toString() {
        return String.valueOf(email);
    }
}
