"""Lines: rows of numbers become text, a column at a time. The only module that knows pyarrow.

Belongs here: the formats of the sources, before and after the schema change. Not here: what the values are
(`vocabulary`), how a line is spoilt (`defects`), where it goes (`writer`).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from generator.calendar import DAY_SECONDS
from generator.config import DataVolumes
from generator.defects import kinds_of, spoil_text
from generator.randomness import Ints
from generator.rows import EventRows, Rows, Source, TransactionRows, UserRows
from generator.vocabulary import (
    COUNTRIES,
    CURRENCIES,
    DEVICE_TYPES,
    EVENT_TYPES,
    PAYMENT_METHODS,
    UNKNOWN_CURRENCIES,
    UNKNOWN_EVENT_TYPES,
    Details,
)

Matrix = NDArray[np.uint8]
APP_VERSIONS = ("4.0.0", "4.0.1", "4.1.0")
TRANSACTION_COLUMNS = (
    ("transaction_id", "session_id", "user_id", "amount", "currency", "transaction_timestamp"),
    (
        "transaction_id",
        "user_id",
        "session_id",
        "payment_method",
        "amount",
        "currency",
        "transaction_timestamp",
    ),
)
USER_COLUMNS = (
    ("user_id", "signup_date", "device_type", "country", "updated_at"),
    ("user_id", "updated_at", "country", "device_type", "signup_date", "marketing_opt_in"),
)


class Stencil:
    """Text of one width for every row: constant bytes, with gaps that columns of the gap's width fill."""

    def __init__(self, *parts: bytes | int) -> None:
        self._template = np.frombuffer(
            b"".join(part if isinstance(part, bytes) else b"0" * part for part in parts), dtype=np.uint8
        )
        self._gaps: list[slice] = []
        place = 0
        for part in parts:
            if isinstance(part, int):
                self._gaps.append(slice(place, place + part))
            place += part if isinstance(part, int) else len(part)

    def fill(self, *columns: Matrix) -> pa.Array:
        """One binary value per row of the columns."""
        rows, width = len(columns[0]), len(self._template)
        text = np.empty((rows, width), dtype=np.uint8)
        text[:] = self._template
        for gap, column in zip(self._gaps, columns, strict=True):
            text[:, gap] = column
        offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
        return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def digits(numbers: Ints, width: int) -> Matrix:
    """Decimal digits, zero-padded; numbers must not be negative nor wider."""
    text = np.empty((len(numbers), width), dtype=np.uint8)
    rest = numbers
    for column in range(width - 1, -1, -1):
        shorter = rest // 10
        text[:, column] = rest - shorter * 10 + ord("0")
        rest = shorter
    return text


class Clock:
    """Instants as text of 19 characters, by look-up: dates since 1970 and the seconds of a day."""

    def __init__(self, last_second: int) -> None:
        days = np.arange(last_second // DAY_SECONDS + 1).astype("datetime64[D]")
        self._dates = np.datetime_as_string(days).astype("S10").view(np.uint8).reshape(-1, 10)
        second = np.arange(DAY_SECONDS)
        colon = np.full((DAY_SECONDS, 1), ord(":"), dtype=np.uint8)
        hour, minute = digits(second // 3600, 2), digits(second // 60 % 60, 2)
        self._times = np.hstack([hour, colon, minute, colon, digits(second % 60, 2)])

    def text(self, instants: Ints, separator: str) -> Matrix:
        """`YYYY-MM-DD<separator>HH:MM:SS` of each instant."""
        day = instants // DAY_SECONDS
        text = np.empty((len(instants), 19), dtype=np.uint8)
        text[:, :10] = self._dates[day]
        text[:, 10] = ord(separator)
        text[:, 11:] = self._times[instants - day * DAY_SECONDS]
        return text


class Lines:
    """The text of some rows in one buffer, line ends included; spoilt lines are replaced on the way out."""

    def __init__(self, text: pa.Array, replaced: dict[int, bytes]) -> None:
        _, offsets, data = text.buffers()
        self._offsets = np.frombuffer(offsets, dtype=np.int32)[: len(text) + 1]
        self._data = memoryview(data) if data is not None else memoryview(b"")
        self._replaced = replaced

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def line(self, index: int) -> bytes:
        """One line as it was before it was spoilt, with its line end."""
        return bytes(self._data[self._offsets[index] : self._offsets[index + 1]])

    def between(self, first: int, last: int) -> Iterator[memoryview | bytes]:
        """The bytes of the lines `[first, last)`, in as few pieces as the spoilt ones allow."""
        begin = first
        for index in sorted(index for index in self._replaced if first <= index < last):
            yield self._data[self._offsets[begin] : self._offsets[index]]
            yield self._replaced[index]
            begin = index + 1
        yield self._data[self._offsets[begin] : self._offsets[last]]


class LineFormat:
    """How rows of every source are written. `evolved` chooses the format after the schema change."""

    def __init__(self, volumes: DataVolumes, details: Details, last_second: int) -> None:
        self._clock = Clock(last_second)
        self._session_width = max(6, len(str(volumes.num_sessions)))
        self._user_width = max(5, len(str(3 * volumes.num_users)))
        self._event_width = max(8, len(str(2 * volumes.num_events)))
        self._transaction_width = max(7, len(str(2 * volumes.num_transactions)))
        self._event_head = Stencil(
            b'{"event_id":"EVT_',
            self._event_width,
            b'","session_id":"SES_',
            self._session_width,
            b'","user_id":"USR_',
            self._user_width,
            b'","event_type":"',
        )
        self._event_middle = Stencil(b'","event_timestamp":"', 19, b'","event_details":')
        self._event_types = _words([*EVENT_TYPES, *UNKNOWN_EVENT_TYPES])
        self._details = _words(details.texts)
        self._event_tails = _words([f',"app_version":"{version}"}}\n' for version in APP_VERSIONS])

    def header(self, source: Source, evolved: bool) -> Sequence[str]:
        """The columns of a CSV source, in order; none for events."""
        columns = {
            Source.EVENTS: ((), ()),
            Source.TRANSACTIONS: TRANSACTION_COLUMNS,
            Source.USERS: USER_COLUMNS,
        }
        return columns[source][evolved]

    def identifier(self, source: Source, number: int) -> str:
        """A row's key as it stands in its line."""
        if source is Source.EVENTS:
            return f"EVT_{number:0{self._event_width}d}"
        if source is Source.TRANSACTIONS:
            return f"TXN_{number:0{self._transaction_width}d}"
        return f"USR_{number:0{self._user_width}d}"

    def session(self, number: int) -> str:
        """A session's identifier as it stands in a line."""
        return f"SES_{number:0{self._session_width}d}"

    def lines(self, source: Source, rows: Rows, evolved: bool) -> Lines:
        """Write rows as lines."""
        text = self._text(rows, evolved)
        columns = self.header(source, evolved)
        clean = Lines(text, {})
        replaced = {}
        for index in np.flatnonzero(rows.defect).tolist():
            kind = kinds_of(source)[int(rows.defect[index]) - 1]
            line = spoil_text(kind, clean.line(index)[:-1], int(rows.salt[index]), columns)
            replaced[index] = line + b"\n"
        return Lines(text, replaced)

    def _text(self, rows: Rows, evolved: bool) -> pa.Array:
        if isinstance(rows, EventRows):
            return self._event_text(rows, evolved)
        if isinstance(rows, TransactionRows):
            return _csv(self._transaction_fields(rows), TRANSACTION_COLUMNS[evolved])
        assert isinstance(rows, UserRows)
        return _csv(self._user_fields(rows), USER_COLUMNS[evolved])

    def _event_text(self, rows: EventRows, evolved: bool) -> pa.Array:
        head = self._event_head.fill(
            digits(rows.number, self._event_width),
            digits(rows.session, self._session_width),
            digits(rows.user, self._user_width),
        )
        middle = self._event_middle.fill(self._clock.text(rows.timestamp, "T"))
        tail = self._event_tails.take(pa.array(rows.session % len(APP_VERSIONS))) if evolved else _constant(b"}\n")
        event_type = self._event_types.take(pa.array(rows.event_type))
        details = self._details.take(pa.array(rows.details))
        return pc.binary_join_element_wise(head, event_type, middle, details, tail, _constant(b""))

    def _transaction_fields(self, rows: TransactionRows) -> dict[str, pa.Array]:
        whole = pc.cast(pa.array(rows.cents // 100), pa.string()).cast(pa.binary())
        hundredths = Stencil(b".", 2).fill(digits(rows.cents % 100, 2))
        return {
            "transaction_id": Stencil(b"TXN_", self._transaction_width).fill(
                digits(rows.number, self._transaction_width)
            ),
            "session_id": Stencil(b"SES_", self._session_width).fill(digits(rows.session, self._session_width)),
            "user_id": self._user_id(rows.user),
            "amount": pc.binary_join_element_wise(whole, hundredths, _constant(b"")),
            "currency": _words([*CURRENCIES, *UNKNOWN_CURRENCIES]).take(pa.array(rows.currency)),
            "transaction_timestamp": self._spaced_time(rows.timestamp),
            "payment_method": _words(PAYMENT_METHODS).take(pa.array(rows.session % len(PAYMENT_METHODS))),
        }

    def _user_fields(self, rows: UserRows) -> dict[str, pa.Array]:
        return {
            "user_id": self._user_id(rows.number),
            "signup_date": self._spaced_time(rows.signup),
            "device_type": _words(DEVICE_TYPES).take(pa.array(rows.device_type)),
            "country": _words(COUNTRIES).take(pa.array(rows.country)),
            "updated_at": self._spaced_time(rows.timestamp),
            "marketing_opt_in": _words(["true", "false"]).take(pa.array(rows.number % 2)),
        }

    def _user_id(self, numbers: Ints) -> pa.Array:
        return Stencil(b"USR_", self._user_width).fill(digits(numbers, self._user_width))

    def _spaced_time(self, instants: Ints) -> pa.Array:
        return Stencil(19).fill(self._clock.text(instants, " "))


def _words(words: Sequence[str]) -> pa.Array:
    return pa.array([word.encode() for word in words], type=pa.binary())


_constant: Any = partial(pa.scalar, type=pa.binary())


def _csv(fields: dict[str, pa.Array], columns: Sequence[str]) -> pa.Array:
    joined = pc.binary_join_element_wise(*(fields[column] for column in columns), _constant(b","))
    return pc.binary_join_element_wise(joined, _constant(b""), _constant(b"\n"))
