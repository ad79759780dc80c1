package productstore;

import org.springframework.boot.SpringBootExceptionReporter;

/** Keeps Spring from reporting a failed start: {@link Store#main} does, in one sentence where it can. */
final class QuietExceptionReporter implements SpringBootExceptionReporter {
    @Override
    public boolean reportException(Throwable failure) {
        return true;
    }
}
