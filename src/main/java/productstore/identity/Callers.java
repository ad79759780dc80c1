package productstore.identity;

import io.opentelemetry.api.trace.Tracer;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import productstore.platform.Batcher;
import productstore.platform.Limits;
import productstore.telemetry.RequestNotes;

/** Finds out whose token a request bears, as the database has that user now. */
@Component
public class Callers {
    // These live by what is in their body. A token that has ended, which many clients send with everything, must not
    // keep anybody from getting a new one.
    private static final Set<String> WITHOUT_TOKEN =
            Set.of("/api/auth/register", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout");

    private static final String SCHEME = "Bearer ";
    private static final int USER_QUERIES = 2;
    private static final int USERS_TOGETHER = 100;

    private final AccessTokens tokens;
    private final Batcher<UUID, Optional<CurrentUser>> activeUsers;
    private final RateLimit rateLimit;
    private final Refusals refusals;

    Callers(
            AccessTokens tokens,
            Batcher<UUID, Optional<CurrentUser>> activeUsers,
            RateLimit rateLimit,
            Refusals refusals) {
        this.tokens = tokens;
        this.activeUsers = activeUsers;
        this.rateLimit = rateLimit;
        this.refusals = refusals;
    }

    /** Calls of the same moment ask for their users together. */
    @Bean
    static Batcher<UUID, Optional<CurrentUser>> activeUsers(UserRepository users, Limits limits, Tracer tracer) {
        return new Batcher<>(
                "active-users",
                USER_QUERIES,
                USERS_TOGETHER,
                limits,
                tracer,
                ids -> {
                    var active = users.findActive(Set.copyOf(ids)).stream()
                            .collect(Collectors.toMap(CurrentUser::id, Function.identity()));
                    return ids.stream()
                            .map(id -> Optional.ofNullable(active.get(id)))
                            .toList();
                },
                id -> users.findActive(Set.of(id)).stream().findFirst());
    }

    /** The token of a request. Not by Spring's resolver: its regular expression costs more than the token's check. */
    public static @Nullable String token(HttpServletRequest request) {
        var header = request.getHeader(HttpHeaders.AUTHORIZATION);
        return header == null
                        || !header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
                        || WITHOUT_TOKEN.contains(request.getRequestURI())
                ? null
                : header.substring(SCHEME.length());
    }

    /** The active user whom this token was made for; nothing if it is not one of ours or has ended. */
    Optional<CurrentUser> find(String token) {
        return tokens.verify(token).flatMap(activeUsers::ask);
    }

    /** Whose token this is. Null if the request was answered: the token is worth nothing, or its user calls too often. */
    public @Nullable CurrentUser admit(String token, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        var user = find(token).orElse(null);
        if (user == null) {
            refusals.badToken(request, response);
            return null;
        }
        RequestNotes.USER_ID.put(request, user.getName());
        return rateLimit.admits(user, request, response) ? user : null;
    }
}
