package productstore.identity;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.BadJWTException;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import productstore.platform.Ids;

/** Access tokens: JWTs (RFC 7519) signed with RS256, valid for 15 minutes. */
@Component
class AccessTokens {
    static final Duration LIFE = Duration.ofMinutes(15);
    private static final String ISSUER = "product-store";
    // Stores on one database may have clocks that differ a little.
    private static final int CLOCK_SKEW_SECONDS = 30;

    // Of 700 characters each. A signature takes longer to check than all the rest of a request that reads.
    private static final int MOST_REMEMBERED = 10_000;

    private final SigningKeys keys;
    private final Cache<String, Claims> verified = Caffeine.newBuilder()
            .maximumSize(MOST_REMEMBERED)
            .expireAfterWrite(LIFE)
            .build();
    private final DefaultJWTClaimsVerifier<?> claimsVerifier = new DefaultJWTClaimsVerifier<>(
            new JWTClaimsSet.Builder().issuer(ISSUER).build(), Set.of("sub", "role", "iat", "exp", "jti"));

    AccessTokens(SigningKeys keys) {
        this.keys = keys;
        claimsVerifier.setMaxClockSkew(CLOCK_SKEW_SECONDS);
    }

    /** A new token. The role in it is for those who only read it: every call here asks the database. */
    String issue(User user) {
        var ring = keys.ring();
        var now = Instant.now();
        var token = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256)
                        .type(JOSEObjectType.JWT)
                        .keyID(ring.kid())
                        .build(),
                new JWTClaimsSet.Builder()
                        .issuer(ISSUER)
                        .subject(user.id().toString())
                        .claim("role", user.role().code())
                        .issueTime(Date.from(now))
                        .expirationTime(Date.from(now.plus(LIFE)))
                        .jwtID(Ids.next().toString())
                        .build());
        try {
            token.sign(ring.signer());
        } catch (JOSEException e) {
            throw new IllegalStateException("the signing key does not sign", e);
        }
        return token.serialize();
    }

    private record Claims(UUID userId, String kid, Instant end) {}

    /** The id of the user whom this token was made for; nothing if it is not one of ours or has ended. */
    Optional<UUID> verify(String token) {
        var known = verified.getIfPresent(token);
        if (known == null) {
            known = check(token);
            if (known == null) {
                return Optional.empty();
            }
            verified.put(token, known);
        }
        return Instant.now().isBefore(known.end()) && keys.verifier(known.kid()) != null
                ? Optional.of(known.userId())
                : Optional.empty();
    }

    private @Nullable Claims check(String token) {
        try {
            var jwt = SignedJWT.parse(token);
            var kid = jwt.getHeader().getKeyID();
            // Only RS256: whoever chooses the algorithm chooses how much it proves (RFC 8725, section 3.1).
            if (kid == null || !JWSAlgorithm.RS256.equals(jwt.getHeader().getAlgorithm())) {
                return null;
            }
            var verifier = keys.verifier(kid);
            if (verifier == null || !jwt.verify(verifier)) {
                return null;
            }
            var claims = jwt.getJWTClaimsSet();
            claimsVerifier.verify(claims, null);
            var subject = claims.getSubject();
            return Ids.wellFormed(subject)
                    ? new Claims(
                            UUID.fromString(subject),
                            kid,
                            claims.getExpirationTime().toInstant().plusSeconds(CLOCK_SKEW_SECONDS))
                    : null;
        } catch (ParseException | JOSEException | BadJWTException e) {
            return null;
        }
    }
}
