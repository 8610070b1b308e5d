"""Defects: every planted kind, the rules it fails, and how a copy of a good row is spoilt.

Belongs here: what a defect is. Not here: how many there are and when they arrive (`deliveries`). The rule
names repeat the platform's contract on purpose: the truth is an independent witness. A defect fails exactly
the rules named here, whatever row it falls on, and survives duplication within the hour and the day.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from generator.calendar import DAY_SECONDS, HOUR_SECONDS
from generator.randomness import Ints, Mask
from generator.rows import EventRows, Rows, Source, TransactionRows
from generator.vocabulary import CURRENCIES, EVENT_TYPES, UNKNOWN_CURRENCIES, UNKNOWN_EVENT_TYPES

R = TypeVar("R", bound=Rows)
Rules = tuple[str, ...]

NEAR_DUPLICATE = "near_duplicate"
MOST_SECONDS_APART = 3 * HOUR_SECONDS
# Clear of the limit (arrival day + 2 days) even when a duplicate lands a day later, after an outage.
FUTURE_DAYS = range(5, 300)

FAILED_RULES: dict[Source, dict[str, Rules]] = {
    Source.EVENTS: {
        "corrupt_json_truncated": ("corrupt_json",),
        "corrupt_json_trailing_text": ("corrupt_json",),
        "corrupt_json_not_an_object": ("corrupt_json",),
        "corrupt_json_single_quotes": ("corrupt_json",),
        "corrupt_json_nan_literal": ("corrupt_json",),
        "invalid_utf8": ("not_utf8",),
        "unknown_event_type": ("event_type_allowed",),
        "null_user": ("user_id_not_null",),
        "future_time": ("event_timestamp_in_range",),
        "epoch_time": ("event_timestamp_in_range",),
        NEAR_DUPLICATE: (),
    },
    Source.TRANSACTIONS: {
        "corrupt_csv_wrong_field_count": ("corrupt_csv",),
        "corrupt_csv_unbalanced_quote": ("corrupt_csv",),
        "invalid_utf8": ("not_utf8",),
        "null_user": ("user_id_not_null",),
        "unknown_currency": ("currency_allowed",),
        "invalid_amount": ("amount_valid",),
        "negative_amount": ("amount_positive",),
        "future_time": ("transaction_timestamp_in_range",),
        "epoch_time": ("transaction_timestamp_in_range",),
    },
    Source.USERS: {
        "corrupt_csv_wrong_field_count": ("corrupt_csv",),
        "corrupt_csv_unbalanced_quote": ("corrupt_csv",),
        "invalid_utf8": ("not_utf8",),
        "null_user": ("user_id_not_null",),
        "unknown_device_type": ("device_type_allowed",),
        "invalid_country": ("country_valid",),
    },
}


def kinds_of(source: Source) -> Sequence[str]:
    """The kinds of a source; a row's `defect` is 1 + the index of its kind."""
    return tuple(FAILED_RULES[source])


def rules_failed_by(source: Source, defect: int) -> Rules:
    """The rules that a row with this mark fails; none for a good row."""
    return FAILED_RULES[source][kinds_of(source)[defect - 1]] if defect else ()


def is_quarantined(source: Source, defects: Ints) -> Mask:
    """Which of the marks mean quarantine."""
    verdicts = np.array([False, *(bool(rules) for rules in FAILED_RULES[source].values())])
    return verdicts[defects]


def spoil(source: Source, rows: R, kind: str, identifier_offset: int) -> R:
    """Copies of good rows that carry a defect: the marks, and the columns in which it shows.

    Each copy has an identifier of its own, `identifier_offset` above its original's, so that a line which
    slips through the rules shows; only near duplicates keep the original's. Defects of the text alone are
    left to `spoil_text`.
    """
    marked = replace(rows, defect=np.full(len(rows), kinds_of(source).index(kind) + 1, dtype=np.int64))
    if kind == NEAR_DUPLICATE:
        return replace(marked, timestamp=marked.timestamp + seconds_apart(marked.salt))
    marked = replace(marked, number=marked.number + identifier_offset, remark=np.zeros_like(marked.remark))
    if kind == "future_time":
        days = FUTURE_DAYS.start + marked.salt % len(FUTURE_DAYS)
        return replace(marked, timestamp=marked.arrival // DAY_SECONDS * DAY_SECONDS + days * DAY_SECONDS)
    if kind == "epoch_time":
        return replace(marked, timestamp=np.zeros_like(marked.timestamp))
    if kind == "unknown_event_type" and isinstance(marked, EventRows):
        return replace(marked, event_type=len(EVENT_TYPES) + marked.salt % len(UNKNOWN_EVENT_TYPES))
    if kind == "unknown_currency" and isinstance(marked, TransactionRows):
        return replace(marked, currency=len(CURRENCIES) + marked.salt % len(UNKNOWN_CURRENCIES))
    return marked


def seconds_apart(salt: Ints) -> Ints:
    """How much later the time of a near duplicate is than its original's; negative: earlier. Never 0."""
    distance = 1 + salt // 2 % MOST_SECONDS_APART
    return np.where(salt % 2 == 0, distance, -distance)


def spoil_text(kind: str, line: bytes, salt: int, columns: Sequence[str]) -> bytes:
    """The line (without its line end) with the defect that shows in the text; unchanged for other kinds.

    Args:
        columns: the CSV file's columns; empty for JSON.
    """
    if not columns:
        change = _JSON_CHANGES.get(kind)
        return change(line, salt) if change else line
    fields = line.split(b",")
    if kind == "corrupt_csv_wrong_field_count":
        return b",".join(fields[:-1] if salt % 2 else [*fields, b"0"])
    if kind in _FIELD_CHANGES:
        column, change = _FIELD_CHANGES[kind]
        place = columns.index(column)
        fields[place] = change(fields[place], salt)
    return b",".join(fields)


def _truncated(line: bytes, salt: int) -> bytes:
    text = line.decode()
    return text[: 10 + salt % (len(text) - 11)].encode()


def _without_user(line: bytes, salt: int) -> bytes:
    variants = (b'"user_id":null,', b'"user_id":"",', b'"user_id":"  ",', b"")
    return re.sub(rb'"user_id":"[^"]*",', variants[salt % len(variants)], line)


def _pick(*variants: bytes) -> Callable[[bytes, int], bytes]:
    return lambda _field, salt: variants[salt % len(variants)]


_JSON_CHANGES: dict[str, Callable[[bytes, int], bytes]] = {
    "corrupt_json_truncated": _truncated,
    "corrupt_json_trailing_text": lambda line, salt: line + (b' {"retry":1}', b" # retried", b"}")[salt % 3],
    "corrupt_json_not_an_object": lambda line, salt: (b"[" + line + b"]", b'"event"', b"17", b"null")[salt % 4],
    "corrupt_json_single_quotes": lambda line, _: line.replace(b'"', b"'"),
    "corrupt_json_nan_literal": lambda line, _: line.replace(b'"event_details":', b'"score":NaN,"event_details":'),
    "invalid_utf8": lambda line, _: line.replace(b'"page_url":"', b'"page_url":"\xff\xfe'),
    "null_user": _without_user,
}
_FIELD_CHANGES: dict[str, tuple[str, Callable[[bytes, int], bytes]]] = {
    "corrupt_csv_unbalanced_quote": ("user_id", lambda field, _: b'"' + field),
    "invalid_utf8": ("user_id", lambda field, _: field + b"\xff"),
    "null_user": ("user_id", _pick(b"", b"  ")),
    "invalid_amount": ("amount", _pick(b"n/a", b"12.505", b"1e3", b"--5.00", b"123456789.00")),
    "negative_amount": ("amount", lambda field, salt: b"-" + field if salt % 3 else b"0.00"),
    "unknown_device_type": ("device_type", _pick(b"Desktop", b"ios", b"SmartTV")),
    "invalid_country": ("country", _pick(b"Peru", b"pe", b"P", b"P3")),
}
