package productstore.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.Money;
import productstore.platform.RoundTrip;

@Repository
class ProductRepository {
    static final String COLUMNS = """
            p.id, p.sku, p.name, p.description, p.price, p.currency, p.image_url, p.created_at,
            greatest(p.updated_at, s.updated_at) AS updated_at, s.quantity,
            c.id AS category_id, c.name AS category_name, c.slug AS category_slug
            """;

    private final JdbcClient db;

    ProductRepository(JdbcClient db) {
        this.db = db;
    }

    /** A product that is not archived. */
    Optional<Product> find(UUID id) {
        return find(List.of(id)).stream().findFirst();
    }

    /** Those of these products that are not archived. */
    List<Product> find(Collection<UUID> ids) {
        return db.sql("/* product.find */ SELECT " + COLUMNS + """
                        FROM product p
                        JOIN category c ON c.id = p.category_id
                        JOIN stock s ON s.product_id = p.id
                        WHERE p.id = ANY (CAST(:ids AS uuid[])) AND p.archived_at IS NULL
                        """)
                .param("ids", ids.stream().map(UUID::toString).toArray(String[]::new))
                .query(ProductRepository::product)
                .list();
    }

    Supplier<List<Offer>> offers(Collection<UUID> products, RoundTrip trip) {
        return trip.sql("""
                        /* product.offers */
                        SELECT id, sku, name, price, currency
                        FROM product
                        WHERE id = ANY (CAST(:products AS uuid[])) AND archived_at IS NULL
                        """)
                .param("products", products.stream().map(UUID::toString).toArray(String[]::new))
                .query((row, n) -> new Offer(
                        row.getObject("id", UUID.class), row.getString("sku"), row.getString("name"), price(row)));
    }

    void insert(UUID id, Product.Draft product, UUID categoryId) {
        write("""
                /* product.insert */
                INSERT INTO product (id, sku, name, description, category_id, price, currency, image_url, created_at, updated_at)
                VALUES (:id, :sku, :name, :description, :category_id, :price, :currency, :image_url, now(), now())
                """, id, product, categoryId);
    }

    /** Writes only what differs, so that the same PUT again leaves the product as it is, updated_at included. */
    void update(UUID id, Product.Draft product, UUID categoryId) {
        write("""
                /* product.update */
                UPDATE product SET sku = :sku, name = :name, description = :description, category_id = :category_id,
                    price = :price, currency = :currency, image_url = :image_url, updated_at = statement_timestamp()
                WHERE id = :id
                  AND (sku, name, description, category_id, price, currency, image_url)
                      IS DISTINCT FROM (:sku, :name, :description, :category_id, :price, :currency, :image_url)
                """, id, product, categoryId);
    }

    void archive(UUID id) {
        db.sql(
                        "/* product.archive */ UPDATE product SET archived_at = statement_timestamp(), updated_at = statement_timestamp() WHERE id = :id")
                .param("id", id)
                .update();
    }

    /** The query that finds what a person typed, typing errors mended; null if it has no word to search for. */
    Optional<String> searchQuery(String typed) {
        return db.sql("/* product.search_query */ SELECT CAST(search_query(:typed) AS text)")
                .param("typed", typed)
                .query(String.class)
                .optional();
    }

    private void write(String sql, UUID id, Product.Draft product, UUID categoryId) {
        db.sql(sql)
                .param("id", id)
                .param("sku", product.sku())
                .param("name", product.name())
                .param("description", product.description())
                .param("category_id", categoryId)
                .param("price", product.price().amount())
                .param("currency", product.price().currency())
                .param("image_url", product.imageUrl())
                .update();
        db.sql("/* product.learn_words */ CALL learn_search_words(ARRAY[:name, CAST(:description AS text)])")
                .param("name", product.name())
                .param("description", product.description())
                .update();
    }

    static Product product(ResultSet row, int number) throws SQLException {
        return new Product(
                row.getObject("id", UUID.class),
                row.getString("sku"),
                row.getString("name"),
                row.getString("description"),
                new Product.CategoryName(
                        row.getObject("category_id", UUID.class),
                        row.getString("category_name"),
                        row.getString("category_slug")),
                price(row),
                row.getLong("quantity"),
                row.getString("image_url"),
                row.getObject("created_at", OffsetDateTime.class).toInstant(),
                row.getObject("updated_at", OffsetDateTime.class).toInstant());
    }

    private static Money price(ResultSet row) throws SQLException {
        return new Money(row.getBigDecimal("price"), row.getString("currency"));
    }
}
