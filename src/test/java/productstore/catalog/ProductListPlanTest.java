package productstore.catalog;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import productstore.Plans;
import productstore.platform.Cursor;
import productstore.platform.Paging;
import productstore.platform.SortOrder;

/** Every list of products is answered by an index. */
class ProductListPlanTest {
    private static @Nullable Plans plans;

    @BeforeAll
    static void fill() {
        plans = new Plans();
    }

    @AfterAll
    static void drop() {
        plans().close();
    }

    private static Plans plans() {
        if (plans == null) {
            throw new IllegalStateException("no database");
        }
        return plans;
    }

    @Test
    void everyFilterInEveryOrderAtEveryDepth() {
        for (var filter : filters()) {
            for (var sort : sorts(filter)) {
                for (var paging : pagings(sort)) {
                    plans().assertFast(ProductList.pageSql(filter, sort, paging), parameters(filter, paging));
                }
            }
        }
    }

    @Test
    void totalsAreCountedInAnIndex() {
        for (var filter : filters()) {
            plans().assertCountedInAnIndex(
                            ProductList.totalSql(filter), parameters(filter, new Paging(20, 0, null, true)));
        }
    }

    private static List<ProductList.Filter> filters() {
        var filters = new ArrayList<ProductList.Filter>();
        for (var category : new @Nullable String[] {null, "shelf-0", "top-3", "shelf-39"}) {
            for (var typed : new @Nullable String[] {null, "молоко", "сорт77"}) {
                for (var inStock : new @Nullable Boolean[] {null, true}) {
                    filters.add(new ProductList.Filter(category, typed, null, null, inStock, null));
                    filters.add(new ProductList.Filter(
                            category, typed, new BigDecimal("100"), new BigDecimal("900"), inStock, null));
                }
            }
        }
        return filters;
    }

    private static List<SortOrder> sorts(ProductList.Filter filter) {
        var sorts = new ArrayList<>(ProductList.ORDERS);
        if (filter.typed() != null) {
            sorts.add(ProductList.RELEVANCE);
        }
        return sorts;
    }

    private static List<Paging> pagings(SortOrder sort) {
        var key = switch (sort.type()) {
            case "timestamptz" -> "2026-01-20 12:00:00+00";
            case "text" -> "Молоко 7";
            default -> "0.5";
        };
        var place = new Cursor.Row(key, new UUID(1, 1));
        return List.of(
                new Paging(20, 0, null, true),
                new Paging(100, 500, null, true),
                new Paging(20, 0, new Cursor(sort.name(), false, place), true),
                new Paging(20, 0, new Cursor(sort.name(), true, place), true));
    }

    private static Map<String, Object> parameters(ProductList.Filter filter, Paging paging) {
        var parameters = new HashMap<>(paging.parameters());
        parameters.put("category", filter.category());
        parameters.put("min_price", filter.minPrice());
        parameters.put("max_price", filter.maxPrice());
        parameters.put("in_stock", filter.inStock());
        parameters.put("query", "молоко".equals(filter.typed()) ? "'молок'" : "'сорт77'");
        return parameters;
    }
}
