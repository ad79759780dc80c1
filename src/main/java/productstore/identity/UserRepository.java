package productstore.identity;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.Cursor;
import productstore.platform.Paging;
import productstore.platform.SortOrder;

/** The SQL of table app_user. */
@Repository
class UserRepository {
    // Any number, the same in every store: whoever changes a user's rights holds this advisory lock.
    private static final long RIGHTS_LOCK = 0x73746f72_75736572L;

    static final SortOrder NEWEST = new SortOrder("newest", "created_at", "timestamptz", true);

    private final JdbcClient db;

    UserRepository(JdbcClient db) {
        this.db = db;
    }

    /** A user with what a sign-in is checked against. */
    record Account(User user, String passwordHash) {}

    /** False, and nothing written, if the e-mail is taken. */
    boolean insert(UUID id, String email, String name, Role role, String passwordHash) {
        return db.sql("""
                /* user.insert */
                INSERT INTO app_user (id, email, name, role, password_hash, created_at)
                VALUES (:id, :email, :name, :role, :passwordHash, now())
                ON CONFLICT (email) DO NOTHING
                """)
                        .param("id", id)
                        .param("email", email)
                        .param("name", name)
                        .param("role", role.code())
                        .param("passwordHash", passwordHash)
                        .update()
                == 1;
    }

    Optional<User> find(UUID id) {
        return db.sql("/* user.find */ SELECT id, email, name, role, active, created_at FROM app_user WHERE id = :id")
                .param("id", id)
                .query((row, _) -> user(row))
                .optional();
    }

    /** As {@link #find}, and no one else changes the user until this transaction ends. */
    Optional<User> lock(UUID id) {
        return db.sql("""
                /* user.lock */
                SELECT id, email, name, role, active, created_at FROM app_user WHERE id = :id FOR UPDATE
                """).param("id", id).query((row, _) -> user(row)).optional();
    }

    /** A page of all users, newest first. */
    List<Paging.Placed<User>> list(Paging paging) {
        return db.sql("""
                /* user.list */
                SELECT id, email, name, role, active, created_at, created_at::text AS key
                FROM app_user
                WHERE %s
                %s
                LIMIT :rows OFFSET :skip
                """.formatted(
                                paging.beyond(NEWEST, "created_at", "id"),
                                NEWEST.orderBy("created_at", "id", paging.backward())))
                .params(paging.parameters())
                .query((row, _) -> {
                    var user = user(row);
                    return new Paging.Placed<>(user, new Cursor.Row(row.getString("key"), user.id()));
                })
                .list();
    }

    long count() {
        return db.sql("/* user.count */ SELECT count(*) FROM app_user")
                .query(Long.class)
                .single();
    }

    Optional<Account> findAccount(String email) {
        return db.sql("""
                /* user.find_account */
                SELECT id, email, name, role, active, created_at, password_hash
                FROM app_user WHERE email = :email
                """)
                .param("email", email)
                .query((row, _) -> new Account(user(row), row.getString("password_hash")))
                .optional();
    }

    /** What these users may do now; who is unknown or inactive is missing. */
    List<CurrentUser> findActive(Collection<UUID> ids) {
        return db.sql("""
                        /* user.find_active */
                        SELECT id, role, name, email FROM app_user WHERE id = ANY (CAST(:ids AS uuid[])) AND active
                        """)
                .param("ids", ids.stream().map(UUID::toString).toArray(String[]::new))
                .query((row, _) -> new CurrentUser(
                        row.getObject("id", UUID.class), role(row), row.getString("name"), row.getString("email")))
                .list();
    }

    /** Makes changes of rights come one at a time, over all stores, until this transaction ends. */
    void lockRights() {
        db.sql("/* user.lock_rights */ SELECT pg_advisory_xact_lock(:lock)")
                .param("lock", RIGHTS_LOCK)
                .query((_, _) -> true)
                .single();
    }

    boolean otherActiveAdministrator(UUID id) {
        return db.sql("""
                /* user.other_administrator */
                SELECT EXISTS (SELECT FROM app_user WHERE role = 'admin' AND active AND id <> :id)
                """).param("id", id).query(Boolean.class).single();
    }

    void update(UUID id, Role role, boolean active) {
        db.sql("/* user.update */ UPDATE app_user SET role = :role, active = :active WHERE id = :id")
                .param("id", id)
                .param("role", role.code())
                .param("active", active)
                .update();
    }

    static User user(ResultSet row) throws SQLException {
        return new User(
                row.getObject("id", UUID.class),
                row.getString("email"),
                row.getString("name"),
                role(row),
                row.getBoolean("active"),
                row.getObject("created_at", OffsetDateTime.class).toInstant());
    }

    private static Role role(ResultSet row) throws SQLException {
        return Role.of(row.getString("role")).orElseThrow();
    }
}
