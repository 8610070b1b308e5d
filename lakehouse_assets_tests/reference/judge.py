"""Judging: a line -> the silver row it becomes, or all rules it fails. The rules of design section 6.

One line at a time; which of several accepted lines wins is in `silver`.

Read this way where the design leaves room:

- Bytes come first: a line that is too long or not UTF-8 is judged no further, also below a header that lacks
  a column. Then the header, then the line's own form, then its values.
- A header that names any column twice (also an unknown one, also the empty name) lacks its columns.
- `updated_at` is a time, not a plain date; blank counts as not present.
- `extra` of a CSV line holds the unquoted text, not trimmed, under the trimmed column name.
- An unknown JSON key belongs to `extra` also when its value is null.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from .formats import (
    parse_csv_line,
    parse_day,
    parse_json_object,
    parse_time,
    to_python,
    to_text,
    trim,
)
from .landing import Line

Row = dict[str, Any]
Check = Callable[[str, date], bool]

SOURCES = ("events", "transactions", "users")
EVENT_TIME = {"events": "event_timestamp", "transactions": "transaction_timestamp"}

_EVENT_TYPES = {"page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login", "logout"}
_CURRENCIES = {"USD", "PEN", "EUR", "MXN", "COP", "CLP", "BRL", "ARS", "GBP"}
_DEVICE_TYPES = {"iOS", "Android", "Web"}
_AMOUNT = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,2})?")
_COUNTRY = re.compile(r"[A-Z]{2}")

_DAYS_BEFORE_ARRIVAL = 30
_DAYS_AFTER_ARRIVAL = 2


@dataclass(frozen=True)
class Verdict:
    """What became of a line: a row (without `effective_to`), or failed rules and no row."""

    line: Line
    failed_rules: tuple[str, ...]
    row: Row | None


def _is_time(text: str, arrival_date: date) -> bool:
    return parse_time(text) is not None


def _is_in_range(text: str, arrival_date: date) -> bool:
    # Both bounds are midnights, so days decide; ordinals cannot overflow as dates can.
    instant = parse_time(text)
    assert instant is not None, "judged after _is_time"
    days_after_arrival = instant.toordinal() - arrival_date.toordinal()
    return -_DAYS_BEFORE_ARRIVAL <= days_after_arrival < _DAYS_AFTER_ARRIVAL


_RULES: dict[str, dict[str, dict[str, Check]]] = {
    "events": {
        "event_id": {},
        "session_id": {},
        "user_id": {},
        "event_type": {"event_type_allowed": lambda text, _: text in _EVENT_TYPES},
        "event_timestamp": {"event_timestamp_valid": _is_time, "event_timestamp_in_range": _is_in_range},
    },
    "transactions": {
        "transaction_id": {},
        "session_id": {},
        "user_id": {},
        "amount": {
            "amount_valid": lambda text, _: _AMOUNT.fullmatch(text) is not None,
            "amount_positive": lambda text, _: Decimal(text) > 0,
        },
        "currency": {"currency_allowed": lambda text, _: text in _CURRENCIES},
        "transaction_timestamp": {
            "transaction_timestamp_valid": _is_time,
            "transaction_timestamp_in_range": _is_in_range,
        },
    },
    "users": {
        "user_id": {},
        "signup_date": {"signup_date_valid": lambda text, _: parse_day(text) is not None},
        "device_type": {"device_type_allowed": lambda text, _: text in _DEVICE_TYPES},
        "country": {"country_valid": lambda text, _: _COUNTRY.fullmatch(text) is not None},
        "updated_at": {"updated_at_valid": _is_time},
    },
}
_OPTIONAL = {"updated_at"}


def judge_line(line: Line) -> Verdict:
    """The verdict on one line."""
    if line.faults:
        return Verdict(line, tuple(sorted(line.faults)), None)
    if line.source == "events":
        return _judge_event(line)
    return _judge_csv(line)


def _judge_event(line: Line) -> Verdict:
    fields = parse_json_object(line.raw)
    if fields is None:
        return Verdict(line, ("corrupt_json",), None)
    texts = {column: to_text(fields.get(column)) for column in _RULES["events"]}
    failed_rules = _failed_rules(line, texts)
    if failed_rules:
        return Verdict(line, failed_rules, None)
    details = fields.get("event_details")
    unknown = {name: to_python(value) for name, value in fields.items() if name not in {*texts, "event_details"}}
    row = {
        **texts,
        "event_timestamp": parse_time(texts["event_timestamp"] or ""),
        "page_url": to_text(details.get("page_url")) if isinstance(details, dict) else None,
        "event_details": to_python(details),
        "extra": unknown or None,
    }
    return Verdict(line, (), row | _origin(line))


def _judge_csv(line: Line) -> Verdict:
    header = _parse_header(line.header or "", set(_RULES[line.source]) - _OPTIONAL)
    if header is None:
        return Verdict(line, ("missing_column",), None)
    fields = parse_csv_line(line.raw)
    if fields is None or len(fields) != len(header):
        return Verdict(line, ("corrupt_csv",), None)
    named = dict(zip(header, fields, strict=True))
    texts = {column: trim(named.get(column, "")) for column in _RULES[line.source]}
    failed_rules = _failed_rules(line, texts)
    if failed_rules:
        return Verdict(line, failed_rules, None)
    unknown = {name: text for name, text in named.items() if name not in texts}
    values = _transaction_values(texts) if line.source == "transactions" else _user_values(texts, line)
    return Verdict(line, (), values | {"extra": unknown or None} | _origin(line))


def _parse_header(header: str, required: set[str]) -> list[str] | None:
    fields = parse_csv_line(header)
    if fields is None:
        return None
    names = [field.strip(" ") for field in fields]
    is_complete = required <= set(names) and len(set(names)) == len(names)
    return names if is_complete else None


def _failed_rules(line: Line, texts: Mapping[str, str | None]) -> tuple[str, ...]:
    """The first failing rule of every column, sorted."""
    failed = []
    for column, checks in _RULES[line.source].items():
        text = texts[column]
        if text is None:
            failed += [] if column in _OPTIONAL else [f"{column}_not_null"]
            continue
        first_failure = next((rule for rule, check in checks.items() if not check(text, line.arrival_date)), None)
        failed += [] if first_failure is None else [first_failure]
    return tuple(sorted(failed))


def _transaction_values(texts: Mapping[str, str | None]) -> Row:
    return {
        **texts,
        "amount": Decimal(texts["amount"] or "").quantize(Decimal("0.01")),
        "transaction_timestamp": parse_time(texts["transaction_timestamp"] or ""),
    }


def _user_values(texts: Mapping[str, str | None], line: Line) -> Row:
    updated_at = texts["updated_at"]
    arrival = datetime.combine(line.arrival_date, time(), tzinfo=UTC)
    return {
        "user_id": texts["user_id"],
        "effective_from": arrival if updated_at is None else parse_time(updated_at),
        "signup_date": parse_day(texts["signup_date"] or ""),
        "device_type": texts["device_type"],
        "country": texts["country"],
    }


def _origin(line: Line) -> Row:
    return {
        "arrival_date": line.arrival_date,
        "source_file": line.source_file,
        "line_number": line.line_number,
    }
