package productstore.identity;

import java.util.Locale;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;
import productstore.platform.EntityTags;
import productstore.platform.Ids;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Validation;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/** The people who have an account, and what each of them may do. */
@Service
public class Users {
    static final int LONGEST_EMAIL = 254;
    static final int LONGEST_PASSWORD = 256;
    private static final int SHORTEST_PASSWORD = 8;
    private static final int LONGEST_NAME = 200;
    // "A valid email address" of the HTML standard, in lower case. ASCII only, so that no two look the same.
    private static final Pattern EMAIL = Pattern.compile("[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
            + "@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*");

    private final UserRepository repository;
    private final RefreshTokens refreshTokens;
    private final Passwords passwords;
    private final EntityTags entityTags;
    private final TransactionTemplate transaction;

    Users(
            UserRepository repository,
            RefreshTokens refreshTokens,
            Passwords passwords,
            EntityTags entityTags,
            TransactionTemplate transaction) {
        this.repository = repository;
        this.refreshTokens = refreshTokens;
        this.passwords = passwords;
        this.entityTags = entityTags;
        this.transaction = transaction;
    }

    /**
     * Makes an administrator if there is no user with this e-mail; one that exists is never changed. Two stores may do
     * this at once.
     *
     * @return whether it was made now
     * @throws Problem {@code invalid_request} if the e-mail or the password is not acceptable, {@code overloaded}
     */
    public boolean ensureAdministrator(String email, String password) {
        var validation = new Validation();
        var address = newEmail(validation, email);
        var secret = newPassword(validation, password);
        validation.done();
        if (address == null || secret == null) {
            throw new IllegalStateException("checked above");
        }
        // Asked first, so that not every start pays for a hash.
        return repository.findAccount(address).isEmpty()
                && repository.insert(Ids.next(), address, "Administrator", Role.ADMIN, passwords.hash(secret));
    }

    /**
     * A new customer.
     *
     * @throws Problem {@code invalid_request}, {@code email_taken}, {@code overloaded}
     */
    User register(@Nullable String email, @Nullable String password, @Nullable String name) {
        var validation = new Validation();
        var address = newEmail(validation, email);
        var secret = newPassword(validation, password);
        var called = validation.line("name", name, LONGEST_NAME);
        validation.done();
        if (address == null || secret == null || called == null) {
            throw new IllegalStateException("checked above");
        }
        var hash = passwords.hash(secret);
        var id = Ids.next();
        if (!repository.insert(id, address, called, Role.CUSTOMER, hash)) {
            throw Problem.of(ProblemCode.EMAIL_TAKEN, "There is an account with this e-mail already. Sign in.");
        }
        Journal.of("user-registered").with(Field.TARGET_USER_ID, id).say("a customer has registered");
        return find(id);
    }

    /** A page of all users, newest first. */
    Page<User> list(Paging paging) {
        return paging.page(UserRepository.NEWEST, repository.list(paging), Function.identity(), repository::count);
    }

    /** @throws Problem {@code not_found} */
    User find(UUID id) {
        return repository.find(id).orElseThrow(() -> Problem.notFound("user"));
    }

    /**
     * Gives a user another role, or locks the user out or in again. Both hold from the user's next call on.
     *
     * @param ifMatch the {@code If-Match} header, null if there was none
     * @param by the administrator who does it
     * @throws Problem {@code invalid_request}, {@code not_found}, {@code precondition_failed}, {@code last_admin}
     */
    User change(UUID id, @Nullable String role, @Nullable Boolean active, @Nullable String ifMatch, UUID by) {
        var validation = new Validation();
        var newRole = role(validation, role);
        var newActive = validation.required("active", active);
        validation.done();
        if (newRole == null || newActive == null) {
            throw new IllegalStateException("checked above");
        }
        return transaction.execute(_ -> {
            // One at a time: two administrators who demote each other must not both be told yes.
            repository.lockRights();
            var user = repository.lock(id).orElseThrow(() -> Problem.notFound("user"));
            entityTags.require(ifMatch, user);
            boolean staysAdministrator = newRole == Role.ADMIN && newActive;
            if (user.role() == Role.ADMIN
                    && user.active()
                    && !staysAdministrator
                    && !repository.otherActiveAdministrator(id)) {
                throw Problem.of(
                        ProblemCode.LAST_ADMIN, "This is the last active administrator. Make another one first.");
            }
            repository.update(id, newRole, newActive);
            if (user.role() != newRole || user.active() != newActive) {
                Journal.of("user-changed")
                        .with(Field.USER_ID, by)
                        .with(Field.TARGET_USER_ID, id)
                        .changed("role, active", rights(user.role(), user.active()), rights(newRole, newActive))
                        .say("a user's rights were changed");
            }
            if (!newActive) {
                refreshTokens.endAll(id);
            }
            return find(id);
        });
    }

    private static String rights(Role role, boolean active) {
        return role.code() + ", " + (active ? "active" : "inactive");
    }

    static String normal(String email) {
        return email.strip().toLowerCase(Locale.ROOT);
    }

    private static @Nullable Role role(Validation validation, @Nullable String code) {
        var given = validation.required("role", code);
        if (given == null) {
            return null;
        }
        var role = Role.of(given).orElse(null);
        if (role == null) {
            validation.fault("role", "invalid", "One of customer, manager, admin.");
        }
        return role;
    }

    private static @Nullable String newEmail(Validation validation, @Nullable String email) {
        var address = validation.line("email", email, LONGEST_EMAIL);
        if (address == null) {
            return null;
        }
        address = normal(address);
        if (!EMAIL.matcher(address).matches()) {
            validation.fault("email", "invalid", "Not an e-mail address.");
            return null;
        }
        return address;
    }

    private static @Nullable String newPassword(Validation validation, @Nullable String password) {
        if (validation.required("password", password) == null || password == null) {
            return null;
        }
        int length = password.codePointCount(0, password.length());
        if (length < SHORTEST_PASSWORD) {
            validation.fault("password", "too_short", "At least " + SHORTEST_PASSWORD + " characters.");
        } else if (length > LONGEST_PASSWORD) {
            validation.fault("password", "too_long", "At most " + LONGEST_PASSWORD + " characters.");
        }
        return password;
    }
}
