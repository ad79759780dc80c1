package productstore.telemetry;

import org.jspecify.annotations.Nullable;

/** Addresses as the log may have them. */
public final class Networks {
    private Networks() {}

    /** The network that an address is in: enough to tell attackers apart, too little for a person. */
    public static @Nullable String of(@Nullable String address) {
        if (address == null) {
            return null;
        }
        int dot = address.lastIndexOf('.');
        if (dot > 0 && address.indexOf(':') < 0) {
            return address.substring(0, dot) + ".0";
        }
        // Written out by the server, "2001:db8:0:0:0:0:0:1": the first three of eight groups are the site's.
        var groups = address.split(":", -1);
        return groups.length == 8 ? groups[0] + ":" + groups[1] + ":" + groups[2] + "::" : null;
    }
}
