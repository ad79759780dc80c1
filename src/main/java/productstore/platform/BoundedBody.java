package productstore.platform;

import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.time.Duration;

/** The body of a request, which may be only so large, and may take only so long to arrive. */
public final class BoundedBody extends ServletInputStream {
    private final ServletInputStream body;
    private final LargeBody large;
    private final int most;
    private final Duration readTime;
    private final long deadlineNanos;
    private long read;

    /**
     * A body.
     *
     * @param body as the server gives it
     * @param large what it takes if it turns out to be large; the caller closes it when the request is answered
     */
    BoundedBody(ServletInputStream body, Limits limits, LargeBody large) {
        this.body = body;
        this.large = large;
        this.most = limits.bodyBytes();
        this.readTime = limits.bodyReadTime();
        this.deadlineNanos = System.nanoTime() + readTime.toNanos();
    }

    /** The body of a request that says that it is a small one. */
    public static BoundedBody small(HttpServletRequest request, Limits limits) throws IOException {
        return new BoundedBody(request.getInputStream(), limits, new LargeBody());
    }

    /** Whether a request says that its body is a small one. */
    public static boolean isSmall(HttpServletRequest request, Limits limits) {
        var length = request.getContentLengthLong();
        return length >= 0 && length <= Math.min(limits.bodyBytes(), LargeBody.LARGE_BYTES);
    }

    /** @throws Problem {@code body_too_large} if the request says that its body is */
    static void checkLength(HttpServletRequest request, Limits limits) {
        if (request.getContentLengthLong() > limits.bodyBytes()) {
            throw tooLarge(limits.bodyBytes());
        }
    }

    private static Problem tooLarge(int most) {
        return Problem.of(ProblemCode.BODY_TOO_LARGE, "At most " + most + " bytes.")
                .with("Connection", "close");
    }

    private Problem tooSlow() {
        return Problem.of(
                        ProblemCode.REQUEST_TIMEOUT,
                        "The body did not arrive within " + readTime.toSeconds() + " seconds.")
                .with("Connection", "close");
    }

    @Override
    public int read() throws IOException {
        var one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int count;
        try {
            count = ((InputStream) body).read(buffer, offset, length);
        } catch (SocketTimeoutException e) {
            throw tooSlow();
        }
        read += Math.max(count, 0);
        if (read > most) {
            throw tooLarge(most);
        }
        large.read(read);
        // A client that sends a byte a second never runs into the socket's own timeout.
        if (System.nanoTime() > deadlineNanos) {
            throw tooSlow();
        }
        return count;
    }

    @Override
    public boolean isFinished() {
        return body.isFinished();
    }

    @Override
    public boolean isReady() {
        return body.isReady();
    }

    @Override
    public void setReadListener(ReadListener listener) {
        body.setReadListener(listener);
    }
}
