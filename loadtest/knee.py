"""What the steps of ./store capacity amount to: figures of a step, the next one, the knee, what gave way, and how it is told."""

from __future__ import annotations

from collections import Counter
from html import escape

from loadtest import resources

FIRST_USERS = 20
GROWTH = 1.6
REFINEMENTS = 2
MOST_STEPS = 20
LEAST_REQUESTS = 100
P99_MS = 500
FAILED = 0.01
"""Beyond one of these two a store is not what its customers want any more."""

VIEWS = ("GET /api/products/", "GET /api/categories/")
ORDERS = "POST /api/orders/"
SIGN_IN = "POST /api/auth/"
"""Not counted: all new users of a step sign in at once, as they never would, and each password's hash is meant to cost time."""
HASHES = ("POST /api/auth/register", "POST /api/auth/login")
SIGN_INS_A_SECOND = 10.0
SIGN_IN_QUIET_S = 3.0
"""Without a sign-in for so long, all new users have theirs. Their hashes would take the processors from what is measured."""
SIGN_IN_MOST_S = 120.0


def quantile(times: Counter, share: float) -> float | None:
    """The time that this share of the requests stays below; times are how often each number of milliseconds came."""
    left = share * sum(times.values())
    for time in sorted(times):
        left -= times[time]
        if left <= 0:
            return time
    return None


def settled(step_s: float, settling_s: float, quiet_s: float) -> bool:
    """Whether a step that began step_s ago may be measured, where the last sign-in ended quiet_s ago."""
    return step_s >= settling_s and (quiet_s >= SIGN_IN_QUIET_S or step_s >= settling_s + SIGN_IN_MOST_S)


def step(users: int, before: dict, after: dict) -> dict:
    seconds = after["used"]["at"] - before["used"]["at"]
    times, requests, failures, views, orders = Counter(), 0, 0, 0, 0
    for name, (number, failed, taken) in after["calls"].items():
        if name.startswith(SIGN_IN):
            continue
        was_number, was_failed, was_taken = before["calls"].get(name, (0, 0, Counter()))
        requests += number - was_number
        failures += failed - was_failed
        times += taken - was_taken
        answered = (number - was_number) - (failed - was_failed)
        if name.startswith(VIEWS):
            views += answered
        elif name.startswith(ORDERS):
            orders += answered
    used = resources.between(before["used"], after["used"])
    result = {
        "users": users,
        "seconds": round(seconds, 1),
        "requests": requests,
        "requests_a_second": round(requests / seconds, 1),
        # The store counts orders that were placed; without its metrics a refusal for want of stock is among them.
        "orders_a_second": used.get("orders_a_second", round(orders / seconds, 1)),
        "views_a_second": round(views / seconds, 1),
        "failed": round(failures / requests, 5) if requests else 0.0,
        "p50_ms": quantile(times, 0.5),
        "p99_ms": quantile(times, 0.99),
        "used": used,
    }
    result["good"] = requests >= LEAST_REQUESTS and result["p99_ms"] <= P99_MS and result["failed"] <= FAILED
    return result


def next_users(steps: list[dict]) -> int | None:
    """Upwards until a step is bad, then twice into the middle. None: there is nothing more to be learnt."""
    if len(steps) >= MOST_STEPS:
        return None
    good = max((one["users"] for one in steps if one["good"]), default=0)
    bad = min((one["users"] for one in steps if not one["good"]), default=None)
    if bad is None:
        return round(good * GROWTH)
    first_bad = next(n for n, one in enumerate(steps) if not one["good"])
    between = (good + bad) // 2
    if len(steps) - first_bad > REFINEMENTS or between in (good, bad) or between < 1:
        return None
    return between


def best(steps: list[dict]) -> dict | None:
    """The last good step below the first bad one: one that was good by luck beyond it doesn't count."""
    bad = min((one["users"] for one in steps if not one["good"]), default=None)
    return max((one for one in steps if one["good"] and (bad is None or one["users"] < bad)), key=lambda one: one["users"], default=None)


def bottleneck(used: dict, processes: int) -> str:
    """What was scarce in the first bad step, from what is scarcest to what can only be guessed."""
    cpu, cores = used["cpu"], used["cores"]
    if cpu.get("load", 0) > 0.9 * min(processes, cores):
        return (f"the load generator: its {processes} {'process' if processes == 1 else 'processes'} used {cpu['load']:.1f} processors;"
                " --processes gives it more, another machine is better")
    if "machine" in cpu and cpu["machine"] > 0.9 * cores:
        return f"the CPU of the machine: {_busy(cpu['machine'], cores, cpu, ('store', 'database', 'load'))}"
    if "elsewhere" in used and used["elsewhere"]["busy"] > 0.9 * used["elsewhere"]["cores"]:
        return f"the CPU of the store's machine: {_busy(used['elsewhere']['busy'], used['elsewhere']['cores'], cpu, ('store',))}"
    if used.get("lock_waits", 0) > max(1.0, 0.5 * used.get("statements_under_way", 0)):
        # Before the connections: who waits for a lock keeps one.
        return f"locks in the database: {used['lock_waits']:.1f} sessions waited for one, on average; most time went into {_statement(used)}"
    if used.get("pool_share", 0) > 0.9 or used.get("pool_wait_ms", 0) > 20:
        return (f"the connections to the database: taken {used['pool_share']:.0%} of the time, requests waited {used['pool_wait_ms']:.0f} ms"
                f" for one; most time went into {_statement(used)}")
    if used.get("statements_under_way", 0) > max(1.0, 2 * cpu.get("database", 0)):
        for_what = ["for locks"] if "lock_waits" not in used else []
        for_what += ["for its disk"] + (["for its processors"] if "database" not in cpu else [])
        return f"waiting inside the database, {' or '.join(for_what)}; most time went into {_statement(used)}"
    return "not among what can be seen from here: neither CPU nor connections nor statements were scarce"


def _busy(busy: float, cores: int, cpu: dict, names: tuple) -> str:
    """How much of a machine was busy, and with what, as far as that is known."""
    known = [name for name in names if name in cpu]
    parts = [f"{'load generator' if name == 'load' else name} {cpu[name]:.1f}" for name in known]
    parts.append(f"everything else {max(0.0, busy - sum(cpu[name] for name in known)):.1f}")
    return f"{busy:.1f} of {cores} processors busy, {', '.join(parts)}"


def _statement(used: dict) -> str:
    if not used.get("slowest_statements"):
        return "no statement that is known by name"
    slowest = used["slowest_statements"][0]
    return f"{slowest['name']} ({slowest['mean_ms']:.1f} ms each)"


def line(one: dict) -> str:
    mark = "" if one["good"] else "   too slow, or too many failed" if one["requests"] >= LEAST_REQUESTS else "   too few requests to judge"
    cpu = " ".join(f"{name} {value:.1f}" for name, value in one["used"]["cpu"].items())
    return (f"  {one['users']:>5} users: {one['requests_a_second']:>7.1f} requests, {one['orders_a_second']:>6.1f} orders, {one['views_a_second']:>7.1f}"
            f" page views a second; p50 {one['p50_ms'] or 0:.0f}, p99 {one['p99_ms'] or 0:.0f} ms; {one['failed']:.2%} failed; processors: {cpu or 'unknown'}{mark}")


def result(steps: list[dict], processes: int, scenario: str) -> dict:
    knee = best(steps)
    bad = min((one for one in steps if not one["good"]), key=lambda one: one["users"], default=None)
    if knee is None:
        sentence = f"Not even {bad['users']} users were served with a p99 of {P99_MS} ms and at most {FAILED:.0%} failed." if bad else "No step was finished."
    else:
        sentence = (f"This machine sustains {knee['orders_a_second']:.1f} orders/s and {knee['views_a_second']:.1f} page views/s at p99"
                    f" {knee['p99_ms']:.0f} ms ({knee['users']} users, {knee['requests_a_second']:.1f} requests/s in all)")
        sentence += f", and the bottleneck was {bottleneck(bad['used'], processes)}." if bad else "; no limit was found up to there."
    return {"scenario": scenario, "sentence": sentence, "limits": {"p99_ms": P99_MS, "failed": FAILED}, "knee": knee, "first_bad": bad,
            "steps": sorted(steps, key=lambda one: one["users"])}


def text(found: dict) -> str:
    lines = [f"{found['scenario']}, more users until p99 > {P99_MS} ms or more than {FAILED:.0%} failed:", ""]
    return "\n".join(lines + [line(one) for one in found["steps"]] + ["", found["sentence"]]) + "\n"


WIDTH, HEIGHT = 900, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 830, 90, 380


def svg(found: dict) -> str:
    """p99 (left scale, up to twice the limit) and requests a second (right scale) over the number of users."""
    steps = [one for one in found["steps"] if one["p99_ms"] is not None]
    most_users = max((one["users"] for one in steps), default=1)
    most_rate = max((one["requests_a_second"] for one in steps), default=1) or 1

    def x(users):
        return LEFT + (RIGHT - LEFT) * users / most_users

    def y_ms(ms):
        return BOTTOM - (BOTTOM - TOP) * min(ms, 2 * P99_MS) / (2 * P99_MS)

    def y_rate(rate):
        return BOTTOM - (BOTTOM - TOP) * rate / most_rate

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12" fill="#1d2430">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="24" y="34" font-size="18" font-weight="600">How much the store sustains: {escape(found["scenario"])}</text>',
        '<text x="24" y="58" fill="#2a78b8">p99 in ms, left</text><text x="140" y="58" fill="#5a8f3c">requests a second, right</text>'
        '<text x="310" y="58" fill="#c8571b">the limit</text>',
        f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}" stroke="#1d2430"/>',
        f'<line x1="{LEFT}" y1="{y_ms(P99_MS):.1f}" x2="{RIGHT}" y2="{y_ms(P99_MS):.1f}" stroke="#c8571b" stroke-dasharray="6 4"/>',
    ]
    for ms in (0, P99_MS // 2, P99_MS, 3 * P99_MS // 2, 2 * P99_MS):
        out.append(f'<text x="{LEFT - 8}" y="{y_ms(ms) + 4:.1f}" text-anchor="end">{ms}{"+" if ms == 2 * P99_MS else ""}</text>')
    for part in (0, 0.5, 1):
        out.append(f'<text x="{RIGHT + 8}" y="{y_rate(part * most_rate) + 4:.1f}">{part * most_rate:.0f}</text>')
    for color, y in (("#2a78b8", lambda one: y_ms(one["p99_ms"])), ("#5a8f3c", lambda one: y_rate(one["requests_a_second"]))):
        points = " ".join(f"{x(one['users']):.1f},{y(one):.1f}" for one in steps)
        out.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x(one["users"]):.1f}" cy="{y(one):.1f}" r="3.5" fill="{color if one["good"] else "#ffffff"}" stroke="{color}"/>' for one in steps]
    out += [f'<text x="{x(one["users"]):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{one["users"]}</text>' for one in steps]
    out.append(f'<text x="{RIGHT}" y="{BOTTOM + 36}" text-anchor="end" fill="#5a6270">users; a hollow dot is a step beyond a limit</text>')
    out.append(f'<text x="24" y="{HEIGHT - 16}">{escape(found["sentence"].partition(", and the bottleneck")[0])}</text>')
    return "\n".join(out) + "\n</svg>\n"
