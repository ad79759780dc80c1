package productstore.catalog;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import productstore.platform.Cursor;
import productstore.platform.Money;
import productstore.platform.Page;
import productstore.platform.Paging;
import productstore.platform.SortOrder;
import productstore.platform.Validation;

/** The list of products: filters, search and orders, each made so that an index answers it. */
@Repository
class ProductList {
    private static final SortOrder NEWEST = new SortOrder("newest", "p.created_at", "timestamptz", true);
    static final SortOrder RELEVANCE =
            new SortOrder("relevance", "ts_rank(p.search, CAST(:query AS tsquery))", "real", true);
    static final List<SortOrder> ORDERS = List.of(
            new SortOrder("price_asc", "p.price", "numeric", false),
            new SortOrder("price_desc", "p.price", "numeric", true),
            new SortOrder("name_asc", "p.name", "text", false),
            new SortOrder("name_desc", "p.name", "text", true),
            NEWEST);

    private final JdbcClient db;
    private final ProductRepository products;
    private final CatalogCounts counts;

    ProductList(JdbcClient db, ProductRepository products, CatalogCounts counts) {
        this.db = db;
        this.products = products;
        this.counts = counts;
    }

    /**
     * What a client wants to see.
     *
     * @param category name, slug or id
     * @param typed the words to search for
     * @param inStock whether to show only what can, or only what can't be had now
     * @param sort null for the newest first, or by relevance where there are words
     */
    record Filter(
            @Nullable String category,
            @Nullable String typed,
            @Nullable BigDecimal minPrice,
            @Nullable BigDecimal maxPrice,
            @Nullable Boolean inStock,
            @Nullable SortOrder sort) {

        /** The same products in no order. */
        Filter counted() {
            return new Filter(category, typed, minPrice, maxPrice, inStock, null);
        }

        /** Reads a query; faults are noted in {@code validation}. */
        static Filter of(Validation validation, Map<String, String> query) {
            var inStock = query.get("in_stock");
            return new Filter(
                    validation.optionalLine("category", query.get("category"), 200),
                    validation.optionalLine("q", query.get("q"), 200),
                    Money.amount(validation, "min_price", query.get("min_price")),
                    Money.amount(validation, "max_price", query.get("max_price")),
                    inStock == null ? null : Paging.flag(validation, "in_stock", inStock, true),
                    SortOrder.named(validation, query.get("sort"), ORDERS));
        }
    }

    Page<Product> page(Filter filter, Paging paging) {
        var sort = filter.sort() != null ? filter.sort() : filter.typed() != null ? RELEVANCE : NEWEST;
        var parameters = new HashMap<>(paging.parameters());
        parameters.put("category", filter.category());
        parameters.put("min_price", filter.minPrice());
        parameters.put("max_price", filter.maxPrice());
        parameters.put("in_stock", filter.inStock());
        if (filter.typed() != null) {
            parameters.put("query", products.searchQuery(filter.typed()).orElse(null));
        }
        var rows = db.sql(pageSql(filter, sort, paging))
                .params(parameters)
                .query((row, n) -> new Paging.Placed<>(
                        ProductRepository.product(row, n),
                        new Cursor.Row(row.getString("place"), row.getObject("id", UUID.class))))
                .list();
        return paging.page(
                sort,
                rows,
                items -> items,
                () -> counts.total(
                        filter,
                        () -> db.sql(totalSql(filter))
                                .params(parameters)
                                .query(Long.class)
                                .single()));
    }

    static String pageSql(Filter filter, SortOrder sort, Paging paging) {
        return """
                /* product.page */
                WITH page (id, sort_key) AS (
                %s)
                SELECT CAST(page.sort_key AS text) AS place, %s
                FROM page
                JOIN product p ON p.id = page.id
                JOIN category c ON c.id = p.category_id
                JOIN stock s ON s.product_id = p.id
                %s
                """.formatted(
                        keys(filter, sort, paging),
                        ProductRepository.COLUMNS,
                        sort.orderBy("page.sort_key", "page.id", paging.backward()));
    }

    private static String keys(Filter filter, SortOrder sort, Paging paging) {
        if (sort.equals(RELEVANCE)) {
            return """
                    SELECT m.id, m.sort_key
                    FROM (SELECT p.id, %s AS sort_key FROM product p WHERE %s
                          -- Ranking reads every match: beyond these a common word would cost seconds in a large shop.
                          LIMIT 10000) AS m
                    WHERE %s
                    %s LIMIT :rows OFFSET :skip
                    """.formatted(
                            sort.key(),
                            conditions(filter),
                            paging.beyond(sort, "m.sort_key", "m.id"),
                            sort.orderBy("m.sort_key", "m.id", paging.backward()));
        }
        var beyond = paging.beyond(sort, sort.key(), "p.id");
        var orderBy = sort.orderBy(sort.key(), "p.id", paging.backward());
        if (filter.category() != null && filter.typed() == null) {
            // The first rows of each sub-category by its own index, then the first of all: one index can't give the
            // order
            // over several categories. The tree is a SELECT's column, not a table: as that it is inlined, its size
            // guessed thirty times too large, and the list planned anew each time, which takes longer than reading it.
            return """
                    SELECT k.id, k.sort_key
                    FROM (SELECT category_tree(:category)) AS tree (id)
                    CROSS JOIN LATERAL (
                        SELECT p.id, %s FROM product p WHERE p.category_id = tree.id AND %s AND %s
                        %s LIMIT :reach) AS k (id, sort_key)
                    %s LIMIT :rows OFFSET :skip
                    """.formatted(
                            sort.key(),
                            filters(filter),
                            beyond,
                            orderBy,
                            sort.orderBy("k.sort_key", "k.id", paging.backward()));
        }
        return "SELECT p.id, %s FROM product p WHERE %s AND %s %s LIMIT :rows OFFSET :skip"
                .formatted(sort.key(), conditions(filter), beyond, orderBy);
    }

    static String totalSql(Filter filter) {
        return "/* product.total */ SELECT count(*) FROM product p WHERE " + conditions(filter);
    }

    private static String conditions(Filter filter) {
        return filters(filter)
                + (filter.typed() == null ? "" : " AND p.search @@ CAST(:query AS tsquery)")
                + (filter.category() == null ? "" : " AND p.category_id IN (SELECT category_tree(:category))");
    }

    private static String filters(Filter filter) {
        return "p.archived_at IS NULL"
                + (filter.minPrice() == null ? "" : " AND p.price >= :min_price")
                + (filter.maxPrice() == null ? "" : " AND p.price <= :max_price")
                + (filter.inStock() == null ? "" : " AND p.in_stock = :in_stock");
    }
}
