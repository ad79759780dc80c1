"""Database: what PostgreSQL is asked, how long it takes, as the store sees it and as the server does; then what is scarce."""

from panels import AMBER, A_SECOND, BLUE, GREEN, RED, UP, above, below, board, column, graph, quantile, query, table, tile, top

TIME = "db_client_operation_duration_seconds"
STATEMENTS = f"sum by (operation) (rate({TIME}_count{{@store}}[~]))"
SECONDS = f"sum by (operation) (rate({TIME}_sum{{@store}}[~]))"
TRANSACTIONS = "sum(rate(pg_stat_database_xact_commit{@db}[5m])) + sum(rate(pg_stat_database_xact_rollback{@db}[5m]))"


def of_statements(q, window="$__rate_interval"):
    return quantile(q, f"{TIME}_bucket{{@store}}", window)


BOARD = board(
    "store-database",
    description="What PostgreSQL is asked and how long it takes, as the store sees it and as the server does; below, what is scarce.",
    watched=("postgres", "pg_up"),
    matchers={
        "db": 'job="$job",instance=~"$instance",datname!~"template[01]|postgres|"',
        # The store's own measures: its instances are others than the exporter's.
        "store": 'job="store"',
    },
    rows=[
        [
            tile("PostgreSQL", "Whether it answers its exporter.", "short", "min(pg_up{@one})", names=UP),
            tile(
                "Transactions",
                "Committed and rolled back, a second, the last 5 minutes. Above 100 it rings.",
                A_SECOND,
                TRANSACTIONS,
                above(75, 100),
                decimals=1,
            ),
            tile(
                "Failed statements",
                "SQL of the store that failed or was cut short, in 5 minutes.",
                "short",
                "sum(increase(db_client_operation_errors_total{@store}[5m]))",
                above(1, 20),
                decimals=0,
            ),
            tile(
                "Statement p99",
                "What 99 of 100 SQL statements of the store stay below, the last 5 minutes. Waiting for locks is in it.",
                "s",
                f"{of_statements(0.99, '5m')} >= 0",
                above(0.1, 0.5),
            ),
            tile(
                "Waiting requests",
                "Requests of the store in line for a connection, at most in the last minute.",
                "short",
                "sum(max_over_time(store_database_waiting{@store}[1m]))",
                above(1, 50),
                decimals=0,
            ),
            tile(
                "Connections",
                "Taken, of those that PostgreSQL allows.",
                "percentunit",
                "max(sum by (instance) (pg_stat_activity_count{@one}) / on (instance) pg_settings_max_connections{@one})",
                above(0.6, 0.8),
                decimals=0,
            ),
            tile(
                "Longest open",
                "The oldest open transaction of the last minute. The store itself keeps none for over 40 s; above 2 min it rings.",
                "s",
                "max(max_over_time(pg_transaction_longest_seconds{@db}[1m]))",
                above(45, 120),
            ),
            tile(
                "Wait for a lock",
                "Sessions that wait for another one's lock, at most in the last minute.",
                "short",
                "sum(max_over_time(pg_lock_waiting{@one}[1m]))",
                above(1, 10),
                decimals=0,
            ),
        ],
        "What it is asked, and how long it takes: as the store sees it",
        [
            graph(
                "Transactions",
                "A second. Above the line DatabaseRpsAbove100 rings.",
                A_SECOND,
                query("sum(rate(pg_stat_database_xact_commit{@db}[$__rate_interval]))", "committed"),
                query("sum(rate(pg_stat_database_xact_rollback{@db}[$__rate_interval]))", "rolled back"),
                limit=100,
                colors={"committed": GREEN, "rolled back": AMBER},
            ),
            graph(
                "Failed SQL",
                "Statements that failed or were cut short by a limit, a second, by name.",
                A_SECOND,
                query(
                    'sum by (operation) (rate(db_client_operation_errors_total{@store}[$__rate_interval])) > 0 or label_replace(0 * sum(rate(db_client_operation_errors_total{@store}[$__rate_interval])), "operation", "all others", "", "")',
                    "{{operation}}",
                ),
            ),
            graph(
                "Time of a statement",
                "From sending it to its answer: the network and waiting for locks are in it.",
                "s",
                query(f"{of_statements(0.99)} > 0", "p99", exemplars=True),
                query(f"{of_statements(0.95)} > 0", "p95"),
                query(f"{of_statements(0.5)} > 0", "p50"),
                limit=0.5,
                colors={"p99": RED, "p95": AMBER, "p50": BLUE},
            ),
        ],
        [
            graph(
                "Most asked",
                "The eight most frequent statements, a second, by name.",
                A_SECOND,
                query(top(8, "operation", STATEMENTS), "{{operation}}"),
                height=10,
                decimals=1,
            ),
            graph(
                "Most time",
                "The eight on which most time goes, in seconds a second: 1 keeps one connection busy all the time.",
                "short",
                query(top(8, "operation", SECONDS), "{{operation}}"),
                stack=True,
                height=10,
                decimals=2,
            ),
            graph(
                "Longest on average",
                "The eight with the longest mean time.",
                "s",
                query(top(8, "operation", f"{SECONDS} / {STATEMENTS}"), "{{operation}}"),
                height=10,
            ),
        ],
        "As the server sees it",
        [
            table(
                "Statements that took most of its time",
                "From pg_stat_statements, all clients, the last 5 minutes. Their names are in the graphs above.",
                {
                    "A": "topk(12, sum by (query) (rate(pg_statement_seconds_total{@one}[5m]))) > 0",
                    "B": "sum by (query) (rate(pg_statement_calls_total{@one}[5m])) and topk(12, sum by (query) (rate(pg_statement_seconds_total{@one}[5m]))) > 0",
                    "C": "sum by (query) (rate(pg_statement_seconds_total{@one}[5m])) / sum by (query) (rate(pg_statement_calls_total{@one}[5m])) and topk(12, sum by (query) (rate(pg_statement_seconds_total{@one}[5m]))) > 0",
                    "D": "sum by (query) (rate(pg_statement_rows_total{@one}[5m])) / sum by (query) (rate(pg_statement_calls_total{@one}[5m])) and topk(12, sum by (query) (rate(pg_statement_seconds_total{@one}[5m]))) > 0",
                },
                [
                    column("query", "Statement"),
                    column("A", "Of a processor", 150, unit="percentunit", decimals=2, gauge=True),
                    column("B", "Calls", 120, unit=A_SECOND, decimals=2),
                    column("C", "Mean time", 110, unit="s", steps=above(0.1, 0.5)),
                    column("D", "Rows a call", 100, unit="short", decimals=1),
                ],
                "Of a processor",
                height=11,
            ),
        ],
        [
            graph(
                "Sessions by what they do",
                "Idle in transaction is the one to mind: it holds locks and does nothing.",
                "short",
                query('sum by (state) (pg_stat_activity_count{@db,state!~"disabled|fastpath.*"})', "{{state}}"),
                stack=True,
                colors={"idle": BLUE, "active": GREEN, "idle in transaction": AMBER, "idle in transaction (aborted)": RED},
            ),
            graph(
                "Locks held, by strength",
                "The six most frequent. exclusive and accessexclusive stop others.",
                "short",
                query("sum by (mode) (pg_locks_count{@db}) and on (mode) topk(6, sum by (mode) (pg_locks_count{@db} @ end()))", "{{mode}}"),
                query("sum(pg_lock_waiting{@one})", "sessions that wait"),
                colors={"sessions that wait": RED},
            ),
            graph(
                "Longest open transaction",
                "By program. Above the line it rings.",
                "s",
                query(
                    'max by (application) (label_replace(pg_transaction_longest_seconds{@db}, "application", "nobody", "application", ""))',
                    "{{application}}",
                ),
                limit=120,
            ),
        ],
        [
            graph(
                "Deadlocks and conflicts",
                "In 5 minutes. The store makes none by itself.",
                "short",
                query("sum(increase(pg_stat_database_deadlocks{@db}[5m]))", "deadlocks"),
                query("sum(increase(pg_stat_database_conflicts{@db}[5m]))", "conflicts with a replica"),
                colors={"deadlocks": RED},
            ),
            graph(
                "Not found in memory",
                "Share of blocks that were not in PostgreSQL's own buffers. Above 1 % for long: too little memory.",
                "percentunit",
                query(
                    "sum(rate(pg_stat_database_blks_read{@db}[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit{@db}[$__rate_interval])) + sum(rate(pg_stat_database_blks_read{@db}[$__rate_interval])) > 0)",
                    "from disk",
                ),
                limit=0.01,
            ),
            graph(
                "Rows",
                "Read by scans and written, a second. Many returned for few fetched: an index is missing.",
                "short",
                query("sum(rate(pg_stat_database_tup_returned{@db}[$__rate_interval]))", "scanned"),
                query("sum(rate(pg_stat_database_tup_fetched{@db}[$__rate_interval]))", "fetched by index"),
                query(
                    "sum(rate(pg_stat_database_tup_inserted{@db}[$__rate_interval])) + sum(rate(pg_stat_database_tup_updated{@db}[$__rate_interval])) + sum(rate(pg_stat_database_tup_deleted{@db}[$__rate_interval]))",
                    "written",
                ),
                log=True,
            ),
        ],
        [
            graph(
                "Dead rows",
                "Versions that vacuum has yet to clear away, in the six tables that have most.",
                "short",
                query("pg_table_dead_rows{@one} and on (table) topk(6, max by (table) (pg_table_dead_rows{@one} @ end()))", "{{table}}"),
            ),
            graph(
                "Largest tables",
                "With indexes, by estimate: as the last vacuum or analyze found them.",
                "bytes",
                query("pg_table_size_bytes{@one} and on (table) topk(6, max by (table) (pg_table_size_bytes{@one} @ end()))", "{{table}}"),
            ),
            graph(
                "Size of the database", "On disk, without the log.", "bytes", query("sum by (datname) (pg_database_size_bytes{@db})", "{{datname}}")
            ),
        ],
        [
            graph(
                "Log since the last checkpoint",
                "What a restart after a crash would have to go through. It falls with each checkpoint.",
                "bytes",
                query("max(pg_checkpoint_wal_bytes{@one})", "log"),
            ),
            graph(
                "Since the last checkpoint",
                "Usually every five minutes, if anything was written.",
                "s",
                query("max(time() - pg_checkpoint_time_seconds{@one})", "ago"),
            ),
            graph(
                "Replica behind",
                "0 on a primary, and on a replica that has all. Above the line it rings.",
                "s",
                query("max by (instance) (pg_replica_lag_seconds{@one})", "{{instance}}"),
                limit=30,
            ),
        ],
    ],
)
