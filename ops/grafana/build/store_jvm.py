"""JVM: the store's process, its memory and its rubbish."""

from panels import AMBER, A_MINUTE, BLUE, GREEN, RED, above, board, graph, processor, query, store_tile, tile

HEAP = 'jvm_memory_used_bytes{@one,area="heap"}'

BOARD = board(
    "store-jvm",
    description="The store's process: processor, memory, garbage collection, threads, log.",
    watched=("store", "jvm_info"),
    rows=[
        [
            store_tile(),
            tile(
                "Running for",
                "Since the last start. Small and unexpected: it crashed or was stopped.",
                "dtdurations",
                "min(time() - process_start_time_seconds{@one})",
                [(None, AMBER), (300, BLUE)],
                spark=False,
            ),
            tile("CPU", "Of all the machine's processors, by the store.", "percentunit", "max(process_cpu_usage{@one})", above(0.7, 0.9), decimals=0),
            tile(
                "Heap in use",
                "Of what it may have, garbage included. Above 90 % for ten minutes it rings.",
                "percentunit",
                'max(sum by (instance) (jvm_memory_used_bytes{@one,area="heap"}) / sum by (instance) (jvm_memory_max_bytes{@one,area="heap"}))',
                above(0.85, 0.95),
                decimals=0,
            ),
            tile(
                "Old generation",
                "What it held after the last collection, of what it may. It fills slowly and is emptied when it is full.",
                "percentunit",
                "max(jvm_memory_usage_after_gc{@one})",
                decimals=0,
            ),
            tile(
                "GC",
                "Garbage collection: share of the time in which all stands still for it, 5 minutes. Above 10 % it rings.",
                "percentunit",
                "max(sum by (instance) (rate(jvm_gc_pause_seconds_sum{@one}[5m])))",
                above(0.05, 0.1),
                decimals=1,
            ),
            tile(
                "Open files",
                "And connections, of those that it may have.",
                "percentunit",
                "max(process_files_open_files{@one} / process_files_max_files{@one})",
                above(0.7, 0.9),
                decimals=0,
            ),
            tile("Errors logged", "In 5 minutes.", "short", 'sum(increase(logback_events_total{@one,level="error"}[5m]))', above(1, 10), decimals=0),
        ],
        "Processor and log",
        [
            processor("Of all processors: by the store, and by everything on its machine.", "one"),
            graph(
                "Lines logged",
                "A minute, by level; the log itself says what it is.",
                A_MINUTE,
                query('sum by (level) (rate(logback_events_total{@one,level=~"error|warn|info"}[$__rate_interval])) * 60', "{{level}}"),
                colors={"error": RED, "warn": AMBER, "info": BLUE},
            ),
            graph(
                "Threads",
                "Of the operating system; requests run on virtual ones, which are not counted.",
                "short",
                query('sum by (state) (jvm_threads_states_threads{@one,state!~"new|terminated"})', "{{state}}"),
                stack=True,
                colors={"blocked": RED},
            ),
        ],
        "Memory",
        [
            graph(
                "Heap",
                "Used, reserved, and at most. A saw is healthy; a saw whose teeth rise is a leak.",
                "bytes",
                query(f"sum({HEAP})", "used"),
                query('sum(jvm_memory_committed_bytes{@one,area="heap"})', "reserved"),
                query('sum(jvm_memory_max_bytes{@one,area="heap"})', "at most"),
                dashed=["at most"],
                colors={"used": GREEN, "reserved": BLUE, "at most": RED},
            ),
            graph(
                "Heap by pool",
                "New objects are born in Eden; what lives long comes to the old generation.",
                "bytes",
                query(f"sum by (id) ({HEAP})", "{{id}}"),
                stack=True,
            ),
            graph(
                "Beside the heap",
                "Code and classes, the four largest, and buffers.",
                "bytes",
                query(
                    'sum by (id) (jvm_memory_used_bytes{@one,area="nonheap"}) and on (id) topk(4, sum by (id) (jvm_memory_used_bytes{@one,area="nonheap"} @ end()))',
                    "{{id}}",
                ),
                query("sum(jvm_buffer_memory_used_bytes{@one})", "buffers"),
                stack=True,
            ),
        ],
        [
            graph(
                "Garbage made",
                "Allocated, a second; and what lived long enough to become old.",
                "Bps",
                query("sum(rate(jvm_gc_memory_allocated_bytes_total{@one}[$__rate_interval]))", "allocated"),
                query("sum(rate(jvm_gc_memory_promoted_bytes_total{@one}[$__rate_interval]))", "became old"),
            ),
            graph(
                "Pauses",
                "The longest of the last minutes, and the mean. All requests stand still meanwhile.",
                "s",
                query("max(jvm_gc_pause_seconds_max{@one})", "longest"),
                query(
                    "sum(rate(jvm_gc_pause_seconds_sum{@one}[$__rate_interval])) / (sum(rate(jvm_gc_pause_seconds_count{@one}[$__rate_interval])) > 0)",
                    "mean",
                ),
                colors={"longest": AMBER, "mean": BLUE},
            ),
            graph(
                "Time spent in pauses",
                "By why. Above the line it rings.",
                "percentunit",
                query("sum by (cause) (rate(jvm_gc_pause_seconds_sum{@one}[$__rate_interval]))", "{{cause}}"),
                limit=0.1,
            ),
        ],
        "What else it keeps",
        [
            graph(
                "Files and connections",
                "Open, of those that it may have.",
                "short",
                query("sum(process_files_open_files{@one})", "open"),
                query("sum(process_files_max_files{@one})", "at most"),
                dashed=["at most"],
                log=True,
            ),
            graph("Ready answers kept", "In memory, by cache.", "short", query("sum by (cache) (cache_size{@one})", "{{cache}}")),
            graph(
                "Background work",
                "How long the last runs took: purges of old keys, signing keys.",
                "s",
                query("max by (code_function) (tasks_scheduled_execution_seconds_max{@one})", "{{code_function}}"),
            ),
        ],
    ],
)
