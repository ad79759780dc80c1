"""From figures to verdicts, the table, the picture and the exit code."""

import copy
import unittest
import xml.dom.minidom

from bench.picture import score, svg
from bench.report import figure, markdown, spread
from bench.targets import AT_LEAST, AT_MOST, MET, MISSED, NOT_JUDGED, Judgement, exit_code, judge

SMALL, LARGE = 10_000, 1_000_000


def measurement(step, products, n, per_second, p50=1.0, p99=2.0):
    return {"step": step, "products": products, "round": n, "requests": 10, "per_second": per_second, "p50_ms": p50,
            "p99_ms": p99, "statements": 1.0}


def good_run():
    """A run that meets every target, in three rounds."""
    measurements = []
    for n in (1, 2, 3):
        for products in (SMALL, LARGE):
            measurements += [
                measurement("list uncached", products, n, 700 + n), measurement("list pgbench", products, n, 1000),
                measurement("list cached", products, n, 9000), measurement("product cached", products, n, 9000),
                measurement("list as shipped", products, n, 5000, 1, 2.0),
                measurement("first page", products, n, 100, 1.0), measurement("offset page", products, n, 100, 15.0),
                measurement("cursor page", products, n, 100, 1.2)]
        measurements += [
            measurement("list floor", None, n, 10000), measurement("list plain", None, n, 12000),
            measurement("product floor", None, n, 10000)]
        for kind in ("order", "hot order"):
            measurements += [measurement(kind, SMALL, n, 5000), measurement(f"{kind} one call", SMALL, n, 1000),
                             measurement(f"{kind} 16 a call", SMALL, n, 10000)]
        measurements += [measurement("order beside lists", SMALL, n, 1000, 10, 25),
                         measurement("product traced", SMALL, n, 9500), measurement("product untraced", SMALL, n, 10000)]
    return {
        "products": [SMALL, LARGE], "rounds": 3, "seconds": 6, "deepest_offset": 10000, "measurements": measurements,
        "machine": {"cpu": "a <machine>", "cores": 2, "memory_mb": 8192, "kernel": "Linux 6", "java": "openjdk 25",
                    "postgresql": "18.6", "commit": "abc1234", "changed_since_commit": False, "load_before": 0.1},
        "second_start_s": [2.5, 2.9, 3.4], "resident_mb": {str(SMALL): 380.0, str(LARGE): 390.0},
        "pgbench_clients": {f"list pgbench, {SMALL}": 16}, "skipped": {},
    }


def verdicts(data):
    return {judgement.title: judgement.verdict for judgement in judge(data)}


class VerdictTest(unittest.TestCase):
    def test_a_good_run_meets_every_target(self):
        judgements = judge(good_run())
        self.assertEqual({judgement.verdict for judgement in judgements}, {MET}, [j for j in judgements if j.verdict != MET])
        self.assertEqual(len(judgements), 18)
        self.assertEqual(exit_code(judgements), 0)

    def test_the_bound_itself_is_met_and_the_next_value_is_not(self):
        for kind, worse in ((AT_LEAST, 0.79), (AT_MOST, 0.81)):
            self.assertEqual(Judgement("", kind, 0.8, values=[0.8]).verdict, MET)
            self.assertEqual(Judgement("", kind, 0.8, values=[worse]).verdict, MISSED)

    def test_the_median_is_judged_and_not_the_best_round(self):
        self.assertEqual(Judgement("", AT_LEAST, 0.8, values=[0.7, 0.79, 9]).verdict, MISSED)

    def test_each_target_can_be_missed(self):
        worse = {
            "list uncached": ("per_second", 0.5), "list cached": ("per_second", 0.5), "product cached": ("per_second", 0.5),
            "list floor": ("per_second", 0.1), "order": ("per_second", 0.1), "hot order": ("per_second", 0.1),
            "product traced": ("per_second", 0.5),
            "order beside lists": ("p99_ms", 10), "offset page": ("p50_ms", 10), "cursor page": ("p50_ms", 10)}
        missed = set()
        for step, (name, factor) in worse.items():
            data = good_run()
            for m in data["measurements"]:
                if m["step"] == step:
                    m[name] *= factor
            bad = {title for title, verdict in verdicts(data).items() if verdict == MISSED}
            self.assertTrue(bad, step)
            self.assertEqual(exit_code(judge(data)), 1, step)
            missed |= bad
        data = good_run()
        for m in data["measurements"]:
            if m["step"] == "list as shipped" and m["products"] == LARGE:
                m["p99_ms"] = 5
        data["resident_mb"][str(LARGE)] = 401
        data["second_start_s"] = [2.9, 3.1, 3.2]
        missed |= {title for title, verdict in verdicts(data).items() if verdict == MISSED}
        self.assertEqual(missed, set(verdicts(good_run())))

    def test_what_was_not_measured_is_not_judged_and_says_why(self):
        data = good_run()
        data["products"] = [SMALL]
        data["resident_mb"] = {}
        data["measurements"] = [m for m in data["measurements"]
                                if m["products"] != LARGE and not m["step"].endswith("16 a call")]
        data["skipped"] = {"order 16 a call": "they never shared a transaction"}
        reasons = {j.title: j.reason for j in judge(data) if j.verdict == NOT_JUDGED}
        self.assertEqual(reasons, {
            "list p99, a million products / ten thousand": "there was only one number of products",
            "orders of two lines / pgbench, the store's statement, 16 orders a call": "they never shared a transaction",
            "orders of one hot product / pgbench, the store's statement, 16 orders a call": "it was not measured",
            "resident memory of the JVM after the bench": "this system has no /proc to read it from"})
        self.assertEqual(exit_code(judge(data)), 0)

    def test_a_run_that_judged_nothing_is_no_success(self):
        self.assertEqual(exit_code([Judgement("", AT_LEAST, 1)]), 1)
        self.assertEqual(exit_code([]), 1)

    def test_a_ratio_pairs_the_same_round(self):
        data = good_run()
        for m in data["measurements"]:
            # A machine that is ten times slower in one round is so for both sides.
            if m["round"] == 2 and m["step"] in ("order", "order one call"):
                m["per_second"] /= 10
        ratio = next(j for j in judge(data) if "two lines, 64 buyers" in j.title)
        self.assertEqual(ratio.values, [5, 5, 5])


class ReportTest(unittest.TestCase):
    def test_numbers_have_the_digits_that_mean_something(self):
        self.assertEqual([figure(v) for v in (0.654, 3.0, 42.42, 12345.6)], ["0.65", "3.00", "42.4", "12,346"])
        self.assertEqual(figure(388.4, "MB"), "388 MB")
        self.assertEqual(spread([2.5, 3.4, 2.9], "s"), "2.90 s (2.50 … 3.40)")
        self.assertEqual(spread([]), "–")

    def test_the_table_has_each_target_with_ratio_bound_and_verdict(self):
        data = good_run()
        data["second_start_s"] = [3.5, 3.6, 3.4]
        table = markdown(data, judge(data))
        self.assertIn("| HTTP floor / the plainest answer of the server | 10,000 | 12,000 | 0.83 (0.83 … 0.83) | ≥ 0.75 | met |", table)
        self.assertIn("| 3.50 s (3.40 … 3.60) | ≤ 3 s | **missed** |", table)
        self.assertIn("| list pgbench (pgbench, 16 clients) | 10,000 |", table)
        rows = [line for line in table.splitlines() if line.startswith("|")]
        self.assertEqual({line.count("|") for line in rows}, {7, 10})

    def test_what_is_not_judged_says_why_in_the_table(self):
        data = copy.deepcopy(good_run())
        data["products"] = [SMALL]
        self.assertIn("| – | ≤ 2 | not judged: there was only one number of products |", markdown(data, judge(data)))

    def test_the_picture_is_well_formed_and_shows_every_target(self):
        data = good_run()
        data["second_start_s"] = []
        judgements = judge(data)
        picture = xml.dom.minidom.parseString(svg(data, judgements).encode())
        texts = [node.firstChild.data for node in picture.getElementsByTagName("text")]
        for judgement in judgements:
            self.assertIn(judgement.title, texts)
        self.assertEqual(texts.count(MET), len(judgements) - 1)
        self.assertEqual(texts.count(NOT_JUDGED), 1)

    def test_one_is_the_target_in_both_directions(self):
        self.assertEqual(score(Judgement("", AT_LEAST, 0.8), 1.6), 2)
        self.assertEqual(score(Judgement("", AT_MOST, 3), 1.5), 2)
        self.assertEqual(score(Judgement("", AT_MOST, 3), 6), 0.5)


if __name__ == "__main__":
    unittest.main()
