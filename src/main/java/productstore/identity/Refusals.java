package productstore.identity;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.http.HttpHeaders;
import org.springframework.security.access.AccessDeniedException;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.core.OAuth2AuthenticationException;
import org.springframework.security.web.AuthenticationEntryPoint;
import org.springframework.security.web.access.AccessDeniedHandler;
import org.springframework.stereotype.Component;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Problems;

/** The 401 and 403 of the security filters, with the challenges of RFC 6750, section 3. */
@Component
class Refusals implements AuthenticationEntryPoint, AccessDeniedHandler {
    private final RateLimit rateLimit;

    Refusals(RateLimit rateLimit) {
        this.rateLimit = rateLimit;
    }

    @Override
    public void commence(HttpServletRequest request, HttpServletResponse response, AuthenticationException failure)
            throws IOException {
        if (failure instanceof OAuth2AuthenticationException) {
            badToken(request, response);
        } else {
            Problems.write(request, response, notSignedIn());
        }
    }

    @Override
    public void handle(HttpServletRequest request, HttpServletResponse response, AccessDeniedException failure)
            throws IOException {
        Problems.write(request, response, Problem.of(ProblemCode.FORBIDDEN, "Your role does not allow this."));
    }

    static Problem notSignedIn() {
        return Problem.of(ProblemCode.UNAUTHORIZED, "Sign in and send the access token.")
                .with(HttpHeaders.WWW_AUTHENTICATE, "Bearer");
    }

    /** Refuses a token that is worth nothing; who sends many is limited by address. */
    void badToken(HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (rateLimit.admits(request, response)) {
            Problems.write(
                    request,
                    response,
                    Problem.of(ProblemCode.UNAUTHORIZED, "The access token is not valid, or no longer.")
                            .with(
                                    HttpHeaders.WWW_AUTHENTICATE,
                                    "Bearer error=\"invalid_token\", error_description=\"not valid, or no longer\""));
        }
    }
}
