"""
What must be there for an alert to count as one: cases, texts, a page. Says what is wrong in sentences; an empty list is good.

    python3 gate.py    # says it of this kit, and ends with 1 if anything is wrong
"""

import re
import sys

from rulebook import OPS, ROOT, read_cases, read_rules

SEVERITIES = {"critical", "warning", "none"}
DASHBOARDS = {f"d/store-{name}" for name in ("system", "api", "database", "shop", "jvm", "loadtest")}
TEXTS = ("summary", "description", "summary_en", "description_en", "runbook_url", "dashboard")

# It fires always, and that is what it is for.
ALWAYS = "Watchdog"
# The cases in which nothing is amiss, or nothing is there, name every alert.
IDLE = "idle-and-empty.yml"


def complaints(rules, cases, pages):
    return list(
        without_cases(rules, cases) + unknown_names(rules, cases) + not_idle(rules, cases) + texts(rules) + runbooks(rules, pages)
    )


def alerts(rules):
    return list(dict.fromkeys(rule.alert for rule in rules if rule.alert))


def without_cases(rules, cases):
    said = []
    for rule in rules:
        if not rule.alert:
            continue
        own = [(case, question) for file, case, question in cases if file == f"{rule.alert}.yml" and question["alertname"] == rule.alert]
        fired = [alert for _, question in own for alert in question.get("exp_alerts", [])]
        if not any(rule.labels.items() <= {k: str(v) for k, v in alert["exp_labels"].items()}.items() for alert in fired):
            said.append(f"{rule} has no case in which it fires")
        if rule.alert != ALWAYS and not any(case.get("input_series") and not question.get("exp_alerts") for case, question in own):
            said.append(f"{rule} has no case in which it stays silent though there are series")
    return said


def unknown_names(rules, cases):
    """An alert that isn't there is silent in every case."""
    known = alerts(rules)
    return [
        f"{file} asks about {question['alertname']}, which no rule is named"
        for file, _, question in cases
        if question["alertname"] not in known
    ]


def not_idle(rules, cases):
    said = []
    idle = [case for file, case, _ in cases if file == IDLE]
    for case in list({id(case): case for case in idle}.values()):
        silent = {question["alertname"] for question in case["alert_rule_test"] if not question["exp_alerts"]}
        # Where there is nothing at all, that is what MetricsMissing says.
        expected = set(alerts(rules)) - {ALWAYS} - (set() if case.get("input_series") else {"MetricsMissing"})
        said += [f"{alert} is not among the silent ones of '{case['name']}'" for alert in sorted(expected - silent)]
    return said if idle else [f"{IDLE} is missing"]


def texts(rules):
    said = []
    for rule in rules:
        if not rule.alert:
            continue
        if rule.labels.get("severity") not in SEVERITIES:
            said.append(f"{rule} has no severity of {sorted(SEVERITIES)}")
        missing = [text for text in TEXTS if not rule.annotations.get(text)]
        if missing:
            said.append(f"{rule} has no {', '.join(missing)}")
            continue
        for text in ("summary", "description"):
            if not re.search("[а-яё]", rule.annotations[text]):
                said.append(f"{rule}: its {text} is not Russian")
            if re.search("[а-яё]", rule.annotations[f"{text}_en"]):
                said.append(f"{rule}: its {text}_en is not English")
        if rule.annotations["runbook_url"] != f"docs/runbooks/{rule.alert}.md":
            said.append(f"{rule}: its runbook_url is not docs/runbooks/{rule.alert}.md")
        if rule.annotations["dashboard"] not in DASHBOARDS:
            said.append(f"{rule}: its dashboard {rule.annotations['dashboard']} is not one of the kit")
    return said


def runbooks(rules, pages):
    """pages: the text of each, by its name."""
    said = [f"{alert} has no page docs/runbooks/{alert}.md" for alert in alerts(rules) if alert not in pages]
    said += [f"docs/runbooks/{page}.md is about no alert" for page in pages if page not in alerts(rules)]
    for page, text in pages.items():
        missing = [part for part in ("What it means", "What to look at", "What to do", "How it ends") if f"\n## {part}\n" not in text]
        if missing or not text.startswith(f"# {page}\n"):
            said.append(f"docs/runbooks/{page}.md lacks its title or: {', '.join(missing)}")
    return said


def read_pages():
    return {file.stem: file.read_text() for file in sorted((ROOT / "docs/runbooks").glob("*.md")) if file.stem != "README"}


def kit():
    return read_rules(OPS / "prometheus/rules"), read_cases(OPS / "tests/rules"), read_pages()


if __name__ == "__main__":
    wrong = complaints(*kit())
    print("\n".join(wrong) or "every alert has its cases, its texts and its page")
    sys.exit(bool(wrong))
