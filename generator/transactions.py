"""Transactions: one for every purchase event, of the same session and user, at or just after its time."""

import numpy as np

from generator.calendar import Block, Timetable
from generator.randomness import Choice, Stream, rng
from generator.rows import EventRows, TransactionRows
from generator.vocabulary import CURRENCY_WEIGHTS, PURCHASE

MOST_SECONDS_AFTER_PURCHASE = 5
MOST_CENTS = 9_999_999
CURRENCY = Choice(CURRENCY_WEIGHTS)


def transactions_of(timetable: Timetable, block: Block, events: EventRows) -> TransactionRows:
    """The base transactions of a block, from its base events.

    Returns: as many rows as the block has transactions, numbered in the order of its purchase events.
    """
    random = rng(timetable.config.calendar.seed, Stream.TRANSACTIONS, block.day, block.index)
    purchases = events.take(np.flatnonzero(events.event_type == PURCHASE))
    size = len(purchases)
    delay = random.integers(0, MOST_SECONDS_AFTER_PURCHASE + 1, size)
    timestamp = np.minimum(purchases.timestamp + delay, timetable.end - 1)
    cents = np.clip(np.exp(random.normal(8.3, 1.1, size)), 100, MOST_CENTS).astype(np.int64)
    return TransactionRows(
        number=np.arange(block.transactions.start, block.transactions.stop, dtype=np.int64) + 1,
        session=purchases.session,
        user=purchases.user,
        timestamp=timestamp,
        arrival=timestamp,
        cents=cents,
        currency=CURRENCY.draw(random, size),
        **{**TransactionRows.marks(size, random.integers(0, 2**31, size)), "remark": purchases.remark},
    )
