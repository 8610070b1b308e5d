"""The kinds of rules a landing line is judged by, as data.

A rule names itself and carries its numbers. It belongs to one column, or to the line as a whole. The text of a value is
judged after spaces (U+0020) are trimmed from both ends. `transforms.judge` turns rules into predicates.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_UTF8 = "not_utf8"
LINE_TOO_LONG = "line_too_long"
CORRUPT_JSON = "corrupt_json"
CORRUPT_CSV = "corrupt_csv"
MISSING_COLUMN = "missing_column"

MAX_LINE_BYTES = 1024 * 1024
"""A longer line is cut to this many bytes and fails `line_too_long`."""

_DATE = (
    "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"  # year 0000 is not in the calendar of either engine
    "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
)
_TIME_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_OFFSET = "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"

EVENT_TIME_PATTERN = f"^{_DATE}[T ]{_TIME_OF_DAY}{_OFFSET}$"
"""Date and time with `T` or a space, at most microseconds, optional `Z` or offset; without one it is UTC.
Days that a month does not have (30 February) pass the pattern and fail the conversion."""

DATE_PATTERN = f"^{_DATE}$"


@dataclass(frozen=True)
class NotNull:
    """The column is there, is not JSON null, not empty and not only spaces."""

    column: str

    @property
    def name(self) -> str:
        return f"{self.column}_not_null"


@dataclass(frozen=True)
class OneOf:
    """The text is one of `values`."""

    column: str
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.column}_allowed"


@dataclass(frozen=True)
class Matches:
    """The text matches `pattern`, a regular expression that Java, Rust and Python read alike."""

    column: str
    pattern: str

    @property
    def name(self) -> str:
        return f"{self.column}_valid"


@dataclass(frozen=True)
class Positive:
    """The number is greater than zero."""

    column: str

    @property
    def name(self) -> str:
        return f"{self.column}_positive"


@dataclass(frozen=True)
class ValidTime:
    """The text is a calendar time in the form of `EVENT_TIME_PATTERN`, or a plain date where `plain_date`."""

    column: str
    plain_date: bool = False

    @property
    def name(self) -> str:
        return f"{self.column}_valid"


@dataclass(frozen=True)
class InRange:
    """The time is at or after arrival_date - `days_before` and before arrival_date + `days_after` (UTC midnights)."""

    column: str
    days_before: int = 30
    days_after: int = 2

    @property
    def name(self) -> str:
        return f"{self.column}_in_range"


Rule = NotNull | OneOf | Matches | Positive | ValidTime | InRange
