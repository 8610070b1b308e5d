"""Up to which time a table of Postgres can be read without losing what open transactions have yet to commit.

A transaction commits long after the times in its rows: `now()` is when it began. Whoever reads up to the newest time
that is there, and goes on from it, loses the rows of every transaction that was open then. So a pull ends before

- the database's own clock, less a margin for clocks of others that write `updated_at`;
- the begin of the oldest open transaction of the database. All that are open count, not only those that have written
  already: one that writes its first row in a minute writes it with the time at which it began.

What is open must be asked for **before** the snapshot of the reading begins (`postgres_database` does): asked for after
it, a transaction that commits in between is neither in the snapshot nor open any more.

Reading the table is in `postgres_database`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

_SERVER = text("""
SELECT now() AS now,
    pg_is_in_recovery() AS is_standby,
    pg_last_xact_replay_timestamp() AS replayed_at,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all
""")
# Workers of autovacuum and senders of the log write no rows of tables. Of hidden sessions the kind is hidden too.
_OPEN = """
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND coalesce(backend_type, '') NOT IN ('autovacuum worker', 'walsender')
"""
_OLDEST = text(f"SELECT pid, xact_start, state {_OPEN} AND xact_start IS NOT NULL ORDER BY xact_start, pid LIMIT 1")
_HIDDEN = text(f"SELECT count(*) {_OPEN} AND xact_start IS NULL AND backend_xid IS NOT NULL")
_PREPARED = text("SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database()")


@dataclass(frozen=True)
class OpenTransaction:
    """A transaction that may yet commit rows.

    Args:
        pid: of its server process.
        began_at: when it began, which is what `now()` gives in it.
        state: such as `idle in transaction`.
    """

    pid: int
    began_at: datetime
    state: str


@dataclass(frozen=True)
class Observed:
    """What the database says of itself; times are the database's, UTC.

    Args:
        now: its clock.
        oldest: the transaction that began first of those that are open, as far as they can be seen.
        sees_all: whether this user may see when transactions of other users began.
        hidden: transactions that have written and do not show when they began.
        prepared_at: when the oldest transaction that waits for a COMMIT PREPARED was prepared.
        is_standby: whether it only follows another server.
        replayed_at: up to where that one was followed.
    """

    now: datetime
    oldest: OpenTransaction | None = None
    sees_all: bool = True
    hidden: int = 0
    prepared_at: datetime | None = None
    is_standby: bool = False
    replayed_at: datetime | None = None


@dataclass(frozen=True)
class Bound:
    """Up to where a pull reads.

    Args:
        end: exclusive; UTC.
        now: the database's clock; UTC.
        is_held: whether something holds the end back beyond the safety margin.
        warnings: what a person should know of it.
    """

    end: datetime
    now: datetime
    is_held: bool
    warnings: tuple[str, ...]

    @property
    def lag_seconds(self) -> float:
        return (self.now - self.end).total_seconds()


def read_observed(connection: Connection) -> Observed:
    """Ask the database; in a transaction of its own, which ends before the table is read.

    The order matters: a transaction that is prepared while this runs leaves the first list before it is in the second.
    """
    server = connection.execute(_SERVER).one()
    oldest = connection.execute(_OLDEST).first()
    hidden = connection.execute(_HIDDEN).scalar_one()
    prepared_at = connection.execute(_PREPARED).scalar_one()
    return Observed(
        now=server.now.astimezone(UTC),
        oldest=OpenTransaction(oldest.pid, oldest.xact_start.astimezone(UTC), oldest.state or "") if oldest else None,
        sees_all=server.sees_all,
        hidden=hidden,
        prepared_at=prepared_at.astimezone(UTC) if prepared_at else None,
        is_standby=server.is_standby,
        replayed_at=server.replayed_at.astimezone(UTC) if server.replayed_at else None,
    )


def plan_bound(observed: Observed, *, safety_seconds: int, lookback_seconds: int) -> Bound:
    """Up to where a pull may read, and what to say of it.

    Args:
        observed: what the database says.
        safety_seconds: margin for clocks of others.
        lookback_seconds: how far the next pull reads back; a prepared transaction is taken to have been open no longer
            before it was prepared, since the database does not tell.
    """
    clock = observed.now
    if observed.is_standby and observed.replayed_at is not None:
        clock = min(clock, observed.replayed_at)
    margin = clock - timedelta(seconds=safety_seconds)
    ends = [margin]
    if observed.oldest is not None:
        ends.append(observed.oldest.began_at)
    if observed.prepared_at is not None:
        ends.append(observed.prepared_at - timedelta(seconds=lookback_seconds))
    end = min(ends)
    warnings = [*_held_warnings(observed, margin), *_blind_warnings(observed, safety_seconds)]
    return Bound(end, observed.now, end < margin, tuple(warnings))


def _held_warnings(observed: Observed, margin: datetime) -> list[str]:
    warnings = []
    oldest = observed.oldest
    if oldest is not None and oldest.began_at < margin:
        age = (observed.now - oldest.began_at).total_seconds()
        warnings.append(
            f"A transaction of pid {oldest.pid} ({oldest.state or 'state unknown'}) has been open for {age:,.0f} s. "
            f"Changes since {oldest.began_at:%Y-%m-%d %H:%M:%S} UTC wait until it ends. If it is not meant to be open, "
            "end it."
        )
    if observed.prepared_at is not None:
        warnings.append(
            f"A transaction that was prepared at {observed.prepared_at:%Y-%m-%d %H:%M:%S} UTC waits for its COMMIT "
            "PREPARED; changes from the lookback before that wait with it. See pg_prepared_xacts."
        )
    return warnings


def _blind_warnings(observed: Observed, safety_seconds: int) -> list[str]:
    why = ""
    if observed.is_standby:
        why = "The server is a standby, which does not show the open transactions of its primary. Pull from the primary"
    elif not observed.sees_all:
        why = (
            "The user may not see when transactions of other users began. Have an administrator run "
            "GRANT pg_read_all_stats TO this user"
        )
    elif observed.hidden:
        why = f"{observed.hidden} transactions do not show when they began. Switch track_activities on"
    if not why:
        return []
    return [
        f"{why}. Until then only the margin of {safety_seconds} s (LAKEHOUSE_POSTGRES_SAFETY_SECONDS) protects: rows "
        "of a transaction that is open for longer than it and the lookback land only with the next comparison of the "
        "whole table."
    ]
