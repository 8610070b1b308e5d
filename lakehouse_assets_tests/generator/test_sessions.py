"""What happens in a session: a funnel in one direction, purchases with their transactions, popular pages."""

import math
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np

from .conftest import NewHome
from .reading import Record, base_events, base_transactions, instant

FUNNEL = ["page_view", "search", "add_to_cart", "checkout", "purchase"]


def by_session(events: list[Record]) -> dict[str, list[Record]]:
    sessions = defaultdict(list)
    for event in sorted(events, key=lambda event: (event["event_timestamp"], event["event_id"])):
        sessions[event["session_id"]].append(event)
    return sessions


def test_funnel_stages_are_entered_in_order(rough_home: Path) -> None:
    for session in by_session(base_events(rough_home)).values():
        types = [event["event_type"] for event in session]
        entered = [types.index(stage) for stage in FUNNEL if stage in types]
        assert entered == sorted(entered)
        assert types[0] == "page_view"


def test_buyers_mostly_walk_the_whole_funnel_and_others_leave_it_at_any_stage(rough_home: Path) -> None:
    stages = [
        tuple(stage in {event["event_type"] for event in session} for stage in FUNNEL)
        for session in by_session(base_events(rough_home)).values()
    ]
    buyers = [seen for seen in stages if seen[-1]]
    assert sum(all(seen) for seen in buyers) > 0.9 * len(buyers)
    assert {sum(seen) for seen in stages} == {1, 2, 3, 4, 5}


def test_a_session_belongs_to_one_user(rough_home: Path) -> None:
    for session in by_session(base_events(rough_home)).values():
        assert len({event["user_id"] for event in session}) == 1


def test_a_session_lasts_three_hours_at_most_however_many_events_it_has(new_home: NewHome) -> None:
    home = new_home(num_sessions=4, num_events=4000, num_transactions=0)
    sessions = by_session(base_events(home))
    assert len(sessions) == 4
    for session in sessions.values():
        lasts = instant(session[-1]["event_timestamp"]) - instant(session[0]["event_timestamp"])
        assert timedelta(hours=1) < lasts <= timedelta(hours=3)


def test_some_sessions_cross_midnight(rough_home: Path) -> None:
    days = [
        {event["event_timestamp"][:10] for event in session} for session in by_session(base_events(rough_home)).values()
    ]
    assert {len(seen) for seen in days} == {1, 2}


def test_each_transaction_follows_a_purchase_of_its_session_and_user(rough_home: Path) -> None:
    purchases = sorted(
        (event["session_id"], event["user_id"], instant(event["event_timestamp"]))
        for event in base_events(rough_home)
        if event["event_type"] == "purchase"
    )
    paid = sorted(
        (row["session_id"], row["user_id"], instant(row["transaction_timestamp"]))
        for row in base_transactions(rough_home)
    )
    assert [row[:2] for row in paid] == [purchase[:2] for purchase in purchases]
    delays = [(row[2] - purchase[2]).total_seconds() for row, purchase in zip(paid, purchases, strict=True)]
    assert min(delays) >= 0
    assert max(delays) <= 5


def test_pages_are_viewed_by_zipfs_law(new_home: NewHome) -> None:
    """The logarithm of a page's views falls by 1.1 times the logarithm of its rank."""
    home = new_home(num_events=60_000, num_sessions=6000, num_transactions=0, days=2)
    views = Counter(
        event["event_details"]["page_url"] for event in base_events(home) if event["event_type"] == "page_view"
    )
    counts = [count for _, count in views.most_common(30)]
    assert len(views) > 500
    slope = np.polyfit([math.log(rank) for rank in range(1, 31)], [math.log(count) for count in counts], 1)[0]
    assert -1.2 <= slope <= -1.0
