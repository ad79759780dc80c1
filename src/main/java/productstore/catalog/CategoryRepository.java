package productstore.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

@Repository
class CategoryRepository {
    // UNION, not UNION ALL: it ends even if the tree should ever have a ring.
    private static final String COUNTED = """
            /* category.all */
            WITH RECURSIVE
                tree (root, id) AS (
                    SELECT id, id FROM category
                    UNION
                    SELECT tree.root, c.id FROM tree JOIN category c ON c.parent_id = tree.id),
                own (category_id, products) AS (
                    SELECT category_id, count(*) FROM product WHERE archived_at IS NULL GROUP BY category_id)
            SELECT c.id, c.name, c.slug, c.parent_id, coalesce(sum(own.products), 0) AS product_count
            FROM category c
            JOIN tree ON tree.root = c.id
            LEFT JOIN own ON own.category_id = tree.id
            """;

    private final JdbcClient db;

    CategoryRepository(JdbcClient db) {
        this.db = db;
    }

    List<Category> all() {
        return db.sql(COUNTED + "GROUP BY c.id ORDER BY c.name, c.id")
                .query(CategoryRepository::category)
                .list();
    }

    Optional<Category> find(UUID id) {
        return db.sql("""
                        /* category.find */
                        SELECT id, name, slug, parent_id,
                            (SELECT count(*) FROM product
                             WHERE archived_at IS NULL AND category_id IN (SELECT category_tree(CAST(:id AS text)))) AS product_count
                        FROM category
                        WHERE id = :id
                        """).param("id", id).query(CategoryRepository::category).optional();
    }

    /** The id of the category of this name, slug or id. */
    Optional<UUID> resolve(String reference) {
        return db.sql("/* category.resolve */ SELECT category_tree(:reference) LIMIT 1")
                .param("reference", reference)
                .query(UUID.class)
                .optional();
    }

    /** Lets one writer at a time change the tree, for no row lock can see a ring that two writers close. */
    void lockTree() {
        db.sql("/* category.lock_tree */ LOCK TABLE category IN SHARE ROW EXCLUSIVE MODE")
                .update();
    }

    boolean isBelow(UUID category, UUID ancestor) {
        return db.sql("/* category.is_below */ SELECT :category IN (SELECT category_tree(CAST(:ancestor AS text)))")
                .param("category", category)
                .param("ancestor", ancestor)
                .query(Boolean.class)
                .single();
    }

    /** A slug for a new category of this name that no other category has. */
    String unusedSlug(String name) {
        var slug = Slugs.of(name);
        var candidate = slug;
        for (int n = 2; slugExists(candidate); n++) {
            candidate = Slugs.numbered(slug, n);
        }
        return candidate;
    }

    private boolean slugExists(String slug) {
        return db.sql("/* category.slug_exists */ SELECT EXISTS (SELECT FROM category WHERE slug = :slug)")
                .param("slug", slug)
                .query(Boolean.class)
                .single();
    }

    void insert(UUID id, String name, String slug, @Nullable UUID parentId) {
        db.sql("""
                        /* category.insert */
                        INSERT INTO category (id, name, slug, parent_id, created_at)
                        VALUES (:id, :name, :slug, :parent_id, now())
                        """)
                .param("id", id)
                .param("name", name)
                .param("slug", slug)
                .param("parent_id", parentId, Types.OTHER)
                .update();
    }

    void update(UUID id, String name, String slug, @Nullable UUID parentId) {
        db.sql(
                        "/* category.update */ UPDATE category SET name = :name, slug = :slug, parent_id = :parent_id WHERE id = :id")
                .param("id", id)
                .param("name", name)
                .param("slug", slug)
                .param("parent_id", parentId, Types.OTHER)
                .update();
    }

    List<UUID> archivedProducts(UUID id) {
        return db.sql(
                        "/* category.archived_products */ SELECT id FROM product WHERE category_id = :id AND archived_at IS NOT NULL")
                .param("id", id)
                .query((row, n) -> row.getObject("id", UUID.class))
                .list();
    }

    boolean isEmpty(UUID id) {
        return db.sql("""
                        /* category.is_empty */
                        SELECT NOT EXISTS (SELECT FROM category WHERE parent_id = :id)
                           AND NOT EXISTS (SELECT FROM product WHERE category_id = :id AND archived_at IS NULL)
                        """).param("id", id).query(Boolean.class).single();
    }

    void delete(UUID id) {
        db.sql(
                        "/* category.let_go */ UPDATE product SET category_id = NULL WHERE category_id = :id AND archived_at IS NOT NULL")
                .param("id", id)
                .update();
        db.sql("/* category.delete */ DELETE FROM category WHERE id = :id")
                .param("id", id)
                .update();
    }

    private static Category category(ResultSet row, int number) throws SQLException {
        return new Category(
                row.getObject("id", UUID.class),
                row.getString("name"),
                row.getString("slug"),
                row.getObject("parent_id", UUID.class),
                row.getLong("product_count"));
    }
}
