package productstore.backup;

/** Why there is no backup, or nothing was restored. The message is one sentence for a person and says what to do. */
public final class BackupFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    BackupFailure(String sentence) {
        super(sentence);
    }

    BackupFailure(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
