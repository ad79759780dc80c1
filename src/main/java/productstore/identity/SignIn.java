package productstore.identity;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Service;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Validation;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;
import productstore.telemetry.Networks;

/** From a password to tokens, from tokens to the next ones, and to their end. */
@Service
class SignIn {
    private final UserRepository users;
    private final Passwords passwords;
    private final LoginThrottle throttle;
    private final AccessTokens accessTokens;
    private final RefreshTokens refreshTokens;
    private final Counter successes;
    private final Counter failures;

    SignIn(
            UserRepository users,
            Passwords passwords,
            LoginThrottle throttle,
            AccessTokens accessTokens,
            RefreshTokens refreshTokens,
            MeterRegistry registry) {
        this.users = users;
        this.passwords = passwords;
        this.throttle = throttle;
        this.accessTokens = accessTokens;
        this.refreshTokens = refreshTokens;
        this.successes = Counter.builder("store.logins")
                .description("Sign-ins with the right password")
                .register(registry);
        this.failures = Counter.builder("store.login.failures")
                .description("Sign-ins refused for an unknown e-mail, a wrong password or an inactive user")
                .register(registry);
    }

    /**
     * What a client signs its calls with.
     *
     * @param expiresIn the access token's life in seconds
     */
    record Tokens(String accessToken, String tokenType, long expiresIn, String refreshToken) {}

    /**
     * Begins a family of tokens. An unknown e-mail, a wrong password and an inactive user are told apart neither by the
     * answer nor by the time it takes.
     *
     * @param address where the attempt comes from
     * @throws Problem {@code invalid_request}, {@code invalid_credentials}, {@code too_many_attempts}, {@code overloaded}
     */
    Tokens logIn(@Nullable String email, @Nullable String password, String address) {
        var validation = new Validation();
        var givenEmail = given(validation, "email", email, Users.LONGEST_EMAIL);
        var givenPassword = given(validation, "password", password, Users.LONGEST_PASSWORD);
        validation.done();
        if (givenEmail == null || givenPassword == null) {
            throw new IllegalStateException("checked above");
        }
        var normalEmail = Users.normal(givenEmail);
        var attempt = throttle.attempt(normalEmail, address);
        attempt.check();
        // NUL can't be in the database, so it can't be in anybody's e-mail either.
        var account = normalEmail.indexOf('\0') >= 0
                ? null
                : users.findAccount(normalEmail).orElse(null);
        boolean same =
                passwords.matches(givenPassword, account == null ? null : account.passwordHash(), attempt::begin);
        if (!same || account == null || !account.user().active()) {
            throw failed(account == null ? null : account.user(), address);
        }
        attempt.succeeded();
        var user = account.user();
        var refreshToken = refreshTokens.begin(user.id()).orElseThrow(() -> failed(user, address));
        successes.increment();
        Journal.of("sign-in")
                .with(Field.USER_ID, user.id())
                .with(Field.CLIENT_IP, Networks.of(address))
                .say("a user has signed in");
        return tokens(user, refreshToken);
    }

    /** @throws Problem {@code invalid_request}, {@code invalid_credentials} */
    Tokens refresh(@Nullable String refreshToken) {
        var renewed = refreshTokens.renew(needed(refreshToken)).orElseThrow(SignIn::endedSignIn);
        return tokens(renewed.user(), renewed.token());
    }

    /** Ends the family of this token; an unknown or ended one needs no end. */
    void logOut(@Nullable String refreshToken) {
        refreshTokens.end(needed(refreshToken));
    }

    private Tokens tokens(User user, String refreshToken) {
        return new Tokens(accessTokens.issue(user), "Bearer", AccessTokens.LIFE.toSeconds(), refreshToken);
    }

    private static String needed(@Nullable String refreshToken) {
        if (refreshToken == null) {
            throw Problem.invalid("refresh_token", "required", "This member is needed.");
        }
        return refreshToken;
    }

    private static @Nullable String given(Validation validation, String field, @Nullable String value, int longest) {
        if (value == null) {
            return validation.required(field, value);
        }
        if (value.codePointCount(0, value.length()) > longest) {
            validation.fault(field, "too_long", "At most " + longest + " characters.");
        }
        return value;
    }

    private Problem failed(@Nullable User user, String address) {
        failures.increment();
        Journal.warning("sign-in-failed")
                .with(Field.TARGET_USER_ID, user == null ? null : user.id())
                .with(Field.CLIENT_IP, Networks.of(address))
                .say("a sign-in was refused");
        return Problem.of(ProblemCode.INVALID_CREDENTIALS, "The e-mail or the password is wrong.")
                .with(HttpHeaders.WWW_AUTHENTICATE, "Bearer");
    }

    private static Problem endedSignIn() {
        return Problem.of(ProblemCode.INVALID_CREDENTIALS, "The refresh token is not valid, or no longer. Sign in.")
                .with(HttpHeaders.WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"");
    }
}
