"""The alert rules and their cases, read once for every test that looks at them."""

import functools
import pathlib
import re

import yaml

OPS = pathlib.Path(__file__).resolve().parent.parent
ROOT = OPS.parent

STRING = r'"(?:[^"\\]|\\.)*"'
TOKEN = re.compile(
    rf'(?P<labels>\b(?:by|on|without|ignoring|group_left|group_right)\b\s*(?:\([^)]*\))?)'
    rf'|(?P<range>\[[^\]]*\]|\boffset\s+\w+)'
    rf'|(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?P<matchers>\{{(?:[^}}"]|{STRING})*\}})?(?P<called>\s*\()?'
    rf'|(?P<other>\d[\w.]*|{STRING}|.)',
    re.DOTALL,
)
# Words that stand where a metric could: with a list of labels behind them they look like one.
OPERATORS = {"and", "or", "unless", "bool", "sum", "avg", "min", "max", "count", "topk"}


class Rule:
    """One rule of one group; several may bear the name of one alert."""

    def __init__(self, file, group, body):
        self.file = file
        self.group = group
        self.body = body
        self.alert = body.get("alert")
        self.record = body.get("record")
        self.expr = body["expr"]
        self.labels = {key: str(value) for key, value in body.get("labels", {}).items()}
        self.annotations = body.get("annotations", {})

    def __str__(self):
        return (self.alert or self.record) + "".join(f" {key}={value}" for key, value in self.labels.items())


@functools.cache
def read_rules(folder):
    rules = []
    for file in sorted(folder.glob("*.yml")):
        for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]:
            rules += [Rule(file.name, group["name"], body) for body in group["rules"]]
    return rules


@functools.cache
def read_cases(folder):
    """Every question of every case: (file, case, question)."""
    questions = []
    for file in sorted(folder.glob("*.yml")):
        for case in yaml.load(file.read_text(), yaml.CSafeLoader)["tests"]:
            questions += [(file.name, case, question) for question in case.get("alert_rule_test", [])]
    return questions


def selectors(expression):
    """The series that an expression asks for, each as it stands there: name and matchers, without ranges."""
    found = []
    for token in TOKEN.finditer(expression):
        word, matchers = token.group("word"), token.group("matchers")
        if word and word not in OPERATORS and (matchers or not token.group("called")):
            found.append(word + (matchers or ""))
    return list(dict.fromkeys(found))


def queries(rule):
    """The questions that a rule's texts ask, beside its own."""
    texts = " ".join(rule.annotations.values())
    return [re.sub(r'\\"', '"', text) for text in re.findall(r'query "((?:[^"\\]|\\.)*)"', texts)]
