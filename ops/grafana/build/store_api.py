"""API: how many requests, how many fail, how long they take, by route; then what they wait for."""

from panels import AMBER, A_MINUTE, A_SECOND, BLUE, GREEN, RED, above, board, column, graph, heatmap, quantile, query, store_tile, table, tile, top

COUNT = "http_server_requests_seconds_count"
BUCKET = "http_server_requests_seconds_bucket"


def share(matchers, window):
    """Of all requests those with these matchers; 0 where there are none, nothing where there is no store."""
    everything = f"sum(rate({COUNT}{{@api}}[{window}]))"
    return f"(sum(rate({COUNT}{{@api,{matchers}}}[{window}])) or 0 * {everything}) / clamp_min({everything}, 1e-9)"


def slow(window):
    everything = f"sum(rate({COUNT}{{@api}}[{window}]))"
    return f'1 - sum(rate({BUCKET}{{@api,le="0.5"}}[{window}])) / ({everything} > 0) or 0 * {everything}'


def of_requests(q, window="$__rate_interval", by="le"):
    return quantile(q, f"{BUCKET}{{@api}}", window, by)


BY_ROUTE = f"sum by (method, uri) (rate({COUNT}{{@api}}[~]))"

BOARD = board(
    "store-api",
    description="What customers get: how much, how often it fails, how long it takes, by route; below, what requests wait for.",
    watched=("store", "store_build_info"),
    matchers={"api": 'job="$job",instance=~"$instance",uri!~"/metrics|/health.*"'},
    rows=[
        [
            store_tile(),
            tile("Requests", "A second, the last 5 minutes.", A_SECOND, f"sum(rate({COUNT}{{@api}}[5m]))", decimals=1),
            tile(
                "Failed",
                "Share that the store failed (5xx), the last 5 minutes. The objective is 0.1 %.",
                "percentunit",
                share('outcome="SERVER_ERROR"', "5m"),
                above(0.001, 0.01),
                decimals=2,
            ),
            tile(
                "Slow",
                "Share that took over half a second, the last 5 minutes. The objective is 1 %.",
                "percentunit",
                slow("5m"),
                above(0.005, 0.01),
                decimals=2,
            ),
            tile(
                "p99",
                "What 99 of 100 requests stay below, the last 5 minutes. Above 0.5 s it rings.",
                "s",
                f"{of_requests(0.99, '5m')} >= 0 or 0 * sum(rate({COUNT}{{@api}}[5m]))",
                above(0.25, 0.5),
            ),
            tile(
                "Turned away",
                "Share answered 429 or 503: the rate limit, or the store has too much to do.",
                "percentunit",
                share('status=~"429|503"', "5m"),
                above(0.01, 0.05),
                decimals=1,
            ),
            tile(
                "Wait for database",
                "Requests in line for a connection, at most in the last minute.",
                "short",
                "sum(max_over_time(store_database_waiting{@one}[1m]))",
                above(1, 50),
                link="store-database",
                decimals=0,
            ),
            tile(
                "Pool in use",
                "Connections to the database that are taken, of those that there may be, at most in the last minute.",
                "percentunit",
                'max(max_over_time(hikaricp_connections_active{@one,pool="store"}[1m]) / hikaricp_connections_max{@one,pool="store"})',
                above(0.7, 0.9),
                link="store-database",
                decimals=0,
            ),
        ],
        "Rate, errors, duration",
        [
            graph(
                "Requests by answer",
                "A second. 4xx are refusals that are the client's affair, 5xx are the store's.",
                A_SECOND,
                query(f"sum by (outcome) (rate({COUNT}{{@api}}[$__rate_interval]))", "{{outcome}}"),
                stack=True,
                colors={"SUCCESS": GREEN, "REDIRECTION": BLUE, "CLIENT_ERROR": AMBER, "SERVER_ERROR": RED},
            ),
            graph(
                "Failures by route",
                "Requests that the store failed (5xx), a second.",
                A_SECOND,
                query(
                    f'label_join(sum by (method, uri, status) (rate({COUNT}{{@api,outcome="SERVER_ERROR"}}[$__rate_interval])) > 0, "what", " ", "status", "method", "uri") or label_replace(0 * sum(rate({COUNT}{{@api}}[$__rate_interval])), "what", "all others", "", "")',
                    "{{what}}",
                ),
            ),
            graph(
                "Time to answer",
                "The line is the objective: 99 % below half a second. A dot is a request whose trace is kept.",
                "s",
                query(f"{of_requests(0.99)} > 0", "p99", exemplars=True),
                query(f"{of_requests(0.95)} > 0", "p95"),
                query(f"{of_requests(0.5)} > 0", "p50"),
                limit=0.5,
                colors={"p99": RED, "p95": AMBER, "p50": BLUE},
            ),
        ],
        [
            table(
                "Routes, slowest first",
                "The last 5 minutes. UNKNOWN is what was refused before a route was found (401, 403, 429), NOT_FOUND are unknown paths.",
                {
                    "A": f"sum by (method, uri) (rate({COUNT}{{@api}}[5m])) > 0",
                    "B": f'(sum by (method, uri) (rate({COUNT}{{@api,outcome="SERVER_ERROR"}}[5m])) or 0 * sum by (method, uri) (rate({COUNT}{{@api}}[5m]))) / (sum by (method, uri) (rate({COUNT}{{@api}}[5m])) > 0)',
                    "C": f"{of_requests(0.5, '5m', 'le, method, uri')} >= 0",
                    "D": f"{of_requests(0.99, '5m', 'le, method, uri')} >= 0",
                },
                [
                    column("method", "Method", 90),
                    column("uri", "Route"),
                    column("A", "A second", 100, unit=A_SECOND, decimals=2),
                    column("B", "Failed", 90, unit="percentunit", steps=above(0.001, 0.01), decimals=1),
                    column("C", "p50", 90, unit="s"),
                    column("D", "p99", 90, unit="s", steps=above(0.25, 0.5)),
                ],
                "p99",
                height=12,
            ),
            heatmap(
                "How long requests take",
                "Brighter is more. Two bands are two kinds of request; a band that rises is trouble on its way.",
                f"sum by (le) (increase({BUCKET}{{@api}}[$__rate_interval]))",
                height=12,
            ),
        ],
        [
            graph(
                "Busiest routes",
                "The eight with most requests, a second.",
                A_SECOND,
                query(top(8, "method, uri", BY_ROUTE), "{{method}} {{uri}}"),
                height=9,
            ),
            graph(
                "Slowest routes, p99",
                "The six slowest of all that is shown here.",
                "s",
                query(top(6, "method, uri", of_requests(0.99, "~", "le, method, uri")), "{{method}} {{uri}}"),
                limit=0.5,
                height=9,
            ),
            graph(
                "Refused, by why",
                "A second. 400 malformed, 401 no or wrong sign-in, 403 not allowed, 404 not there, 409 conflict (too little stock), 412 changed meanwhile, 422 key used twice, 429 too many.",
                A_SECOND,
                query(f'sum by (status) (rate({COUNT}{{@api,status=~"4.."}}[$__rate_interval]))', "{{status}}"),
                height=9,
            ),
        ],
        [
            graph(
                "Budgets burn",
                "How many times faster than the objectives allow, over an hour. 1 uses up exactly the budget of 30 days; above the line it rings.",
                "short",
                query(
                    "avg_over_time(store:api_errors:rate5m[1h]) / clamp_min(avg_over_time(store:api_requests:rate5m[1h]), 1e-9) / 0.001", "failures"
                ),
                query("avg_over_time(store:api_slow:rate5m[1h]) / clamp_min(avg_over_time(store:api_requests:rate5m[1h]), 1e-9) / 0.01", "slowness"),
                limit=14.4,
                colors={"failures": RED, "slowness": AMBER},
                decimals=1,
            ),
            graph(
                "Sign-ins",
                "A minute. Many failed ones are somebody guessing; those turned away had failed too often before.",
                A_MINUTE,
                query("sum(rate(store_logins_total{@one}[$__rate_interval])) * 60", "right"),
                query("sum(rate(store_login_failures_total{@one}[$__rate_interval])) * 60", "failed"),
                query("sum(rate(store_logins_throttled_total{@one}[$__rate_interval])) * 60", "turned away"),
                colors={"right": GREEN, "failed": RED, "turned away": AMBER},
            ),
            graph(
                "Slower than half a second",
                "Share of requests. The line is the objective, 1 %.",
                "percentunit",
                query(slow("$__rate_interval"), "slow"),
                limit=0.01,
                colors={"slow": AMBER},
            ),
        ],
        "What requests wait for",
        [
            graph(
                "In flight",
                "Requests that are being answered now.",
                "short",
                query("sum(http_server_requests_active_seconds_count{@one})", "in flight"),
                query("sum by (line) (store_waiting{@one})", "in line: {{line}}"),
            ),
            graph(
                "Connections to the database",
                "Taken now, of those that there may be. One is kept back for health checks.",
                "short",
                query('sum(hikaricp_connections_active{@one,pool="store"})', "taken"),
                query('sum(hikaricp_connections{@one,pool="store"})', "open"),
                query('sum(hikaricp_connections_max{@one,pool="store"})', "at most"),
                dashed=["at most"],
            ),
            graph(
                "Wait for a connection",
                "What 99 of 100 requests waited at the gate, and the longest wait of the last two minutes.",
                "s",
                query(quantile(0.99, "store_database_wait_seconds_bucket{@one}") + " >= 0", "p99"),
                query("max(store_database_wait_seconds_max{@one})", "longest"),
            ),
        ],
        [
            graph(
                "Cache hits",
                "Share of look-ups that found something. Answers are kept for less than a second: few visitors, few hits.",
                "percentunit",
                query(
                    'sum by (cache) (rate(cache_gets_total{@one,result="hit"}[$__rate_interval])) / (sum by (cache) (rate(cache_gets_total{@one}[$__rate_interval])) > 0)',
                    "{{cache}}",
                ),
                maximum=1,
            ),
            graph(
                "Redis",
                "Calls to the shared cache that failed, a second; each is followed by a second without it. Without it, and without one at all, each store keeps its own answers.",
                A_SECOND,
                query("sum(rate(store_redis_failures_total{@one}[$__rate_interval]))", "failed calls"),
                colors={"failed calls": RED},
            ),
            graph(
                "Turned away at the database",
                "Requests answered 503 because too many waited or they for too long, a second. Should be nothing.",
                A_SECOND,
                query("sum(rate(store_database_refused_total{@one}[$__rate_interval]))", "turned away"),
                colors={"turned away": RED},
            ),
        ],
    ],
)
