"""The table dictionary in Markdown, from the contracts alone: what `lakehouse docs` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lakehouse_assets.contracts.model import Column, TableContract, VolumeExpectation
from lakehouse_assets.contracts.rules import (
    CORRUPT_CSV,
    CORRUPT_JSON,
    LINE_TOO_LONG,
    MAX_LINE_BYTES,
    MISSING_COLUMN,
    NOT_UTF8,
    InRange,
    Matches,
    NotNull,
    OneOf,
    Positive,
    Rule,
    ValidTime,
)
from lakehouse_assets.contracts.sources import SOURCES, SourceContract
from lakehouse_assets.contracts.tables import TABLES

PATH = "docs/tables.md"
COMMAND = f"lakehouse docs --out {PATH}"

_PII_CLASSES = {
    "pseudonym": "an identifier of a person, without a name",
    "contains": "text in which anything personal may stand; masked in previews",
}
_TIME = "a calendar date and time: `T` or a space between, up to six digits of fraction, optional `Z` or offset"
# In order of judgement: the bytes, the header, the form of the line.
_LINE_RULES = {
    NOT_UTF8: "its bytes are UTF-8",
    LINE_TOO_LONG: f"it has at most {MAX_LINE_BYTES:,} bytes; what is over is cut",
    MISSING_COLUMN: "the header of its file has every required column and no name twice; else all its lines fail",
    CORRUPT_CSV: "it has as many fields as the header, and its quotes are those of RFC 4180",
    CORRUPT_JSON: "it is one RFC 8259 object and nothing after it",
}


def table_dictionary() -> str:
    """The whole document: an overview, a section for each table, the rules of each source."""
    return "\n".join([*_head(), *_overview(), *_all(map(_table, TABLES.values())), *_rules_of_sources()])


def _head() -> list[str]:
    return [
        "# Tables",
        "",
        f"<!-- Generated from lakehouse_assets/contracts by `{COMMAND}`. Do not edit. -->",
        "",
        "Times are UTC. A column may be null where the table says so. Personal data (PII) has a class:",
        "",
        *(f"- `{name}`: {meaning}." for name, meaning in _PII_CLASSES.items()),
        "",
    ]


def _overview() -> list[str]:
    rows = [(f"[{table.name}](#{_anchor(table)})", table.grain, _partitioning(table)) for table in TABLES.values()]
    return [*_grid(("table", "grain", "partitions"), rows), ""]


def _table(table: TableContract) -> list[str]:
    facts = {
        "Grain": table.grain,
        "Key": _names(table.key),
        "Version order": f"the greatest by {_names(table.version_order)} stays"
        if table.version_order
        else "none; there is nothing to choose",
        "Partitions": _partitioning(table),
        "Owner": table.owner,
        "Freshness": f"written within the last {table.freshness_hours} hours",
        "Volume of a day": _volume(table.volume),
        "PII": _personal(table.columns),
        "Audit columns": _names(table.audit_columns) or "none",
    }
    columns = [
        (
            f"`{column.name}`",
            f"`{column.spark_type.simpleString()}`",
            "yes" if column.nullable else "",
            column.pii or "",
            column.description,
        )
        for column in table.columns
    ]
    return [
        f"## {table.name}",
        "",
        table.description,
        "",
        *(f"- {name}: {fact}." for name, fact in facts.items()),
        "",
        *_grid(("column", "type", "may be null", "PII", "description"), columns),
        "",
        *_rules_of_rows(table),
    ]


def _volume(expected: VolumeExpectation | None) -> str:
    if expected is None:
        return "not compared"
    return (
        f"beside the same weekday of {expected.min_weeks} to {expected.weeks} past weeks, lines within "
        f"{expected.lines_percent} % of the median, at least {expected.hour_percent} % of the rows of each hour that "
        f"usually has {expected.min_rows_of_hour} or more, and no end of the day without events for "
        f"{expected.silent_minutes} minutes longer; more is let through where past weeks vary more"
    )


def _rules_of_rows(table: TableContract) -> list[str]:
    if not table.row_rules:
        return []
    rules = [f"- `{rule.name}`: {rule.description}" for rule in table.row_rules]
    return ["Checked in every row before it is published:", "", *rules, ""]


def _rules_of_sources() -> list[str]:
    return [
        "## Rules",
        "",
        "A line that fails a rule stands in quarantine with the names of the rules it fails. Spaces around a value are",
        "trimmed before it is judged. Rules are judged in this order. A line that fails a rule on the whole line is",
        "judged no further; of one column only the first rule that fails is named.",
        "",
        *_all(map(_rules, SOURCES.values())),
    ]


def _rules(source: SourceContract) -> list[str]:
    of_line = [(name, "the line", passes) for name, passes in _LINE_RULES.items() if name in source.line_rules]
    of_columns = [(rule.name, f"`{rule.column}`", _passes(rule, source)) for rule in source.rules]
    rows = [
        (str(number), f"`{name}`", what, passes)
        for number, (name, what, passes) in enumerate((*of_line, *of_columns), start=1)
    ]
    return [f"### Rules of {source.name}", "", *_grid(("", "rule", "looks at", "passes when"), rows), ""]


def _passes(rule: Rule, source: SourceContract) -> str:
    absent = "it is absent or blank, or " if rule.column in source.optional_columns else ""
    return absent + _condition(rule)


def _condition(rule: Rule) -> str:
    match rule:
        case NotNull():
            return "it is there, not JSON null, not empty and not only spaces"
        case OneOf():
            return f"it is one of {_names(rule.values)}"
        case Matches():
            return f"it matches `{rule.pattern}`"
        case Positive():
            return "it is greater than zero"
        case ValidTime(plain_date=True):
            return f"it is a calendar date, or {_TIME}"
        case ValidTime():
            return f"it is {_TIME}; without one it is UTC"
        case InRange():
            return (
                f"it is not before the arrival day minus {rule.days_before} days, "
                f"and before the arrival day plus {rule.days_after} days"
            )


def _partitioning(table: TableContract) -> str:
    if table.partitioning is None:
        return "none"
    by = {"identity": "", "day": "day of ", "month": "month of "}[table.partitioning.transform]
    return f"{by}`{table.partitioning.column}`"


def _personal(columns: Sequence[Column]) -> str:
    by_class = {
        name: _names(column.name for column in columns if column.pii == name)
        for name in dict.fromkeys(column.pii for column in columns if column.pii)
    }
    return "; ".join(f"{name} ({which})" for name, which in by_class.items()) or "none"


def _anchor(table: TableContract) -> str:
    """How GitHub names the heading of a table."""
    return table.name.replace(".", "")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(heads)
    yield _row(["---"] * len(heads))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _all(blocks: Iterable[Sequence[str]]) -> Iterator[str]:
    for block in blocks:
        yield from block
