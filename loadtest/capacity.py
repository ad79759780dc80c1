"""
The most that a store sustains: more users step by step, until the p99 or the failures of a step are too many; then between the last
good step and the first bad one. Each step begins with a while that doesn't count, in which the new users sign in.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections import Counter

from locust import LoadTestShape

from loadtest import knee, plain, resources

LOCKS_S = 2.0
"""Between two looks at who waits for a lock."""


class Knee(LoadTestShape):
    use_common_options = False

    def __init__(self):
        super().__init__()
        self.steps = []
        self.finished = False
        self.users = None
        self.began = None
        self.before = None
        self.measured_from = 0.0
        self.sign_ins = 0
        self.signed_in_at = 0.0
        self.lock_waits = []
        self.locks_at = 0.0
        self.locks_known = True

    @property
    def options(self):
        return self.runner.environment.parsed_options

    def tick(self):
        now = time.monotonic()
        if self.users is None:
            self.users, self.began = knee.FIRST_USERS, now
        if self.before is None:
            if self.count_sign_ins() != self.sign_ins:
                self.sign_ins, self.signed_in_at = self.count_sign_ins(), now
            if knee.settled(now - self.began, self.options.settling_seconds, now - self.signed_in_at):
                self.before, self.measured_from, self.lock_waits = self.look(), now, []
        elif now - self.measured_from >= self.options.step_seconds:
            self.finish_step()
            self.users, self.began, self.before = knee.next_users(self.steps), now, None
            if self.users is None:
                self.finished = True
                return None
        else:
            self.look_at_locks(now)
        # No faster than the store hashes passwords: beyond that it turns them away, and their next tries are a load of their own.
        return self.users, min(knee.SIGN_INS_A_SECOND, max(1.0, self.users / 4))

    def count_sign_ins(self) -> int:
        return sum(entry.num_requests for (name, _), entry in self.runner.stats.entries.items() if name in knee.HASHES)

    def look(self) -> dict:
        entries = self.runner.stats.entries.items()
        return {
            "calls": {name: (entry.num_requests, entry.num_failures, Counter(entry.response_times)) for (name, _), entry in entries},
            "used": resources.look(self.runner.environment.host or "", self.options.management, self.options.store_pid, self.options.database_pid),
        }

    def look_at_locks(self, now: float) -> None:
        if not self.options.postgres_exporter or not self.locks_known or now - self.locks_at < LOCKS_S:
            return
        self.locks_at = now
        try:
            self.lock_waits.append(resources.lock_waits(self.options.postgres_exporter))
        except plain.CannotAsk as reason:
            # Not worth the end of a search.
            self.locks_known, self.lock_waits = False, []
            print(f"Locks are not looked at any more: {reason}", file=sys.stderr, flush=True)

    def finish_step(self) -> None:
        step = knee.step(self.users, self.before, self.look())
        if self.lock_waits:
            step["used"]["lock_waits"] = round(sum(self.lock_waits) / len(self.lock_waits), 2)
        self.steps.append(step)
        print(knee.line(step), flush=True)
        folder = pathlib.Path(self.options.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "steps.json").write_text(json.dumps(self.steps, indent=2) + "\n")
