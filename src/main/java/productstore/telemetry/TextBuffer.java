package productstore.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;

/** Bytes of text in UTF-8, put together without anything being made for a piece of it. */
final class TextBuffer {
    private static final int USUAL_BYTES = 64 * 1024;
    private static final byte[] HEX = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

    private byte[] bytes = new byte[USUAL_BYTES];
    private int size;

    int size() {
        return size;
    }

    void cutBackTo(int smaller) {
        size = Math.min(size, smaller);
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, size);
    }

    void drainTo(OutputStream out) throws IOException {
        try {
            out.write(bytes, 0, size);
        } finally {
            size = 0;
            if (bytes.length > USUAL_BYTES) {
                // One very long line must not take its memory for ever.
                bytes = new byte[USUAL_BYTES];
            }
        }
    }

    void add(byte[] more) {
        room(more.length);
        System.arraycopy(more, 0, bytes, size, more.length);
        size += more.length;
    }

    void add(char ascii) {
        room(1);
        bytes[size++] = (byte) ascii;
    }

    void add(long number) {
        if (number < 0) {
            add(Long.toString(number), false);
            return;
        }
        room(20);
        int end = size + digits(number);
        size = end;
        do {
            bytes[--end] = (byte) ('0' + number % 10);
            number /= 10;
        } while (number > 0);
    }

    private static int digits(long number) {
        int digits = 1;
        for (long rest = number / 10; rest > 0; rest /= 10) {
            digits++;
        }
        return digits;
    }

    /** Text as it is, or as it stands inside of a JSON string. Half of a surrogate pair becomes U+FFFD. */
    void add(String text, boolean json) {
        room(text.length());
        for (int n = 0; n < text.length(); n++) {
            char c = text.charAt(n);
            if (c < 0x80) {
                addAscii(c, json);
            } else if (c < 0x800) {
                room(2);
                bytes[size++] = (byte) (0xC0 | (c >> 6));
                bytes[size++] = (byte) (0x80 | (c & 0x3F));
            } else if (Character.isSurrogate(c)) {
                n += addSurrogate(text, n);
            } else {
                addThree(c);
            }
        }
    }

    private void addAscii(char c, boolean json) {
        if (!json || (c >= ' ' && c != '"' && c != '\\' && c != 0x7F)) {
            add(c);
            return;
        }
        room(6);
        bytes[size++] = '\\';
        switch (c) {
            case '"', '\\' -> bytes[size++] = (byte) c;
            case '\n' -> bytes[size++] = 'n';
            case '\r' -> bytes[size++] = 'r';
            case '\t' -> bytes[size++] = 't';
            default -> {
                bytes[size++] = 'u';
                bytes[size++] = '0';
                bytes[size++] = '0';
                bytes[size++] = HEX[c >> 4];
                bytes[size++] = HEX[c & 0xF];
            }
        }
    }

    /** How many characters more than one were taken. */
    private int addSurrogate(String text, int at) {
        int point = text.codePointAt(at);
        if (!Character.isSupplementaryCodePoint(point)) {
            addThree('\uFFFD');
            return 0;
        }
        room(4);
        bytes[size++] = (byte) (0xF0 | (point >> 18));
        bytes[size++] = (byte) (0x80 | ((point >> 12) & 0x3F));
        bytes[size++] = (byte) (0x80 | ((point >> 6) & 0x3F));
        bytes[size++] = (byte) (0x80 | (point & 0x3F));
        return 1;
    }

    private void addThree(char c) {
        room(3);
        bytes[size++] = (byte) (0xE0 | (c >> 12));
        bytes[size++] = (byte) (0x80 | ((c >> 6) & 0x3F));
        bytes[size++] = (byte) (0x80 | (c & 0x3F));
    }

    private void room(int more) {
        if (bytes.length - size < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, size + more));
        }
    }
}
