"""The copies of the store's statements: read from a log, and made again for another call."""

import datetime
import unittest
from decimal import Decimal

from bench.statements import (
    CLOCK, CannotCopy, Executed, Marks, Part, Signature, array_literal, begins, expression, function_sql, generalize,
    has_plan, read_array, read_log, read_parameters, round_trips_script, transactions)

NOW = datetime.datetime(2026, 11, 24, 18, 31, 31, tzinfo=datetime.timezone.utc)

LOG = """\
bench:41:product-store:LOG:  execute <unnamed>: SELECT role FROM app_user
\tWHERE id = $1
bench:42:other:LOG:  statement: SELECT 1
bench:41:product-store:DETAIL:  Parameters: $1 = 'it''s, $2 = NULL'
2026-11-24 18:31:31.094 UTC [7] LOG:  checkpoint starting: time
bench:41:product-store:LOG:  statement: BEGIN
bench:41:product-store:LOG:  execute S_4: /* two
\tlines */ SELECT pg_sleep($1), $2
bench:41:product-store:DETAIL:  parameters: $1 = NULL, $2 = 'a
\tb'
bench:41:product-store:ERROR:  canceling statement
bench:41:product-store:LOG:  execute S_1: COMMIT
"""


class ReadingTest(unittest.TestCase):
    def test_a_log_gives_each_statement_with_the_parameters_of_its_session(self):
        self.assertEqual(read_log(LOG), [
            Executed(41, "product-store", "SELECT role FROM app_user\nWHERE id = $1", ("it's, $2 = NULL",)),
            Executed(42, "other", "SELECT 1"),
            Executed(41, "product-store", "BEGIN"),
            Executed(41, "product-store", "/* two\nlines */ SELECT pg_sleep($1), $2", (None, "a\nb")),
            Executed(41, "product-store", "COMMIT"),
        ])

    def test_parameters_that_are_not_written_as_expected_are_refused(self):
        for text in ("$1 = x", "'a'", "$1 = 'a' $2 = 'b'"):
            with self.assertRaises(ValueError, msg=text):
                read_parameters(text)

    def test_an_array_is_read_as_it_was_printed(self):
        values = ["plain", 'a "quote"', "back\\slash", "co,mma", "{brace}", "NULL", "", "Сыр «Заречный»"]
        self.assertEqual(read_array(array_literal(values)), values)
        self.assertEqual(read_array('{a,NULL,"NULL"}'), ["a", None, "NULL"])
        self.assertEqual(read_array("{}"), [])
        with self.assertRaises(ValueError):
            read_array("a,b")

    def test_transactions_are_told_apart_by_session(self):
        both = [Executed(1, "s", "BEGIN"), Executed(2, "s", "BEGIN READ ONLY"), Executed(1, "s", "SELECT 1"),
                Executed(3, "s", "SELECT 'alone'"), Executed(2, "s", "SELECT 2"), Executed(2, "s", "COMMIT"),
                Executed(1, "s", "COMMIT"), Executed(1, "s", "BEGIN")]
        self.assertEqual([[one.sql for one in t] for t in transactions(both)],
                         [["BEGIN READ ONLY", "SELECT 2", "COMMIT"], ["BEGIN", "SELECT 1", "COMMIT"]])

    def test_comments_do_not_hide_what_a_statement_is(self):
        self.assertTrue(has_plan("/* order.insert */\n-- why\nWITH a AS (SELECT 1) SELECT * FROM a"))
        self.assertTrue(begins("/* x */ BEGIN"))
        self.assertFalse(has_plan("/* SELECT */ SET LOCAL lock_timeout = '1s'"))


class MarksTest(unittest.TestCase):
    def setUp(self):
        self.marks = Marks()
        for n in (1, 2):
            self.marks.add("orders", f"order-{n}", within_text=True)
            self.marks.add("prices", Decimal(f"10{n}.50"))

    def test_a_part_is_found_as_a_whole_within_a_text_and_as_an_amount(self):
        self.assertEqual(self.marks.template("order-2", NOW), (Part("orders", 1),))
        self.assertEqual(self.marks.template("/api/orders/order-1?x", NOW), ("/api/orders/", Part("orders", 0), "?x"))
        self.assertEqual(self.marks.template("102.5000", NOW), (Part("prices", 1),))

    def test_what_is_not_of_the_call_stays(self):
        for value in ("RUB", "1", "102", "x.y", "\\x6f726465722d31"):
            self.assertEqual(self.marks.template(value, NOW), (value,))
        self.assertIsNone(self.marks.template(None, NOW))

    def test_the_time_of_the_call_is_the_clock_and_an_older_one_a_constant(self):
        self.assertEqual(self.marks.template("2026-11-24 18:31:30.14536+00", NOW), (CLOCK,))
        self.assertEqual(self.marks.template("2026-11-23 18:31:31.14536+00", NOW), ("2026-11-23 18:31:31.14536+00",))


class CopiesTest(unittest.TestCase):
    """An order of two lines, as an imagined store would write it."""

    EXECUTED = [
        Executed(1, "s", "BEGIN"),
        Executed(1, "s", "SELECT quantity FROM stock WHERE id = ANY ($1) FOR UPDATE", ("{p-1,p-2}",)),
        Executed(1, "s", "INSERT INTO orders VALUES ($1, $2, $3, $4)", ("o-1", "99.50", None, "it's RUB")),
        Executed(1, "s", "COMMIT"),
    ]
    SIGNATURES = {
        EXECUTED[1].sql: Signature(("uuid[]",), True),
        EXECUTED[2].sql: Signature(("uuid", "numeric", "text", "text"), False),
    }

    def setUp(self):
        self.marks = Marks()
        self.marks.add("orders", "o-1", within_text=True)
        self.marks.add("totals", Decimal("99.50"))
        self.marks.add("products", "p-1", within_text=True)
        self.marks.add("products", "p-2", within_text=True)
        self.statements = generalize(self.EXECUTED, self.marks, self.SIGNATURES, NOW)

    def test_a_function_reads_what_has_rows_and_runs_the_rest_for_another_draw(self):
        self.assertEqual(function_sql("place", self.statements, "baskets", 1), """\
CREATE OR REPLACE FUNCTION bench.place(bench_number integer) RETURNS void LANGUAGE plpgsql AS $bench_body$
#variable_conflict use_column
DECLARE
  bench_draw record;
  bench_ignored record;
BEGIN
  SELECT * INTO STRICT bench_draw FROM bench.baskets CROSS JOIN bench.fresh(1) WHERE n = bench_number;
  FOR bench_ignored IN
SELECT quantity FROM stock WHERE id = ANY (CAST(ARRAY[bench_draw.products[1], bench_draw.products[2]] AS uuid[])) FOR UPDATE
  LOOP END LOOP;
INSERT INTO orders VALUES (CAST(bench_draw.orders[1] AS uuid), CAST(bench_draw.totals[1] AS numeric), CAST(NULL AS text), \
CAST('it''s RUB' AS text));
END
$bench_body$;
""")

    def test_a_script_takes_as_many_round_trips_as_the_store_and_draws_for_several_orders_at_once(self):
        script = round_trips_script(self.statements, self.marks, "baskets", 100, 2)
        lines = script.text.splitlines()
        self.assertEqual(lines[0], "\\set n random(1, 100)")
        self.assertIn("CAST(bench_draw.orders[2] AS uuid) AS v1_2_0", lines[1])
        self.assertIn("CAST(ARRAY[bench_draw.products[3], bench_draw.products[4]] AS uuid[]) AS v1_1_0", lines[1])
        self.assertTrue(lines[1].endswith(" WHERE drawn.n = :n \\gset"))
        self.assertEqual(lines[2:8], [
            "\\startpipeline", "BEGIN;", "SELECT quantity FROM stock WHERE id = ANY (:v0_1_0) FOR UPDATE;", "\\endpipeline",
            "INSERT INTO orders VALUES (:v0_2_0, :v0_2_1, NULL, :k2_3);", "COMMIT;"])
        self.assertEqual(lines[10], "SELECT quantity FROM stock WHERE id = ANY (:v1_1_0) FOR UPDATE;")
        self.assertEqual(script.constants, {"k2_3": "it's RUB"})
        self.assertEqual(script.calls, 2)

    def test_an_array_of_constants_is_one_constant(self):
        self.assertEqual(expression([("1",), None, ('a"b',)], "text[]"), """CAST('{"1",NULL,"a\\"b"}' AS text[])""")

    def test_a_colon_that_pgbench_would_misread_is_refused(self):
        statement = generalize([Executed(1, "s", "SELECT 'at 12:mm', x::text")], Marks(), {}, NOW)
        with self.assertRaises(CannotCopy):
            round_trips_script(statement, Marks(), "baskets", 1, 1)


if __name__ == "__main__":
    unittest.main()
