"""
Load test: what the clients see beside what the server does.

The clients' measures come from the load test's own /metrics: locust_users{user_class}, locust_request_duration_seconds (a histogram)
and locust_request_failures_total, both by method and name. When a run began and ended is marked on every board (panels.py).
"""

from panels import AMBER, A_SECOND, BLUE, RED, above, board, column, graph, processor, quantile, query, table, tile, top

CLIENT = "locust_request_duration_seconds"
SERVER = "http_server_requests_seconds"


def client(q, window="$__rate_interval"):
    return quantile(q, f"{CLIENT}_bucket{{@one}}", window) + " > 0"


def server(q, window="$__rate_interval"):
    return quantile(q, f"{SERVER}_bucket{{@api}}", window) + " > 0"


FAILED = "sum(rate(locust_request_failures_total{@one}[%s])) / clamp_min(sum(rate(" + CLIENT + "_count{@one}[%s])), 1e-9)"

BOARD = board(
    "store-loadtest",
    description="A load test while it runs: what the clients see beside what the server does, and what gives way first. Empty without one.",
    watched=("locust", "locust_users"),
    matchers={"api": 'job="store",uri!~"/metrics|/health.*"', "store": 'job="store"'},
    rows=[
        [
            tile("Users", "Made-up people at work now.", "short", "sum(locust_users{@one})", decimals=0, empty="no test"),
            tile(
                "Requests",
                "That the clients sent, a second, the last minute.",
                A_SECOND,
                f"sum(rate({CLIENT}_count{{@one}}[1m]))",
                decimals=1,
                empty="no test",
            ),
            tile(
                "Failed",
                "Share of requests that were not answered as they should be, the last minute.",
                "percentunit",
                FAILED % ("1m", "1m"),
                above(0.001, 0.01),
                decimals=2,
                empty="no test",
            ),
            tile(
                "Client p99",
                "What 99 of 100 requests stay below, as the clients see it, the last minute.",
                "s",
                client(0.99, "1m"),
                above(0.25, 0.5),
                empty="no test",
            ),
            tile(
                "Server p99",
                "The same as the server sees it. Much smaller: the time goes on the way, or the clients are slow themselves.",
                "s",
                server(0.99, "1m"),
                above(0.25, 0.5),
                link="store-api",
            ),
            tile(
                "Machine CPU",
                "Of all processors. A machine that is full gives no answers about the store.",
                "percentunit",
                'max(1 - avg by (instance) (rate(node_cpu_seconds_total{job="node",mode="idle"}[1m])))',
                above(0.8, 0.95),
                decimals=0,
                link="store-system",
            ),
            tile(
                "Pool in use",
                "Connections to the database that are taken, of those that there may be.",
                "percentunit",
                'max(hikaricp_connections_active{@store,pool="store"} / hikaricp_connections_max{@store,pool="store"})',
                above(0.7, 0.9),
                decimals=0,
                link="store-database",
            ),
            tile(
                "Turned away",
                "Share answered 429 or 503, the last minute.",
                "percentunit",
                f'(sum(rate({SERVER}_count{{@api,status=~"429|503"}}[1m])) or 0 * sum(rate({SERVER}_count{{@api}}[1m]))) / clamp_min(sum(rate({SERVER}_count{{@api}}[1m])), 1e-9)',
                above(0.01, 0.05),
                decimals=1,
                link="store-api",
            ),
        ],
        "What the clients see",
        [
            graph(
                "Users",
                "Made-up people at work, by kind.",
                "short",
                query("sum by (user_class) (locust_users{@one})", "{{user_class}}"),
                stack=True,
                decimals=0,
            ),
            graph(
                "Requests a second",
                "Sent by the clients, and seen by the server. They should be one line.",
                A_SECOND,
                query(f"sum(rate({CLIENT}_count{{@one}}[$__rate_interval]))", "clients"),
                query(f"sum(rate({SERVER}_count{{@api}}[$__rate_interval]))", "server"),
                colors={"clients": AMBER, "server": BLUE},
            ),
            graph(
                "p99, clients beside server",
                "What lies between the lines is the network, the queue in front of the server, and the clients themselves.",
                "s",
                query(client(0.99), "clients"),
                query(server(0.99), "server"),
                limit=0.5,
                colors={"clients": AMBER, "server": BLUE},
            ),
        ],
        [
            table(
                "Requests by name",
                "As the clients see them, the last minute.",
                {
                    "A": f"sum by (method, name) (rate({CLIENT}_count{{@one}}[1m])) > 0",
                    "B": f"sum by (method, name) (rate(locust_request_failures_total{{@one}}[1m])) / (sum by (method, name) (rate({CLIENT}_count{{@one}}[1m])) > 0)",
                    "C": quantile(0.5, f"{CLIENT}_bucket{{@one}}", "1m", "le, method, name") + " > 0",
                    "D": quantile(0.99, f"{CLIENT}_bucket{{@one}}", "1m", "le, method, name") + " > 0",
                },
                [
                    column("name", "Name"),
                    column("A", "A second", 100, unit=A_SECOND, decimals=2),
                    column("B", "Failed", 90, unit="percentunit", steps=above(0.001, 0.01), decimals=1),
                    column("C", "p50", 90, unit="s"),
                    column("D", "p99", 90, unit="s", steps=above(0.25, 0.5)),
                ],
                "p99",
                height=11,
            ),
            graph(
                "Slowest, p99",
                "The six slowest names, as the clients see them.",
                "s",
                query(top(6, "method, name", quantile(0.99, f"{CLIENT}_bucket{{@one}}", "~", "le, method, name")), "{{name}}"),
                limit=0.5,
                height=11,
            ),
        ],
        "What gives way first",
        [
            processor("Of all processors of the machine: by the store, and by everything.", "store"),
            graph(
                "Database",
                "Connections taken, and requests in line for one.",
                "short",
                query('sum(hikaricp_connections_active{@store,pool="store"})', "taken"),
                query('sum(hikaricp_connections_max{@store,pool="store"})', "at most"),
                query("sum(store_database_waiting{@store})", "requests in line"),
                dashed=["at most"],
                colors={"requests in line": RED},
            ),
            graph(
                "Failures",
                "A second: as the clients count them, and 5xx of the server.",
                A_SECOND,
                query("sum(rate(locust_request_failures_total{@one}[$__rate_interval]))", "clients"),
                query(
                    f'sum(rate({SERVER}_count{{@api,outcome="SERVER_ERROR"}}[$__rate_interval])) or 0 * sum(rate({SERVER}_count{{@api}}[$__rate_interval]))',
                    "server",
                ),
                colors={"clients": AMBER, "server": RED},
            ),
        ],
    ],
)
