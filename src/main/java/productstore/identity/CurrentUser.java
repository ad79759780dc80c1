package productstore.identity;

import java.util.UUID;
import org.springframework.security.core.AuthenticatedPrincipal;

/**
 * The signed-in user of this request. A controller's method takes it as a parameter; where nobody is signed in, that
 * call is refused with 401. All of it is what the database has now, not what it had when the token was made.
 */
public record CurrentUser(UUID id, Role role, String name, String email) implements AuthenticatedPrincipal {
    /** Whether this is a manager or an administrator, who see everybody's orders. */
    public boolean staff() {
        return role != Role.CUSTOMER;
    }

    /** The id as text: what {@code request.getUserPrincipal().getName()} answers to code that does not know users. */
    @Override
    public String getName() {
        return id.toString();
    }
}
