"""Formats: the text of one line -> fields, the text of a time -> an instant. What a field may hold: `judge`.

Read this way where the design leaves room:

- A lone surrogate escape anywhere in a JSON text, also under a key that a later duplicate replaces, makes the
  text corrupt: RFC 8259 allows it, but it is no Unicode text.
- A JSON text with more than 100 levels of nesting is corrupt (RFC 8259 section 9 allows a limit).
- Inside an array or object that stands where text is required, Python prints the numbers (1e5 -> 100000.0).
- Python reads no integer of more than 4300 digits: such a number counts as a float in `extra` and
  `event_details`, and keeps its text where text is required.
- A written time whose UTC instant lies outside the years 1-9999 is no valid time.
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

_MAX_INTEGER_DIGITS = 4300
_MAX_NESTING = 100

# Quoted (doubled quotes inside) or unquoted (no quote, no comma). What follows must be a comma or the end.
_CSV_FIELD = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",]*)')

_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(?:Z|([+-])(\d{2})(?::?(\d{2}))?)?",
    re.ASCII,
)
_PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


class NumberText(str):
    """A JSON number as it is written."""


def parse_json(text: str) -> Any:
    """A JSON text as Python values, as they stand in rows; ValueError if it is not RFC 8259."""
    return to_python(_parse_json_as_written(text))


def parse_json_object(text: str) -> dict[str, Any] | None:
    """The fields of a JSON object, numbers as `NumberText`; null when the text is anything else."""
    try:
        value = _parse_json_as_written(text)
        _refuse_nesting(value, _MAX_NESTING)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parse_json_as_written(text: str) -> Any:
    return json.loads(
        text,
        parse_int=NumberText,
        parse_float=NumberText,
        parse_constant=_refuse_constant,
        object_pairs_hook=_build_object,
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        _refuse_surrogates(key)
        _refuse_surrogates(value)
    return dict(pairs)


def _refuse_surrogates(value: Any) -> None:
    # Objects were seen when they were built; lists were not.
    if isinstance(value, str) and _SURROGATE.search(value):
        raise ValueError("a lone surrogate is not Unicode text")
    if isinstance(value, list):
        for item in value:
            _refuse_surrogates(item)


def _refuse_nesting(value: Any, levels_left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if levels_left == 0:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value:
        _refuse_nesting(item, levels_left - 1)


def to_python(value: Any) -> Any:
    """The same JSON value with numbers as int and float."""
    if isinstance(value, NumberText):
        is_integer = not set(value) & set(".eE") and len(value) <= _MAX_INTEGER_DIGITS
        return int(value) if is_integer else float(value)
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    return value


def to_text(value: Any) -> str | None:
    """A JSON value where text is wanted: trimmed of spaces; null when nothing is left or it is JSON null."""
    if value is None:
        return None
    if isinstance(value, str):
        text = str(value)
    else:
        text = json.dumps(to_python(value), separators=(",", ":"), ensure_ascii=False)
    return trim(text)


def trim(text: str) -> str | None:
    """The text without the spaces (U+0020 and nothing else) around it; null when nothing is left."""
    return text.strip(" ") or None


def parse_csv_line(text: str) -> list[str] | None:
    """The fields of one CSV line, unquoted and not trimmed; null when it breaks the grammar of RFC 4180."""
    fields = []
    position = 0
    while True:
        match = _CSV_FIELD.match(text, position)
        assert match is not None, "the pattern matches the empty field, too"
        quoted, unquoted = match.groups()
        fields.append(unquoted if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if position == len(text):
            return fields
        if text[position] != ",":
            return None
        position += 1


def parse_time(text: str) -> datetime | None:
    """The instant (UTC) of `date{T| }time[.fraction][Z|offset]`; null when it is no real time so written."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    *date_and_time, fraction, sign, offset_hours, offset_minutes = match.groups()
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    if int(offset_hours or 0) > 23 or int(offset_minutes or 0) > 59:
        return None
    year, month, day, hour, minute, second = map(int, date_and_time)
    microsecond = int((fraction or "").ljust(6, "0"))
    try:
        written = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
        return written + offset if sign == "-" else written - offset
    except (ValueError, OverflowError):
        return None


def parse_day(text: str) -> date | None:
    """The UTC day of a time or of a plain date; null when it is neither."""
    if _PLAIN_DATE.fullmatch(text):
        text += "T00:00:00"
    instant = parse_time(text)
    return None if instant is None else instant.date()
