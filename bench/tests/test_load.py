"""What wrk and pgbench print, and what they print when something went wrong."""

import unittest

from bench.load import LoadFailed, NothingDone, read_pgbench, read_wrk

WRK = """\
Running 1s test @ http://127.0.0.1:18080
  2 threads and 4 connections
  3334 requests in 1.01s, 1.80MB read
Requests/sec:   3300.99
RESULT {"requests": 3334, "microseconds": 2000000, "p50": 7823, "p99": 35838, "longest": 49098, "errors": %s}
"""
NO_ERRORS = '{"connect": 0, "read": 0, "write": 0, "timeout": 0, "status": 0}'

PGBENCH = """\
pgbench (15.18 (Debian 15.18-0+deb12u1), server 18.6)
transaction type: place.sql
number of transactions actually processed: 600
number of failed transactions: %d (0.000%%)
latency average = 3.2 ms
initial connection time = 12.345 ms
tps = 300.000000 (without initial connection time)
"""


class WrkTest(unittest.TestCase):
    def test_the_result_is_read_in_requests_a_second_and_milliseconds(self):
        self.assertEqual(read_wrk(WRK % NO_ERRORS), {
            "requests": 3334, "seconds": 2.0, "per_second": 1667.0, "p50_ms": 7.823, "p99_ms": 35.838, "longest_ms": 49.098})

    def test_any_answer_that_is_not_the_expected_one_fails_the_run(self):
        with self.assertRaisesRegex(LoadFailed, "3 × status, 1 × timeout|1 × timeout, 3 × status"):
            read_wrk(WRK % NO_ERRORS.replace('"timeout": 0, "status": 0', '"timeout": 1, "status": 3'))

    def test_a_run_without_answers_or_without_a_result_fails(self):
        with self.assertRaisesRegex(LoadFailed, "no answer"):
            read_wrk((WRK % NO_ERRORS).replace('"requests": 3334', '"requests": 0'))
        with self.assertRaisesRegex(LoadFailed, "unable to connect"):
            read_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


class PgbenchTest(unittest.TestCase):
    def test_a_transaction_counts_for_the_calls_it_stands_for(self):
        self.assertEqual(read_pgbench(PGBENCH % 0, 16), {"requests": 9600, "seconds": 2.0, "per_second": 4800.0})

    def test_a_failed_transaction_fails_the_run(self):
        with self.assertRaisesRegex(LoadFailed, "1 did not"):
            read_pgbench(PGBENCH % 1, 16)

    def test_a_run_without_a_transaction_is_told_apart_from_one_that_failed(self):
        with self.assertRaises(NothingDone):
            read_pgbench((PGBENCH % 0).replace("processed: 600", "processed: 0"), 16)

    def test_no_result_fails_the_run(self):
        with self.assertRaisesRegex(LoadFailed, "connection refused"):
            read_pgbench("pgbench: error: connection refused", 1)


if __name__ == "__main__":
    unittest.main()
