package productstore.identity;

import jakarta.servlet.http.HttpServletRequest;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HexFormat;

/** Who calls, as far as the network knows. */
final class ClientAddress {
    private static final int IPV6_BYTES = 16;
    private static final int IPV6_PREFIX_BYTES = 8;

    private ClientAddress() {}

    /**
     * The address to count by. Of IPv6 only the first 64 bits: they are one line, and whoever has it has 2^64 addresses
     * to try from.
     */
    static String of(HttpServletRequest request) {
        var address = request.getRemoteAddr();
        int zone = address.indexOf('%');
        var bytes = InetAddress.ofLiteral(zone < 0 ? address : address.substring(0, zone))
                .getAddress();
        return bytes.length == IPV6_BYTES ? HexFormat.of().formatHex(Arrays.copyOf(bytes, IPV6_PREFIX_BYTES)) : address;
    }
}
