package productstore.platform;

import java.net.InetAddress;
import java.util.List;
import org.apache.catalina.util.NetMask;
import org.apache.catalina.util.NetMaskSet;
import org.jspecify.annotations.Nullable;

/** The addresses of proxies whose word about their callers is believed. */
public final class TrustedProxies {
    private final NetMaskSet networks = new NetMaskSet();

    private TrustedProxies() {}

    /**
     * Reads a list.
     *
     * @param list of addresses and networks in CIDR notation, with commas between; nothing is none
     * @throws IllegalArgumentException with the entry that is neither as its message
     */
    public static TrustedProxies of(String list) {
        var trusted = new TrustedProxies();
        for (var entry : list.isBlank() ? new String[0] : list.split(",", -1)) {
            var network = entry.strip();
            // Not left to the library: it would look a name up, once and for all.
            if (address(network.replaceFirst("/\\d+$", "")) == null) {
                throw new IllegalArgumentException(entry);
            }
            try {
                trusted.networks.add(new NetMask(network));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(entry, e);
            }
        }
        return trusted;
    }

    boolean isEmpty() {
        return networks.isEmpty();
    }

    /**
     * Where a request comes from: each trusted proxy says whom it was called by, the last one first, until one speaks that
     * is not trusted or can't be understood. What stands before it anybody may have written.
     *
     * @param peer the address at the other end of the connection
     * @param forwardedFor the values of all {@code X-Forwarded-For} headers, in their order
     */
    String client(String peer, List<String> forwardedFor) {
        var client = address(peer);
        if (client == null || !networks.contains(client)) {
            return peer;
        }
        var hops = String.join(",", forwardedFor).split(",", -1);
        for (int n = hops.length - 1; n >= 0 && networks.contains(client); n--) {
            var said = address(withoutPort(hops[n].strip()));
            if (said == null) {
                break;
            }
            client = said;
        }
        return client.getHostAddress();
    }

    /** Some proxies add the port: {@code 192.0.2.7:4711}, {@code [2001:db8::7]:4711}. */
    private static String withoutPort(String hop) {
        if (hop.startsWith("[")) {
            int end = hop.indexOf(']');
            return end < 0 ? "" : hop.substring(1, end);
        }
        int colon = hop.indexOf(':');
        return colon >= 0 && colon == hop.lastIndexOf(':') ? hop.substring(0, colon) : hop;
    }

    private static @Nullable InetAddress address(String text) {
        int zone = text.indexOf('%');
        try {
            return InetAddress.ofLiteral(zone < 0 ? text : text.substring(0, zone));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
