"""The store's own SQL, as its database logged it, turned into pgbench scripts and functions that do the same work.

Nothing here knows a statement. What is known is one call: what was sent and what was answered. Where a logged parameter
holds something of the call (an id, a name, a price), the copy holds the same of another call, drawn at random or made
anew; any other parameter stays as it was.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

LOG_PREFIX = "bench:%p:%a:"
"""What log_line_prefix must be for read_log."""

_ENTRY = re.compile(r"^bench:(\d+):(.*?):([A-Z]+):  (.*)$")
_COMMAND = re.compile(r"^(?:execute [^:]*|statement): (.*)$", re.S)
_PLACEHOLDER = re.compile(r"\$(\d+)")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d$")
_COMMENTS = r"^(?:\s+|/\*.*?\*/|--[^\n]*)*"
_BEGIN = re.compile(_COMMENTS + r"(BEGIN|START TRANSACTION)\b", re.I | re.S)
_END = re.compile(_COMMENTS + r"(COMMIT|END|ROLLBACK)\b", re.I | re.S)
_DATA = re.compile(_COMMENTS + r"(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE)\b", re.I | re.S)


class CannotCopy(Exception):
    """A call whose statements pgbench or PL/pgSQL can't run as they are."""


def begins(sql: str) -> bool:
    return bool(_BEGIN.match(sql))


def ends(sql: str) -> bool:
    return bool(_END.match(sql))


def has_plan(sql: str) -> bool:
    """Whether it reads or writes rows, and so can be prepared."""
    return bool(_DATA.match(sql))


@dataclass(frozen=True)
class Executed:
    """One statement that a session ran, with its parameters as text; None is NULL."""

    session: int
    application: str
    sql: str
    parameters: tuple = ()


def read_log(text: str) -> list[Executed]:
    """The statements of a server log that was written with log_statement = all and LOG_PREFIX, in their order."""
    entries = []
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            entries.append([int(entry[1]), entry[2], entry[3], entry[4]])
        elif entries and line.startswith("\t"):
            entries[-1][3] += "\n" + line[1:]
    result = []
    for session, application, severity, message in entries:
        command = _COMMAND.match(message) if severity == "LOG" else None
        if command:
            result.append(Executed(session, application, command[1].strip()))
        elif severity == "DETAIL" and message.lower().startswith("parameters: "):
            # Sessions write at the same time, so that the line above may be another one's.
            for n in range(len(result) - 1, -1, -1):
                if result[n].session == session:
                    last = result[n]
                    result[n] = Executed(session, application, last.sql, tuple(read_parameters(message[12:])))
                    break
    return result


def read_parameters(text: str) -> list[str | None]:
    """The values of ``$1 = 'x', $2 = NULL``."""
    values = []
    at = 0
    while at < len(text):
        name = re.compile(r"(?:, )?\$\d+ = ").match(text, at)
        if not name:
            raise ValueError(f"no parameter at {text[at:at + 40]!r}")
        at = name.end()
        if text.startswith("NULL", at):
            values.append(None)
            at += 4
            continue
        value = re.compile(r"'((?:[^']|'')*)'").match(text, at)
        if not value:
            raise ValueError(f"no value at {text[at:at + 40]!r}")
        values.append(value[1].replace("''", "'"))
        at = value.end()
    return values


def read_array(text: str) -> list[str | None]:
    """The elements of an array of one dimension as PostgreSQL prints it."""
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError(f"not an array: {text[:40]!r}")
    element = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', re.S)
    values = []
    at = 1
    while at < len(text) - 1:
        match = element.match(text, at)
        if not match:
            raise ValueError(f"no element at {text[at:at + 40]!r}")
        if match[1] is not None:
            values.append(re.sub(r"\\(.)", r"\1", match[1], flags=re.S))
        else:
            values.append(None if match[2] == "NULL" else match[2])
        at = match.end() + 1
    return values


def array_literal(values) -> str:
    """The other way round, for COPY."""
    return "{" + ",".join('"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"


def transactions(executed: list[Executed]) -> list[list[Executed]]:
    """Those statements that ran between BEGIN and COMMIT, by transaction, both ends included."""
    done, open_ones = [], {}
    for statement in executed:
        if begins(statement.sql):
            open_ones[statement.session] = [statement]
        elif statement.session in open_ones:
            open_ones[statement.session].append(statement)
            if ends(statement.sql):
                done.append(open_ones.pop(statement.session))
    return done


@dataclass(frozen=True)
class Part:
    """One element of a column of the draw: the index-th of those that the captured call had."""

    column: str
    index: int


CLOCK = "the moment of the call"


@dataclass
class Marks:
    """How to know the parts of a call again. ``width`` says how many elements a column has for one such call."""

    exact: dict = field(default_factory=dict)
    inside: dict = field(default_factory=dict)
    numbers: dict = field(default_factory=dict)
    width: dict = field(default_factory=dict)

    def add(self, column: str, value, within_text: bool = False) -> None:
        """A value of the call; ``within_text`` for one that no other text would contain by chance."""
        part = Part(column, self.width.get(column, 0))
        self.width[column] = part.index + 1
        if isinstance(value, Decimal):
            self.numbers.setdefault(value, part)
            return
        self.exact.setdefault(str(value), part)
        if within_text:
            self.inside.setdefault(str(value), part)

    def template(self, value: str | None, now: datetime.datetime) -> tuple | None:
        """The value as constants and parts; None for NULL."""
        if value is None:
            return None
        if value in self.exact:
            return (self.exact[value],)
        if "." in value:
            # A whole number may be a count, a position, anything; amounts have decimals.
            try:
                number = self.numbers.get(Decimal(value))
            except InvalidOperation:
                number = None
            if number:
                return (number,)
        if _TIMESTAMP.match(value):
            moment = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", value) + ":00")
            if abs((now - moment).total_seconds()) < 60:
                return (CLOCK,)
        if not self.inside:
            return (value,)
        pieces = re.split("(" + "|".join(map(re.escape, self.inside)) + ")", value)
        # Bytes are printed in hexadecimal: a body has its ids hidden, and stays the constant it is.
        return tuple(self.inside.get(piece, piece) for piece in pieces if piece)


@dataclass(frozen=True)
class Signature:
    """What PostgreSQL says of a statement once it is prepared."""

    parameter_types: tuple
    returns_rows: bool


@dataclass(frozen=True)
class Statement:
    """A statement whose parameters are templates, or lists of them for arrays."""

    sql: str
    signature: Signature
    parameters: tuple


def generalize(executed: list[Executed], marks: Marks, signatures: dict, now: datetime.datetime) -> list[Statement]:
    """The statements with what is of the call marked. ``signatures`` has one for each SQL text that reads or writes."""
    result = []
    for statement in executed:
        signature = signatures.get(statement.sql, Signature((), False))
        parameters = []
        for value, type_name in zip(statement.parameters, signature.parameter_types):
            if value is not None and type_name.endswith("[]"):
                parameters.append([marks.template(element, now) for element in read_array(value)])
            else:
                parameters.append(marks.template(value, now))
        result.append(Statement(statement.sql, signature, tuple(parameters)))
    return result


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _scalar(template: tuple | None, shift: dict) -> str:
    if template is None:
        return "NULL"
    pieces = []
    for piece in template:
        if isinstance(piece, Part):
            # PostgreSQL counts from one.
            pieces.append(f"bench_draw.{piece.column}[{piece.index + shift.get(piece.column, 0) + 1}]")
        elif piece == CLOCK:
            pieces.append("clock_timestamp()")
        else:
            pieces.append(literal(piece))
    if len(pieces) == 1:
        return pieces[0]
    return " || ".join(f"CAST({piece} AS text)" for piece in pieces)


def _varies(parameter) -> bool:
    templates = parameter if isinstance(parameter, list) else [parameter]
    return any(isinstance(piece, Part) or piece == CLOCK for t in templates if t for piece in t)


def _constant(parameter) -> str:
    if isinstance(parameter, list):
        return "{" + ",".join("NULL" if t is None else array_literal(["".join(t)])[1:-1] for t in parameter) + "}"
    return "".join(parameter)


def expression(parameter, type_name: str, shift: dict | None = None) -> str:
    """A parameter as SQL over a row ``bench_draw``; ``shift`` moves a column's index to another call of the draw."""
    shift = shift or {}
    if isinstance(parameter, list) and _varies(parameter):
        value = "ARRAY[" + ", ".join(_scalar(template, shift) for template in parameter) + "]"
    elif parameter is None or not isinstance(parameter, list):
        value = _scalar(parameter, shift)
    else:
        value = literal(_constant(parameter))
    return f"CAST({value} AS {type_name})"


def function_sql(name: str, statements: list[Statement], draw: str, calls: int) -> str:
    """A PL/pgSQL function that runs the statements for the draw of a number, all in one call."""
    body = []
    for statement in statements:
        if begins(statement.sql) or ends(statement.sql):
            continue
        types = statement.signature.parameter_types
        sql = _PLACEHOLDER.sub(
            lambda match: expression(statement.parameters[int(match[1]) - 1], types[int(match[1]) - 1]), statement.sql)
        body.append(f"  FOR bench_ignored IN\n{sql}\n  LOOP END LOOP;" if statement.signature.returns_rows else sql + ";")
    return (
        f"CREATE OR REPLACE FUNCTION bench.{name}(bench_number integer) RETURNS void LANGUAGE plpgsql AS $bench_body$\n"
        "#variable_conflict use_column\n"
        "DECLARE\n  bench_draw record;\n  bench_ignored record;\n"
        "BEGIN\n"
        f"  SELECT * INTO STRICT bench_draw FROM bench.{draw} CROSS JOIN bench.fresh({calls}) WHERE n = bench_number;\n"
        + "\n".join(body) + "\nEND\n$bench_body$;\n")


@dataclass(frozen=True)
class Script:
    """A pgbench script, the constants to define for it, and how many calls of the store's one run of it stands for."""

    text: str
    constants: dict
    calls: int


def round_trips_script(statements: list[Statement], marks: Marks, draw: str, draws: int, calls: int) -> Script:
    """A script that runs the statements one by one, as often as ``calls`` says, with parameters drawn all at once.

    BEGIN goes with the statement behind it, as the JDBC driver sends it; any other statement is a round trip of its own:
    the log doesn't say which of them the store sent together.
    """
    columns, constants, lines = [], {}, []
    for call in range(calls):
        shift = {column: call * width for column, width in marks.width.items()}
        piped = False
        for s, statement in enumerate(statements):
            if re.search(r"(?<!:):[A-Za-z_0-9]", statement.sql):
                raise CannotCopy(f"pgbench would take a colon for a variable in {statement.sql[:60]!r}")

            def value(match, s=s, statement=statement):
                p = int(match[1]) - 1
                if statement.parameters[p] is None:
                    return "NULL"
                if not _varies(statement.parameters[p]):
                    constants[f"k{s}_{p}"] = _constant(statement.parameters[p])
                    return f":k{s}_{p}"
                variable = f"v{call}_{s}_{p}"
                column = f"{expression(statement.parameters[p], statement.signature.parameter_types[p], shift)} AS {variable}"
                if column not in columns:
                    columns.append(column)
                return ":" + variable

            if begins(statement.sql):
                lines.append("\\startpipeline")
                piped = True
            lines.append(_PLACEHOLDER.sub(value, statement.sql) + ";")
            if piped and not begins(statement.sql):
                lines.append("\\endpipeline")
                piped = False
    query = (f"SELECT {', '.join(columns)} FROM bench.{draw} AS drawn CROSS JOIN bench.fresh({calls}) AS anew"
             f" CROSS JOIN LATERAL (SELECT drawn.*, anew.*) AS bench_draw WHERE drawn.n = :n")
    head = [f"\\set n random(1, {draws})", query + " \\gset"]
    return Script("\n".join(head + lines) + "\n", constants, calls)


def calling_script(function: str, draws: int, calls: int) -> Script:
    return Script(f"\\set n random(1, {draws})\nSELECT bench.{function}(:n);\n", {}, calls)
