"""
What of Kibana's query language the saved searches use, as questions to Elasticsearch: field : value, field : (one or other),
field : *, field >= number, and, or, parentheses. Anything else is refused.
"""

import re

TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<sign>>=|<=|[:()<>])|(?P<word>[^\s:()<>"]+))')
RANGES = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}


class Refused(Exception):
    pass


class Query:
    def __init__(self, text):
        self.tokens = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise Refused(text[at:])
            self.tokens.append(found[0].strip())
            at = found.end()
        self.fields = set()

    def translate(self):
        if not self.tokens:
            return {"match_all": {}}
        made = self._any_of(self._condition)
        if self.tokens:
            raise Refused(self.tokens)
        return made

    def _next(self, *expected):
        token = self.tokens.pop(0)
        if expected and token not in expected:
            raise Refused(f"{token} instead of {expected}")
        return token

    def _is(self, token):
        return bool(self.tokens) and self.tokens[0] == token

    def _any_of(self, part):
        parts = [self._all_of(part)]
        while self._is("or"):
            self._next()
            parts.append(self._all_of(part))
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def _all_of(self, part):
        parts = [part()]
        while self._is("and"):
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def _condition(self):
        if self._is("("):
            self._next()
            made = self._any_of(self._condition)
            self._next(")")
            return made
        field = self._next()
        self.fields.add(field)
        sign = self._next(":", *RANGES)
        if sign != ":":
            return {"range": {field: {RANGES[sign]: float(self._next())}}}
        if self._is("("):
            self._next()
            made = self._any_of(lambda: self._value(field))
            self._next(")")
            return made
        return self._value(field)

    def _value(self, field):
        value = self._next()
        if value == "*":
            return {"exists": {"field": field}}
        if value.startswith('"'):
            return {"match_phrase": {field: value[1:-1]}}
        return {"match": {field: value}}
