package productstore;

import java.io.PrintStream;
import java.nio.file.Path;

/** What a person is told once the store serves: where it is, how to sign in, what to try. */
final class Welcome {
    private Welcome() {}

    /** Prints it; the product can be ordered, or is a word for one where there is none yet. */
    static void print(PrintStream out, Settings settings, FirstAdministrator administrator, String productId) {
        String api = "http://localhost:" + settings.port();
        String management = "http://localhost:" + settings.managementPort();
        DatabaseAddress own = settings.database();
        out.printf("%nProduct Store is up.%n%n");
        line(out, "API", api + "/api/products/");
        line(out, "try it out", api + "/api/docs");
        line(out, "metrics", management + "/metrics");
        line(out, "health", management + "/health/ready");
        line(out, "database", own == null ? "embedded PostgreSQL in " + settings.dataDir() : own.toString());
        String email = administrator.email();
        if (email != null) {
            line(out, "sign in as", email);
            line(out, "password", passwordLine(administrator));
        }
        out.printf("%nThree calls to try:%n%n");
        out.printf("  curl '%s/api/products/?limit=3'%n%n", api);
        out.printf("  TOKEN=$(curl -s %s/api/auth/login -H 'Content-Type: application/json' \\%n", api);
        out.printf(
                "    -d '{\"email\":\"%s\",\"password\":\"%s\"}' \\%n",
                email == null ? "you@example.org" : email, passwordInShell(administrator));
        out.printf("    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')%n%n");
        out.printf(
                "  curl %s/api/orders/ -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\%n",
                api);
        out.printf("    -d '{\"items\":[{\"product_id\":\"%s\",\"quantity\":2}]}'%n", productId);
        out.printf("%nCtrl-C stops it.%n");
        out.flush();
    }

    private static void line(PrintStream out, String name, String value) {
        out.printf("  %-11s %s%n", name, value);
    }

    private static String passwordLine(FirstAdministrator administrator) {
        Path file = administrator.file();
        String password = administrator.newPassword();
        if (password != null) {
            return password + "   (shown this once; kept in " + file + ")";
        }
        return file == null ? "the one that was set" : "in " + file;
    }

    private static String passwordInShell(FirstAdministrator administrator) {
        Path file = administrator.file();
        return file == null ? "the password" : "'\"$(cat '" + file + "')\"'";
    }
}
