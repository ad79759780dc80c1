package productstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.test.context.ContextConfiguration;
import productstore.embedded.TestDatabase;
import productstore.identity.Role;
import productstore.identity.Users;

/**
 * A running store on a PostgreSQL of its own, spoken to over HTTP. All tests that only extend this class share one, so
 * they make what they need themselves and compare with nothing that others could have made.
 */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"management.server.port=0", "store.rate-limit=off", "logging.level.productstore.events=warn"})
@ContextConfiguration(initializers = TestDatabase.class)
public abstract class StoreTest {
    protected static final String PASSWORD = "correct horse battery";
    private static final String ADMIN = "root@store.test";

    // By context, for a class with properties of its own runs in another store.
    private static final Map<Integer, Map<Role, Client>> SIGNED_IN = new ConcurrentHashMap<>();

    @LocalServerPort
    protected int port;

    @Autowired
    protected JdbcClient db;

    @Autowired
    private Users users;

    private UnnamedStatements unnamed;

    @BeforeEach
    void watchStatements() {
        unnamed = UnnamedStatements.watch();
    }

    @AfterEach
    void everyStatementHadAName() {
        unnamed.end();
        assertThat(unnamed.faults()).as("statements without a name").isEmpty();
    }

    protected Client anyone() {
        return new Client("http://127.0.0.1:" + port, null);
    }

    /** One customer for all tests of this store; see {@link #newCustomer}. */
    protected Client customer() {
        return signedIn(Role.CUSTOMER);
    }

    protected Client manager() {
        return signedIn(Role.MANAGER);
    }

    protected Client admin() {
        return signedIn(Role.ADMIN);
    }

    protected Client newCustomer() {
        var email = UUID.randomUUID() + "@example.com";
        var registered =
                anyone().post("/api/auth/register", Map.of("email", email, "password", PASSWORD, "name", "Анна"));
        assertThat(registered.status()).isEqualTo(201);
        return signIn(email);
    }

    protected Client signIn(String email) {
        var tokens = anyone().post("/api/auth/login", Map.of("email", email, "password", PASSWORD));
        assertThat(tokens.status()).as(tokens.text()).isEqualTo(200);
        return anyone().as(tokens.string("access_token"));
    }

    /** A new category; its id. */
    protected String newCategory(String name, String... parentId) {
        var body = new HashMap<String, Object>(Map.of("name", name));
        if (parentId.length > 0) {
            body.put("parent_id", parentId[0]);
        }
        return manager().post("/api/categories/", body).created().string("id");
    }

    /** A new product with so many pieces in stock; its id. */
    protected String newProduct(int stock) {
        return newProduct(Map.of("stock", stock));
    }

    /** A new product; what {@code members} doesn't say is made up. Its id. */
    protected String newProduct(Map<String, ?> members) {
        return manager().post("/api/products/", productInput(members)).created().string("id");
    }

    /** A body that makes a product of what isn't said. */
    protected Map<String, Object> productInput(Map<String, ?> members) {
        var body = new HashMap<String, Object>();
        var unique = UUID.randomUUID().toString();
        body.put("sku", "T-" + unique);
        body.put("name", "Товар " + unique);
        body.put("price", Map.of("amount", "199.90", "currency", "RUB"));
        body.put("stock", 10);
        body.putAll(members);
        body.computeIfAbsent("category", missing -> newCategory("Категория " + unique));
        return body;
    }

    protected long stockOf(String productId) {
        return anyone().get("/api/products/" + productId).body().get("stock").asLong();
    }

    /** Returns as soon as a connection waits for a lock that another one holds. */
    protected void awaitALockedOutConnection() {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (db.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
                        .query(Long.class)
                        .single()
                == 0) {
            assertThat(System.nanoTime()).as("nobody waits for a lock").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    /** Asserts what always holds, over everything all tests did so far. */
    protected void assertNothingDrifted() {
        var audit = manager().get("/api/inventory/audit");
        assertThat(audit.status()).isEqualTo(200);
        assertThat(audit.body().get("items"))
                .as("products whose stock is not what it must be")
                .isEmpty();
        assertThat(db.sql("SELECT count(*) FROM stock WHERE quantity < 0")
                        .query(Long.class)
                        .single())
                .isZero();
    }

    private Client signedIn(Role role) {
        return SIGNED_IN
                .computeIfAbsent(port, store -> new ConcurrentHashMap<>())
                .computeIfAbsent(role, this::newUser);
    }

    private Client newUser(Role role) {
        users.ensureAdministrator(ADMIN, PASSWORD);
        if (role == Role.ADMIN) {
            return signIn(ADMIN);
        }
        var user = newCustomer();
        if (role == Role.MANAGER) {
            var id = user.get("/api/auth/me").string("id");
            var promoted = signIn(ADMIN).put("/api/users/" + id, Map.of("role", "manager", "active", true));
            assertThat(promoted.status()).as(promoted.text()).isEqualTo(200);
        }
        return user;
    }
}
