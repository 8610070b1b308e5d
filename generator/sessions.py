"""Sessions: who is there, when, how long, and how often they buy. Drawn per block, so any block stands alone.

Counts come out exact by construction: a block has a fixed number of events and of purchases (see `calendar`),
which are dealt out among its sessions here. What happens inside a session is in `events`.
"""

from dataclasses import dataclass

import numpy as np

from generator.calendar import Block, Timetable
from generator.randomness import Floats, Ints, Stream, rng, share_out, ticks

WHOLE_FUNNEL = 5
USER_SKEW = 1.6


@dataclass(frozen=True)
class Sessions:
    """The sessions of a block, in the order of their starts; `number` and `user` count from 1."""

    number: Ints
    user: Ints
    orphan: Ints
    start: Ints
    lengths: Ints
    purchases: Ints


def sessions_of(timetable: Timetable, block: Block) -> Sessions:
    """Draw the sessions of a block.

    Starts follow the daily curve: session k of the n of a day starts in the k-th n-th of the day's traffic.
    Users are those who signed up before the start, the older the more active.
    """
    random = rng(timetable.config.calendar.seed, Stream.SESSIONS, block.day, block.index)
    size = len(block.sessions)
    quantiles = (block.first_in_day + np.arange(size) + random.random(size)) / int(
        timetable.sessions_per_day[block.day]
    )
    purchases = _purchases(random, size, len(block.transactions))
    user, orphan = _users(timetable, block, quantiles, random)
    return Sessions(
        number=np.arange(block.sessions.start, block.sessions.stop, dtype=np.int64) + 1,
        user=user,
        orphan=orphan,
        start=timetable.instants(block.day, quantiles),
        lengths=_lengths(random, purchases, len(block.events)),
        purchases=purchases,
    )


def _users(timetable: Timetable, block: Block, quantiles: Floats, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Users known at each session's start; a few are orphans, with numbers beyond all that ever arrive."""
    signed_up_today = np.floor(quantiles * int(timetable.sign_ups_per_day[block.day]))
    known = int(timetable.users_before[block.day]) + signed_up_today
    user = np.floor(known * random.random(len(quantiles)) ** USER_SKEW).astype(np.int64) + 1
    orphan = np.zeros(len(user), dtype=np.int64)
    hits = ticks(timetable.config.defects.orphan_user, block.sessions.start, block.sessions.stop, phase=0.5)
    places = random.permutation(len(user))[:hits]
    orphan[places] = 1
    user[places] += 2 * timetable.config.volumes.num_users
    return user, orphan


def _purchases(random: np.random.Generator, sessions: int, transactions: int) -> Ints:
    """Purchases per session: one per buyer, more only where transactions outnumber sessions."""
    every, rest = divmod(transactions, sessions)
    purchases = np.full(sessions, every, dtype=np.int64)
    purchases[random.permutation(sessions)[:rest]] += 1
    return purchases


def _lengths(random: np.random.Generator, purchases: Ints, events: int) -> Ints:
    """Events per session, `events` in all: the least, then whole funnels for buyers, then a long tail."""
    lengths = np.maximum(1, purchases)
    wanted = np.where(purchases > 0, WHOLE_FUNNEL - 1, 0)
    spare = events - int(lengths.sum())
    if wanted.sum() > 0:
        lengths = lengths + share_out(min(spare, int(wanted.sum())), wanted.astype(np.float64))
        spare = events - int(lengths.sum())
    return lengths + share_out(spare, random.gamma(0.8, 1.0, len(lengths)) + 1e-9)
