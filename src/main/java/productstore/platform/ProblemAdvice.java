package productstore.platform;

import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.boot.webmvc.error.ErrorController;
import org.springframework.http.HttpStatusCode;
import org.springframework.stereotype.Controller;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RequestMapping;

/** Whatever fails in a controller, or before one is found, is answered as a problem. */
@ControllerAdvice
class ProblemAdvice {
    @ExceptionHandler
    void failed(HttpServletRequest request, HttpServletResponse response, Throwable failure) throws IOException {
        Problems.answer(request, response, failure);
    }

    /** Where the servlet container reports a bare status. */
    @Controller
    static class StatusController implements ErrorController {
        @RequestMapping("${server.error.path:/error}")
        void status(HttpServletRequest request, HttpServletResponse response) throws IOException {
            // Called by the container only; to a person who types the address it does not exist.
            var status = request.getAttribute(RequestDispatcher.ERROR_STATUS_CODE) instanceof Integer code ? code : 404;
            Problems.write(request, response, Problems.ofStatus(HttpStatusCode.valueOf(status)));
        }
    }
}
