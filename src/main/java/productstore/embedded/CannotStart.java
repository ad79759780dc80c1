package productstore.embedded;

/** Why the embedded PostgreSQL cannot be had. The message is one sentence for a person and says what to do. */
public final class CannotStart extends RuntimeException {
    private static final long serialVersionUID = 1;

    CannotStart(String sentence) {
        super(sentence);
    }

    CannotStart(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
