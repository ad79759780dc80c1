"""Shop: does it sell, as usual, and does the stock add up?"""

from panels import AMBER, A_MINUTE, BLUE, GREEN, RED, above, below, board, graph, quantile, query, store_tile, tile

ORDERS = 'store_orders_total{@one,status="pending"}'

BOARD = board(
    "store-shop",
    description="Does it sell, as much as usual, and does the stock add up?",
    watched=("store", "store_build_info"),
    rows=[
        [
            store_tile(),
            tile("Orders", "Placed a minute, the last 15 minutes.", A_MINUTE, f"sum(rate({ORDERS}[15m])) * 60", below(0.000001, 0.01), decimals=1),
            tile(
                "vs last week",
                "The last hour, as a share of the same hour a week ago.",
                "percentunit",
                f"sum(increase({ORDERS}[1h])) / (sum(increase({ORDERS}[1h] offset 1w)) > 0)",
                below(0.3, 0.7),
                decimals=0,
                empty="no last week",
            ),
            tile(
                "Sold in an hour",
                "What the orders placed in the last hour were worth, cancelled ones included.",
                "currencyRUB",
                'sum(increase(store_order_value_total{@one,currency="RUB"}[1h]))',
                decimals=0,
            ),
            tile(
                "Cancelled",
                "As a share of the orders placed, the last hour.",
                "percentunit",
                f'sum(increase(store_orders_total{{@one,status="cancelled"}}[1h])) / clamp_min(sum(increase({ORDERS}[1h])), 1)',
                above(0.3, 0.5),
                decimals=0,
            ),
            tile(
                "Negative stock",
                "Products with less than nothing. Must never be.",
                "short",
                "max(store_stock_negative_products{@one})",
                above(None, 1),
                decimals=0,
            ),
            tile(
                "Ledger drift",
                "Products whose stock is not what was delivered less what was ordered. Must never be.",
                "short",
                "max(store_stock_ledger_drift_products{@one})",
                above(None, 1),
                decimals=0,
            ),
            tile("Low stock", "Products for sale with fewer than 10 pieces.", "short", "max(store_stock_low_products{@one})", decimals=0),
        ],
        "Orders",
        [
            graph(
                "Orders a minute",
                "Beside the same time a week ago.",
                A_MINUTE,
                query(f"sum(rate({ORDERS}[$__rate_interval])) * 60", "now"),
                query(f"sum(rate({ORDERS}[$__rate_interval] offset 1w)) * 60", "a week ago"),
                colors={"now": GREEN, "a week ago": "text"},
                dashed=["a week ago"],
                width=12,
                height=9,
            ),
            graph(
                "Sold a minute",
                "What the orders placed were worth, by currency.",
                "short",
                query("sum by (currency) (rate(store_order_value_total{@one}[$__rate_interval])) * 60", "{{currency}}"),
                width=12,
                height=9,
            ),
        ],
        [
            graph(
                "Orders on their way",
                "That came to this status, a minute. The lines should follow one another.",
                A_MINUTE,
                query('sum by (status) (rate(store_orders_total{@one,status!~"cancelled|returned"}[$__rate_interval])) * 60', "{{status}}"),
                colors={"pending": AMBER, "confirmed": "yellow", "shipped": BLUE, "delivered": GREEN},
            ),
            graph(
                "Orders that came back",
                "Cancelled and returned, a minute.",
                A_MINUTE,
                query('sum by (status) (rate(store_orders_total{@one,status=~"cancelled|returned"}[$__rate_interval])) * 60', "{{status}}"),
                colors={"cancelled": RED, "returned": AMBER},
            ),
            graph(
                "Attempts to order, by answer",
                "A minute. 201 placed (or the first answer again), 409 too little stock or not for sale, 429 and 503 turned away.",
                A_MINUTE,
                query(
                    'sum by (status) (rate(http_server_requests_seconds_count{@one,method="POST",uri="/api/orders"}[$__rate_interval])) * 60',
                    "{{status}}",
                ),
                colors={"201": GREEN, "409": AMBER, "503": RED},
                stack=True,
            ),
        ],
        [
            graph(
                "Time to place an order",
                "The line is the objective, half a second.",
                "s",
                query(
                    quantile(0.99, 'http_server_requests_seconds_bucket{@one,method="POST",uri="/api/orders"}') + " > 0",
                    "p99",
                    exemplars=True,
                ),
                query(
                    quantile(0.5, 'http_server_requests_seconds_bucket{@one,method="POST",uri="/api/orders"}') + " > 0",
                    "p50",
                ),
                limit=0.5,
                colors={"p99": AMBER, "p50": BLUE},
            ),
            graph(
                "Came again",
                "Orders sent twice with one key and placed once, a minute.",
                A_MINUTE,
                query("sum(rate(store_idempotent_replays_total{@one}[$__rate_interval])) * 60", "replays"),
            ),
            graph(
                "Visitors",
                "Pages of products and lists looked at, a minute; with none of these there are no orders.",
                A_MINUTE,
                query(
                    'sum by (uri) (rate(http_server_requests_seconds_count{@one,method="GET",uri=~"/api/products.*|/api/categories.*"}[$__rate_interval])) * 60',
                    "{{uri}}",
                ),
            ),
        ],
        "Stock",
        [
            graph(
                "Low stock",
                "Products for sale with fewer than 10 pieces.",
                "short",
                query("max(store_stock_low_products{@one})", "products"),
                decimals=0,
            ),
            graph(
                "Faults of the stock",
                "Products with less than nothing, and those that differ from the ledger. GET /api/inventory/audit names them.",
                "short",
                query("max(store_stock_negative_products{@one})", "negative"),
                query("max(store_stock_ledger_drift_products{@one})", "not as in the ledger"),
                colors={"negative": RED, "not as in the ledger": AMBER},
                decimals=0,
            ),
            graph(
                "Age of the audit",
                "Since the last time that all stock was compared. Usually every ten minutes; above the line it rings.",
                "s",
                query("max(store_stock_audit_age_seconds{@one})", "age"),
                limit=3 * 3600,
            ),
        ],
    ],
)
