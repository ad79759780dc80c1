package productstore.identity;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** What a user may do. Each role has what the one before it has. */
public enum Role {
    CUSTOMER,
    MANAGER,
    ADMIN;

    /** The role as it stands in JSON and in the database, for example {@code manager}. */
    @JsonValue
    public String code() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Optional<Role> of(String code) {
        return Stream.of(values()).filter(role -> role.code().equals(code)).findFirst();
    }
}
