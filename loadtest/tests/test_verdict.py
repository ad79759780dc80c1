"""How a run is judged: each thing that must fail it does, and nothing else."""

import unittest

from loadtest import verdict
from loadtest.verdict import Call

TARGETS = {
    "run": {"requests_at_least": 200, "judged_from": 50},
    "every_call": {"p50": 100, "p95": 300, "p99": 500, "failures": 0.1},
    "calls": {"POST /slow": {"p99": 2000}},
}
GOOD = Call("GET /fast", 1000, 0, 10, 50, 499)


def reasons(*calls, audit=()):
    judged = verdict.judge(list(calls), 60, audit if isinstance(audit, str) else list(audit), TARGETS)
    assert judged["verdict"] == ("missed" if judged["reasons"] else "met")
    return judged["reasons"]


class VerdictTest(unittest.TestCase):
    def test_a_good_run_meets_its_targets(self):
        self.assertEqual([], reasons(GOOD))
        self.assertEqual([], reasons(Call("GET /fast", 1000, 1, 100, 300, 500)), "what is just within a target meets it")

    def test_an_empty_run_and_a_short_one_fail(self):
        self.assertEqual(["only 0 requests were made; fewer than 200 say nothing"], reasons())
        self.assertEqual(1, len(reasons(Call("GET /fast", 199, 0, 10, 50, 60))))

    def test_a_run_of_many_rare_calls_says_nothing(self):
        rare = [Call(f"GET /{n}", 49, 0, 10, 50, 60) for n in range(10)]
        self.assertEqual(["no call was made 50 times, so no time could be judged"], reasons(*rare))

    def test_each_time_is_judged(self):
        for call, said in (
            (Call("GET /fast", 1000, 0, 101, 300, 500), "GET /fast: p50 is 101 ms; at most 100 ms were wanted"),
            (Call("GET /fast", 1000, 0, 100, 301, 500), "GET /fast: p95 is 301 ms; at most 300 ms were wanted"),
            (Call("GET /fast", 1000, 0, 100, 300, 501), "GET /fast: p99 is 501 ms; at most 500 ms were wanted"),
        ):
            self.assertEqual([said], reasons(call))

    def test_a_call_may_have_targets_of_its_own(self):
        self.assertEqual([], reasons(Call("POST /slow", 1000, 0, 100, 300, 2000)))
        self.assertEqual(1, len(reasons(Call("POST /slow", 1000, 0, 100, 301, 2000))), "what it does not say is as for every call")

    def test_times_of_a_rare_call_are_not_judged_but_its_failures_are(self):
        self.assertEqual([], reasons(GOOD, Call("PUT /rare", 49, 0, 9000, 9000, 9000)))
        self.assertEqual(["PUT /rare: 1 of 2 requests failed, which is 50.00 %; at most 0.1 % may"], reasons(GOOD, Call("PUT /rare", 2, 1, 9, 9, 9)))

    def test_stock_must_add_up_and_be_known(self):
        self.assertEqual(["the audit names 1 products whose stock is not what it should be"], reasons(GOOD, audit=[{"product_id": "x"}]))
        self.assertEqual(["the stock could not be audited: no answer"], reasons(GOOD, audit="no answer"))

    def test_the_table_shows_what_was_missed_and_what_was_not_judged(self):
        judged = verdict.judge([GOOD, Call("GET /slow", 100, 1, 10, 50, 501), Call("PUT /rare", 2, 0, 7, 8, 9)], 60, [], TARGETS)
        told = verdict.table(judged)
        self.assertIn("501 ≤ 500!", told)
        self.assertIn("1.00 %!", told)
        self.assertIn("(9)", told)
        self.assertIn("499 ≤ 500 ", told)
        self.assertIn("MISSED:", told)
        self.assertIn("All targets are met.", verdict.table(verdict.judge([GOOD], 60, [], TARGETS)))

    def test_the_targets_that_are_shipped_can_be_read(self):
        targets = verdict.read_targets()
        self.assertEqual("met", verdict.judge([GOOD], 60, [], targets)["verdict"])
        self.assertEqual("missed", verdict.judge([Call("GET /x", 1000, 0, 10, 20, 501)], 60, [], targets)["verdict"])
