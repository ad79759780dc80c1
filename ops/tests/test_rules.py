"""The rules by themselves: well-formed, tested, and tested by tests that notice."""

import concurrent.futures
import copy
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

import gate
from programs import program
from rulebook import OPS, read_rules, selectors

RULES = OPS / "prometheus/rules"
CASES = OPS / "tests/rules"


def promtool(*arguments):
    done = subprocess.run([program("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


class FilesTest(unittest.TestCase):
    def test_promtool_takes_the_configuration_and_the_rules(self):
        code, said = promtool("check", "config", OPS / "prometheus/prometheus.yml")
        self.assertEqual(0, code, said)
        self.assertIn(f"SUCCESS: {len(list(RULES.glob('*.yml')))} rule files found", said)

    def test_promtool_refuses_a_configuration_with_a_typing_error(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = shutil.copytree(OPS / "prometheus", pathlib.Path(folder) / "prometheus")
            rules = copied / "rules/api.yml"
            rules.write_text(rules.read_text().replace("histogram_quantile(", "histogram_quantil("))
            code, said = promtool("check", "config", copied / "prometheus.yml")
            self.assertNotEqual(0, code, said)

    def test_every_case_holds(self):
        code, said = promtool("test", "rules", *sorted(CASES.glob("*.yml")))
        self.assertEqual(0, code, said)


class GateTest(unittest.TestCase):
    """The gate lets the kit through, and nothing that lacks something."""

    def setUp(self):
        self.rules, self.cases, self.pages = copy.deepcopy(gate.kit())

    def complaint(self):
        return "\n".join(gate.complaints(self.rules, self.cases, self.pages))

    def test_lets_the_kit_through(self):
        self.assertEqual("", self.complaint())

    def test_notices_an_alert_that_never_fires_in_a_case(self):
        self.cases = [case for case in self.cases if case[0] != "StockNegative.yml"]
        self.assertIn("StockNegative severity=critical has no case in which it fires", self.complaint())

    def test_notices_one_rule_of_several_that_never_fires(self):
        for _, _, question in self.cases:
            question["exp_alerts"] = [a for a in question.get("exp_alerts", []) if a["exp_labels"].get("window") != "6h"]
        self.assertIn("ErrorBudgetBurn severity=critical window=6h has no case in which it fires", self.complaint())

    def test_notices_an_alert_that_is_never_silent(self):
        self.cases = [(f, c, q) for f, c, q in self.cases if f != "GcOverhead.yml" or q["exp_alerts"]]
        self.assertIn("GcOverhead severity=warning has no case in which it stays silent", self.complaint())

    def test_does_not_count_a_case_without_series_as_silence(self):
        for file, case, question in self.cases:
            if file == "GcOverhead.yml" and not question["exp_alerts"]:
                case["input_series"] = []
        self.assertIn("GcOverhead severity=warning has no case in which it stays silent", self.complaint())

    def test_notices_an_alert_that_the_idle_store_does_not_name(self):
        for file, case, _ in self.cases:
            if file == gate.IDLE:
                case["alert_rule_test"] = [q for q in case["alert_rule_test"] if q["alertname"] != "OrdersStopped"]
        self.assertIn("OrdersStopped is not among the silent ones of", self.complaint())

    def test_notices_a_case_about_an_alert_that_is_not_there(self):
        for rule in self.rules:
            if rule.alert == "PostgresDown":
                rule.alert = "PostgresGone"
        self.assertIn("PostgresDown.yml asks about PostgresDown, which no rule is named", self.complaint())

    def test_notices_missing_and_foreign_texts(self):
        by_name = {rule.alert: rule for rule in self.rules}
        del by_name["HostCpuHigh"].annotations["description_en"]
        by_name["HostMemoryLow"].annotations["summary"] = "Memory is low"
        by_name["GcOverhead"].annotations["dashboard"] = "d/another"
        by_name["StockNegative"].annotations["runbook_url"] = "docs/runbooks/Stock.md"
        complaint = self.complaint()
        self.assertIn("HostCpuHigh severity=warning has no description_en", complaint)
        self.assertIn("HostMemoryLow severity=warning: its summary is not Russian", complaint)
        self.assertIn("GcOverhead severity=warning: its dashboard d/another is not one of the kit", complaint)
        self.assertIn("StockNegative severity=critical: its runbook_url is not", complaint)

    def test_notices_a_page_without_an_alert_and_an_alert_without_a_page(self):
        self.pages["Nothing"] = self.pages.pop("PostgresDown")
        self.assertIn("PostgresDown has no page", self.complaint())
        self.assertIn("Nothing.md is about no alert", self.complaint())


class SelectorsTest(unittest.TestCase):
    def test_finds_what_an_expression_asks_for(self):
        self.assertEqual(
            ['a_total{job="x",uri!~"/{id}|y"}', "b:rate5m", "c"],
            selectors('sum by (le, job) (rate(a_total{job="x",uri!~"/{id}|y"}[5m])) / on (job) b:rate5m > 0.5 and c offset 1d > 2e9'),
        )

    def test_every_rule_but_the_watchdog_asks_for_something(self):
        asks_nothing = [str(rule) for rule in read_rules(RULES) if not selectors(rule.expr)]
        self.assertEqual(["Watchdog severity=none"], asks_nothing)


class MutationTest(unittest.TestCase):
    """Every rule is changed in every way listed here, in a copy. Some case has to notice each change."""

    def test_every_change_of_a_rule_turns_a_case_red(self):
        changes = [change for rule in read_rules(RULES) for change in mutants(rule)]
        self.assertGreater(len(changes), 200)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            unnoticed = [change for change, noticed in zip(changes, threads.map(is_noticed, changes)) if not noticed]
        self.assertEqual([], [f"{rule}: {what}" for rule, what, _ in unnoticed])
        print(f"{len(changes) - len(unnoticed)} of {len(changes)} changes of rules were noticed")


def mutants(rule):
    """(rule, what was done, the changed body)"""

    def changed(what, **body):
        return rule, what, {**rule.body, **body}

    if rule.alert and "for" in rule.body:
        yield rule, "without for", {key: value for key, value in rule.body.items() if key != "for"}
    for name in dict.fromkeys(re.match(r"[\w:]+", selector).group() for selector in selectors(rule.expr)):
        yield changed(f"{name} renamed", expr=re.sub(rf"(?<![\w:]){name}(?![\w:])", f"{name}_renamed", rule.expr))
    for match in re.finditer(r"\b(\w+)(=~|!~|!=|=)\"[^\"]*\",?", rule.expr):
        if match.group(1) not in ("job", "pool"):
            yield changed(f"without {match.group()}", expr=rule.expr[: match.start()] + rule.expr[match.end() :])
    for match in re.finditer(r"(>=|<=|==|>|<) (-?[\d.]+(?: \* [\d.]+)*)", rule.expr):
        before, after = rule.expr[: match.start()], rule.expr[match.end() :]
        yield changed(f"{match.group()} lets all through", expr=f"{before}{'<' if '<' in match.group(1) else '>='} {'1e99' if '<' in match.group(1) else '-1e99'}{after}")
        yield changed(f"{match.group()} lets nothing through", expr=f"{before}{'<' if '<' in match.group(1) else '>'} {'-1e99' if '<' in match.group(1) else '1e99'}{after}")
    # A condition begins on a line of its own.
    lines = rule.expr.rstrip().split("\n")
    for index, line in enumerate(lines):
        if line.startswith("and "):
            end = next((i for i in range(index + 1, len(lines)) if re.match("(and|or|unless) ", lines[i])), len(lines))
            yield changed(f"without '{line}'", expr="\n".join(lines[:index] + lines[end:]))


def is_noticed(change):
    """Runs the alert's cases against what they need and no more: what is recorded, and its own rules, one of them changed."""
    rule, _, body = change
    recorded = [body if each.body == rule.body else each.body for each in read_rules(RULES) if each.record]
    # What is recorded shows in every alert that is made of it.
    noticed_by = [rule.alert] if rule.alert else ["recorded"]
    own = [body if each.body == rule.body else each.body for each in read_rules(RULES) if each.alert in noticed_by]
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder, "rules.yml")
        groups = [{"name": "recorded", "rules": recorded}, {"name": "own", "rules": own}]
        rules.write_text(yaml.dump({"groups": groups}, Dumper=yaml.CSafeDumper, allow_unicode=True))
        for alert in noticed_by:
            case = pathlib.Path(folder, "case.yml")
            text = re.sub("(?m)^group_eval_order: .*$", "", (CASES / f"{alert}.yml").read_text())
            case.write_text(re.sub("(?m)^rule_files: .*$", "rule_files: [rules.yml]\ngroup_eval_order: [recorded, own]", text))
            if promtool("test", "rules", case)[0]:
                return True
    return False


if __name__ == "__main__":
    unittest.main()
