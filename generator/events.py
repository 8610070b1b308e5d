"""Events: what happens inside a session, as a funnel that is walked in one direction.

page_view -> search -> add_to_cart -> checkout -> purchase is a left-to-right Markov chain: at every event a
session either enters the next stage (the milestone) or stays and emits what one does there (views, clicks,
more searches). Given a session's length and the last stage it reaches, the moves of such a chain fall on any
set of events alike; so the milestones' places are drawn at random, and the totals stay exact. Delivery and
defects are in `deliveries`.
"""

import numpy as np

from generator.calendar import HOUR_SECONDS, Block, Timetable
from generator.randomness import Choice, Ints, Mask, Stream, rng
from generator.rows import EventRows
from generator.sessions import WHOLE_FUNNEL, Sessions
from generator.vocabulary import (
    ADD_TO_CART,
    CHECKOUT,
    LOGIN,
    LOGOUT,
    PAGE_VIEW,
    PURCHASE,
    SEARCH,
    event_details,
)

MAX_SESSION_SECONDS = 3 * HOUR_SECONDS
MEAN_GAP_SECONDS = 50.0

# FUNNELS[n]: the milestones of a buying session with room for n of them; the last one repeats.
FUNNELS = np.array(
    [
        [PURCHASE] * 5,
        [PURCHASE] * 5,
        [PAGE_VIEW, PURCHASE, PURCHASE, PURCHASE, PURCHASE],
        [PAGE_VIEW, ADD_TO_CART, PURCHASE, PURCHASE, PURCHASE],
        [PAGE_VIEW, ADD_TO_CART, CHECKOUT, PURCHASE, PURCHASE],
        [PAGE_VIEW, SEARCH, ADD_TO_CART, CHECKOUT, PURCHASE],
    ],
    dtype=np.int64,
)
# How many milestones a session that does not buy reaches: page_view, search, add_to_cart, checkout.
DEPTHS = Choice([30, 35, 25, 10])
# What one does at a stage while staying there, after the milestone of that type.
STAYING = {
    PAGE_VIEW: Choice([65, 35, 0, 0, 0, 0, 0, 0]),
    SEARCH: Choice([40, 35, 25, 0, 0, 0, 0, 0]),
    ADD_TO_CART: Choice([40, 30, 15, 15, 0, 0, 0, 0]),
    CHECKOUT: Choice([40, 60, 0, 0, 0, 0, 0, 0]),
    PURCHASE: Choice([60, 40, 0, 0, 0, 0, 0, 0]),
}
LOGIN_SHARE = 0.3
LOGOUT_SHARE = 0.2


def events_of(timetable: Timetable, block: Block, sessions: Sessions) -> EventRows:
    """The base events of a block, session by session, each in the order of time."""
    seed = timetable.config.calendar.seed
    random = rng(seed, Stream.EVENTS, block.day, block.index)
    owner = np.repeat(np.arange(len(sessions.lengths)), sessions.lengths)
    first = np.cumsum(sessions.lengths) - sessions.lengths
    position = np.arange(len(owner)) - first[owner]
    event_type = _event_types(random, sessions, owner, position)
    timestamp = _timestamps(random, sessions, owner, position, timetable.end)
    return EventRows(
        number=np.arange(block.events.start, block.events.stop, dtype=np.int64) + 1,
        session=sessions.number[owner],
        user=sessions.user[owner],
        event_type=event_type,
        details=event_details(seed).draw(random, event_type),
        timestamp=timestamp,
        arrival=timestamp,
        **{
            **EventRows.marks(len(owner), random.integers(0, 2**31, len(owner))),
            "remark": sessions.orphan[owner],
        },
    )


def _event_types(random: np.random.Generator, sessions: Sessions, owner: Ints, position: Ints) -> Ints:
    buying = sessions.purchases > 0
    room = sessions.lengths - np.maximum(0, sessions.purchases - 1)
    depth = np.where(buying, WHOLE_FUNNEL, DEPTHS.draw(random, len(room)) + 1)
    funnel = np.minimum(room, depth)
    milestones = funnel + np.maximum(0, sessions.purchases - 1)
    milestone = _milestone_places(random, owner, position, milestones)
    reached = np.cumsum(milestone) - 1
    reached -= reached[np.flatnonzero(position == 0)][owner]
    row = np.where(buying, funnel, WHOLE_FUNNEL)[owner]
    stage_type = FUNNELS[row, np.minimum(reached, WHOLE_FUNNEL - 1)]
    event_type = np.where(milestone, stage_type, -1)
    for stage, choice in STAYING.items():
        places = np.flatnonzero((stage_type == stage) & ~milestone)
        event_type[places] = choice.draw(random, len(places))
    return _with_login_and_logout(random, event_type, milestone, position, sessions.lengths[owner])


def _milestone_places(random: np.random.Generator, owner: Ints, position: Ints, milestones: Ints) -> Mask:
    """Which events are milestones: the first of each session, and a random choice of its others."""
    lottery = random.random(len(owner))
    lottery[position == 0] = 0.0
    order = np.argsort(owner + lottery, kind="stable")
    chosen = np.zeros(len(owner), dtype=np.bool_)
    chosen[order] = position < milestones[owner]
    return chosen


def _with_login_and_logout(
    random: np.random.Generator, event_type: Ints, milestone: Mask, position: Ints, length: Ints
) -> Ints:
    """Some sessions log in as their second event and log out as their last, where no milestone stands."""
    free = ~milestone
    coin = random.random(len(event_type))
    logs_in = free & (position == 1) & (coin < LOGIN_SHARE)
    logs_out = free & (position == length - 1) & (coin > 1 - LOGOUT_SHARE)
    return np.where(logs_in, LOGIN, np.where(logs_out, LOGOUT, event_type))


def _timestamps(random: np.random.Generator, sessions: Sessions, owner: Ints, position: Ints, end: int) -> Ints:
    """Event times: exponential gaps, squeezed where a session would last too long or outlive the calendar."""
    gaps = random.exponential(MEAN_GAP_SECONDS, len(owner)) + 1.0
    gaps[position == 0] = 0.0
    passed = np.cumsum(gaps)
    first = np.flatnonzero(position == 0)
    passed -= passed[first][owner]
    duration = passed[first + sessions.lengths - 1]
    limit = np.minimum(MAX_SESSION_SECONDS, end - 1 - sessions.start)
    squeeze = np.minimum(1.0, limit / np.maximum(duration, 1.0))
    offsets: Ints = np.floor(passed * squeeze[owner]).astype(np.int64)
    return sessions.start[owner] + offsets
