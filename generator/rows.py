"""Rows before they are text: parallel numpy columns, one class per source.

A column holds numbers only: identifiers count from 1, instants are seconds since 1970 (UTC), words are
indices into the lists of `vocabulary`. How the rows come about is in `events`, `transactions` and `users`;
how they become lines is in `lines`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Self

import numpy as np

from generator.randomness import Ints, Mask


class Source(StrEnum):
    """A folder of the landing zone."""

    EVENTS = "events"
    TRANSACTIONS = "transactions"
    USERS = "users"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What every source's rows have: identifier, event time, arrival, and the marks for the truth."""

    number: Ints
    user: Ints
    timestamp: Ints
    arrival: Ints
    defect: Ints  # 0, or 1 + index into defects.kinds_of(source)
    duplicate: Ints
    remark: Ints  # 1: of an orphan user (events, transactions), delivered late (users)
    salt: Ints  # what a defect draws from: copied with the row, so that a duplicate is spoilt the same way

    @classmethod
    def marks(cls, size: int, salt: Ints) -> dict[str, Ints]:
        """The mark columns of `size` fresh, faultless rows."""
        none = np.zeros(size, dtype=np.int64)
        return {"defect": none, "duplicate": none, "remark": none, "salt": salt}

    def __len__(self) -> int:
        return len(self.number)

    def take(self, selection: Ints | Mask | slice) -> Self:
        """The selected rows, in the selection's order."""
        return replace(self, **{entry.name: getattr(self, entry.name)[selection] for entry in fields(self)})

    def followed_by(self, others: Sequence[Self]) -> Self:
        """These rows and then the others'."""
        parts = [self, *others]
        names = [entry.name for entry in fields(self)]
        return replace(self, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True, kw_only=True)
class EventRows(Rows):
    """Rows of the events stream."""

    session: Ints
    event_type: Ints
    details: Ints


@dataclass(frozen=True, kw_only=True)
class TransactionRows(Rows):
    """Rows of the transaction files."""

    session: Ints
    cents: Ints
    currency: Ints


@dataclass(frozen=True, kw_only=True)
class UserRows(Rows):
    """Versions of users; `timestamp` is `updated_at`."""

    signup: Ints
    device_type: Ints
    country: Ints
