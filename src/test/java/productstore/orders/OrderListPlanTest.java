package productstore.orders;

import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import productstore.Plans;
import productstore.platform.Cursor;
import productstore.platform.Paging;
import productstore.platform.SortOrder;

/** Every list of orders is answered by an index. */
class OrderListPlanTest {
    @Test
    void everyFilterInEveryOrderAtEveryDepth() {
        try (var plans = new Plans()) {
            var someone = plans.db()
                    .sql("SELECT id FROM app_user LIMIT 1")
                    .query(UUID.class)
                    .single();
            for (var sort : OrderList.ORDERS) {
                for (var filter : filters(someone, sort)) {
                    for (var paging : pagings(sort)) {
                        var parameters = parameters(filter, paging);
                        plans.assertFast(OrderList.pageSql(filter, paging), parameters);
                        plans.assertCountedInAnIndex(OrderList.totalSql(filter), parameters);
                    }
                }
            }
        }
    }

    private static List<OrderList.Filter> filters(UUID someone, SortOrder sort) {
        var from = OffsetDateTime.parse("2026-01-20T00:00:00Z");
        var filters = new ArrayList<OrderList.Filter>();
        for (var owner : new @Nullable UUID[] {null, someone}) {
            for (var status : new @Nullable OrderStatus[] {null, OrderStatus.PENDING}) {
                filters.add(new OrderList.Filter(owner, null, status, null, null, sort));
                filters.add(new OrderList.Filter(owner, null, status, from, from.plusDays(1), sort));
            }
        }
        filters.add(new OrderList.Filter(null, someone, null, null, null, sort));
        return filters;
    }

    private static List<Paging> pagings(SortOrder sort) {
        var place =
                new Cursor.Row(sort.type().equals("timestamptz") ? "2026-01-20 12:00:00+00" : "500.0", new UUID(1, 1));
        return List.of(
                new Paging(20, 0, null, true),
                new Paging(100, 500, null, true),
                new Paging(20, 0, new Cursor(sort.name(), false, place), true),
                new Paging(20, 0, new Cursor(sort.name(), true, place), true));
    }

    private static Map<String, Object> parameters(OrderList.Filter filter, Paging paging) {
        var parameters = new HashMap<>(paging.parameters());
        parameters.put("owner", filter.owner());
        parameters.put("customer", filter.customer());
        parameters.put(
                "status", filter.status() == null ? null : filter.status().code());
        parameters.put("created_from", filter.createdFrom());
        parameters.put("created_to", filter.createdTo());
        return parameters;
    }
}
