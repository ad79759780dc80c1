"""System: is everything there, does anything ring, and has the machine room left?"""

from panels import AMBER, A_SECOND, BLUE, GREEN, RED, UP, above, below, board, column, graph, quantile, query, table, tile, timeline, top

DISKS = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay"'
FREE = "node_filesystem_avail_bytes{@disks}"
SIZE = "node_filesystem_size_bytes{@disks}"
# Nothing for a disk that is not filling.
SECONDS_TO_FULL = f"({FREE} / (-deriv({FREE}[6h]) > 0)) and {SIZE}"

BOARD = board(
    "store-system",
    description="Is everything there, does anything ring, has the machine room left? Start here.",
    watched=("node", "node_uname_info"),
    matchers={
        "disks": f'job="$job",instance=~"$instance",{DISKS}',
        "nets": 'job="$job",instance=~"$instance",device!~"lo|veth.*|docker.*|br-.*|ifb.*"',
        "api": 'job="store",uri!~"/metrics|/health.*"',
    },
    rows=[
        [
            tile(
                "Targets down",
                "Programs that Prometheus asks and that don't answer. Which ones: below.",
                "short",
                'count(up{job!="locust"} == 0) or vector(0)',
                above(None, 1),
                decimals=0,
            ),
            tile(
                "Critical alerts",
                "Get up: customers feel it, or will soon. Which ones: the table below.",
                "short",
                'count(ALERTS{alertstate="firing",severity="critical"}) or vector(0)',
                above(None, 1),
                decimals=0,
            ),
            tile(
                "Warnings",
                "Alerts that can wait for the day.",
                "short",
                'count(ALERTS{alertstate="firing",severity="warning"}) or vector(0)',
                above(1, 1000),
                decimals=0,
            ),
            tile(
                "Error budget left",
                "Of 30 days in which 99.9 % of requests have to go well: how much of what may fail is left. 0 % is used up. Of a shorter past, where Prometheus has no 30 days.",
                "percentunit",
                "clamp_min(1 - sum_over_time(store:api_errors:rate5m[30d]) / clamp_min(sum_over_time(store:api_requests:rate5m[30d]), 1e-9) / 0.001, 0)",
                below(0.1, 0.5),
                decimals=0,
                link="store-api",
                instant=True,
            ),
            tile(
                "CPU",
                "Of all processors, the last 5 minutes, the busiest machine.",
                "percentunit",
                'max(1 - avg by (instance) (rate(node_cpu_seconds_total{@one,mode="idle"}[5m])))',
                above(0.75, 0.9),
                decimals=0,
            ),
            tile(
                "Memory",
                "In use and not to be had back from caches, the fullest machine.",
                "percentunit",
                "max(1 - node_memory_MemAvailable_bytes{@one} / node_memory_MemTotal_bytes{@one})",
                above(0.8, 0.9),
                decimals=0,
            ),
            tile("Fullest disk", "Of all file systems that are no memory.", "percentunit", f"max(1 - {FREE} / {SIZE})", above(0.8, 0.95), decimals=0),
            tile(
                "Disk full in",
                "If the fullest goes on filling as in the last six hours. A week stands for longer and for never.",
                "dtdurations",
                f"min(clamp_max({SECONDS_TO_FULL}, 7 * 86400) or (0 * {FREE} + 7 * 86400))",
                below(4 * 3600, 8 * 3600),
                spark=False,
            ),
        ],
        [
            table(
                "What rings",
                "Alerts that fire now, gravest first. Watchdog is always among them: it says that the watching works.",
                {
                    "A": 'label_replace(max by (severity, alertname, instance) (time() - ALERTS_FOR_STATE and ignoring (alertstate) ALERTS{alertstate="firing"}), "severity", "works", "severity", "none")'
                },
                [
                    column(
                        "severity", "Severity", 110, names={"critical": ("critical", RED), "warning": ("warning", AMBER), "works": ("works", GREEN)}
                    ),
                    column("alertname", "Alert"),
                    column("instance", "Instance", 200),
                    column("A", "For", 140, unit="dtdurations"),
                ],
                "Severity",
                descending=False,
                empty="nothing, not even the Watchdog: the rules are not worked out",
            ),
            timeline("What answers", "Each program that Prometheus asks: green while it answers.", query("min by (job) (up)", "{{job}}"), names=UP),
        ],
        "What customers feel",
        [
            graph(
                "Requests",
                "That the API answers, a second.",
                A_SECOND,
                query("sum(rate(http_server_requests_seconds_count{@api}[$__rate_interval]))", "requests"),
                height=7,
            ),
            graph(
                "Failed",
                "Share of requests that the store failed (5xx). Above the line the budget of a month is gone in two days.",
                "percentunit",
                query(
                    '(sum(rate(http_server_requests_seconds_count{@api,outcome="SERVER_ERROR"}[$__rate_interval])) or 0 * sum(rate(http_server_requests_seconds_count{@api}[$__rate_interval]))) / clamp_min(sum(rate(http_server_requests_seconds_count{@api}[$__rate_interval])), 1e-9)',
                    "failed",
                ),
                limit=0.0144,
                colors={"failed": RED},
                height=7,
            ),
            graph(
                "Time to answer",
                "The median, and what 99 of 100 requests stay below. The line is the objective, half a second.",
                "s",
                query(
                    quantile(0.99, "http_server_requests_seconds_bucket{@api}") + " > 0",
                    "p99",
                    exemplars=True,
                ),
                query(quantile(0.5, "http_server_requests_seconds_bucket{@api}") + " > 0", "p50"),
                limit=0.5,
                colors={"p99": AMBER, "p50": BLUE},
                height=7,
            ),
        ],
        "The machine",
        [
            graph(
                "CPU by use",
                "Share of all processors. Waiting for disks (iowait) or for the host (steal) is time in which nothing is done.",
                "percentunit",
                query(
                    'sum by (mode) (rate(node_cpu_seconds_total{@one,mode!~"idle|guest.*"}[$__rate_interval])) / scalar(count(node_cpu_seconds_total{@one,mode="idle"}))',
                    "{{mode}}",
                ),
                stack=True,
                maximum=1,
                colors={"user": BLUE, "system": "purple", "iowait": RED, "steal": AMBER, "nice": GREEN, "irq": "yellow", "softirq": "yellow"},
            ),
            graph(
                "Memory by use",
                "Caches are given back when memory is wanted.",
                "bytes",
                query("sum(node_memory_MemTotal_bytes{@one} - node_memory_MemAvailable_bytes{@one})", "in use"),
                query("sum(node_memory_MemAvailable_bytes{@one} - node_memory_MemFree_bytes{@one})", "caches"),
                query("sum(node_memory_MemFree_bytes{@one})", "free"),
                stack=True,
                colors={"in use": AMBER, "caches": BLUE, "free": GREEN},
            ),
            graph(
                "Pressure",
                "Share of the time in which some task waited for the processor, for memory, for a disk. Beside a busy processor it says whether anybody suffers from it.",
                "percentunit",
                query("max(rate(node_pressure_cpu_waiting_seconds_total{@one}[$__rate_interval]))", "CPU"),
                query("max(rate(node_pressure_memory_waiting_seconds_total{@one}[$__rate_interval]))", "memory"),
                query("max(rate(node_pressure_io_waiting_seconds_total{@one}[$__rate_interval]))", "disk"),
            ),
        ],
        [
            graph(
                "Disk space in use",
                "Share of each file system, the six fullest. Above the line it rings.",
                "percentunit",
                query(f"1 - {FREE} / {SIZE} and topk(6, 1 - {FREE} @ end() / {SIZE} @ end())", "{{instance}} {{mountpoint}}"),
                limit=0.95,
                maximum=1,
            ),
            graph(
                "Disks",
                "Share of the time in which a disk had something to do, the four busiest.",
                "percentunit",
                query(top(4, "instance, device", "rate(node_disk_io_time_seconds_total{@one}[~])"), "{{device}} busy"),
                maximum=1,
            ),
            graph(
                "Disk traffic",
                "Read and written by all disks, a second.",
                "Bps",
                query("sum(rate(node_disk_read_bytes_total{@one}[$__rate_interval]))", "read"),
                query("sum(rate(node_disk_written_bytes_total{@one}[$__rate_interval]))", "written"),
            ),
        ],
        [
            graph(
                "Load",
                "Tasks that run or want to, beside the number of processors.",
                "short",
                query("max(node_load1{@one})", "load, 1 min"),
                query("max(node_load5{@one})", "load, 5 min"),
                query('max(count by (instance) (node_cpu_seconds_total{@one,mode="idle"}))', "processors"),
                dashed=["processors"],
            ),
            graph(
                "Network",
                "Of the network cards, without those that a machine makes for itself.",
                "Bps",
                query("sum(rate(node_network_receive_bytes_total{@nets}[$__rate_interval]))", "received"),
                query("sum(rate(node_network_transmit_bytes_total{@nets}[$__rate_interval]))", "sent"),
            ),
            graph(
                "Network faults",
                "Packets that were broken or dropped, a second. Should be nothing.",
                A_SECOND,
                query(
                    "sum(rate(node_network_receive_errs_total{@nets}[$__rate_interval])) + sum(rate(node_network_transmit_errs_total{@nets}[$__rate_interval]))",
                    "broken",
                ),
                query(
                    "sum(rate(node_network_receive_drop_total{@nets}[$__rate_interval])) + sum(rate(node_network_transmit_drop_total{@nets}[$__rate_interval]))",
                    "dropped",
                ),
            ),
        ],
    ],
)
