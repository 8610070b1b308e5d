"""What became of bad lines: reading, counting, comparing and expiring the verdicts in quarantine.

Reads through PyIceberg and Arrow, without the engine: counting reads two columns, and `raw` is read for the lines that
are shown. Verdicts are made in `silver`; options and what is printed are in `quarantine_command`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, EqualTo, LessThan, LessThanOrEqual, Or
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from sqlalchemy.exc import SQLAlchemyError

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import BRONZE, QUARANTINE
from lakehouse_assets.errors import StorageError
from lakehouse_assets.storage.applied import read_applied
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.publish import publish
from lakehouse_assets.storage.read import at_least, at_most, count_rows_by_day, on_days, partition_day
from lakehouse_assets.storage.stage import RunInfo, stage

TREND_DAYS = 7
_DAY, _FILE, _LINE, _RULES = "arrival_date", "source_file", "line_number", "failed_rules"
_KEY_SCHEMA = pa.schema([(_FILE, pa.string()), (_LINE, pa.int64())])


@dataclass(frozen=True)
class Selection:
    """Which verdicts are asked for.

    Args:
        sources: names, in the order of the contracts.
        first: first arrival day, None for all before `last`.
        last: last arrival day, included; None for all since `first`.
        rule: only lines that fail this rule, or only days with such a line; None for all.
    """

    sources: tuple[str, ...] = tuple(SOURCES)
    first: date | None = None
    last: date | None = None
    rule: str | None = None


@dataclass(frozen=True)
class DayVerdicts:
    """The verdicts on one arrival day of a source, counted.

    Args:
        lines: lines of the day in bronze.
        quarantined: those of them in quarantine.
        rules: quarantined lines by rule; a line that fails two is counted under both.
    """

    source: str
    day: date
    lines: int
    quarantined: int
    rules: Mapping[str, int]

    @property
    def percent(self) -> float | None:
        return 100 * self.quarantined / self.lines if self.lines else None

    def selected_lines(self, rule: str | None) -> int:
        return self.quarantined if rule is None else self.rules.get(rule, 0)


@dataclass(frozen=True)
class RuleStatistics:
    """How often one rule of a source failed.

    Args:
        share: percentage of all quarantined lines of the selection that fail it.
        latest: lines of the last `TREND_DAYS` arrival days.
        before: lines of as many days before those.
    """

    source: str
    rule: str
    lines: int
    days: int
    first: date
    last: date
    share: float
    latest: int
    before: int


@dataclass(frozen=True)
class Outcome:
    """What became of the quarantined lines of a day; a line is known by its file and line number.

    Args:
        good: in bronze and no longer in quarantine.
        bad: still in quarantine.
        gone: no longer in bronze.
        new: in quarantine now and not before.
    """

    source: str
    day: date
    good: int
    bad: int
    gone: int
    new: int


@dataclass(frozen=True)
class ExpiredDay:
    """Verdicts of one arrival day that are older than what is kept."""

    source: str
    day: date
    lines: int


def find_tables(catalog: Catalog, sources: Sequence[str]) -> dict[str, Table]:
    """The quarantine tables that are there, by source.

    Raises:
        StorageError: the catalog does not answer.
    """
    found = {source: _find_table(catalog, QUARANTINE[source]) for source in sources}
    return {source: table for source, table in found.items() if table is not None}


def count_days(catalog: Catalog, selection: Selection) -> list[DayVerdicts]:
    """The days with quarantined lines, newest first; with a rule, the days on which it failed, counted in full.

    Raises:
        StorageError: a table cannot be read.
    """
    where = _between(selection.first, selection.last)
    days = []
    for source, table in find_tables(catalog, selection.sources).items():
        counts = _count_rules(table, where)
        lines = count_rows_by_day(_files(catalog, BRONZE[source], where)) if counts else {}
        for day, by_rules in counts.items():
            rules: Counter[str] = Counter()
            for failed, count in by_rules.items():
                rules.update(dict.fromkeys(failed, count))
            if selection.rule is None or selection.rule in rules:
                days.append(DayVerdicts(source, day, lines.get(day, 0), sum(by_rules.values()), dict(rules)))
    # The sort is stable: the sources of a day stay in their order.
    return sorted(days, key=lambda verdicts: verdicts.day, reverse=True)


def rule_statistics(catalog: Catalog, selection: Selection) -> list[RuleStatistics]:
    """Each rule that failed, of each source, most frequent first.

    The trend ends with the selection's last day, or with the newest arrival day of its sources, and looks back further
    than the selection's first day where it has to.

    Raises:
        StorageError: a table cannot be read.
    """
    end = selection.last or _newest_day(catalog, selection.sources)
    if end is None:
        return []
    oldest = end - timedelta(days=2 * TREND_DAYS - 1)
    first = selection.first and min(selection.first, oldest)
    counted = count_days(catalog, Selection(selection.sources, first, selection.last))
    selected = [day for day in counted if selection.first is None or day.day >= selection.first]
    total = sum(day.quarantined for day in selected)
    keys = {(day.source, rule) for day in selected for rule in day.rules if selection.rule in (None, rule)}
    statistics = [_statistics_of(source, rule, selected, counted, end, total) for source, rule in keys]
    return sorted(statistics, key=lambda of_rule: (-of_rule.lines, of_rule.source, of_rule.rule))


def read_lines(table: Table, day: date, rule: str | None = None, limit: int | None = None) -> pa.Table:
    """Verdicts of one arrival day by file and line, all columns; memory for one day, or for the lines up to `limit`.

    Args:
        rule: only lines that fail it.
        limit: the first so many; without it all.

    Raises:
        StorageError: the table cannot be read.
    """
    where: BooleanExpression = on_days(_DAY, [day])
    if limit is not None:
        keys = _ordered(_read(table, where, _FILE, _LINE, _RULES), rule).slice(0, limit)
        if keys.num_rows:
            last = keys.slice(keys.num_rows - 1).to_pylist()[0]
            where = And(where, _up_to(last[_FILE], last[_LINE]))
    return _ordered(_read(table, where), rule).slice(0, limit)


def read_keys(catalog: Catalog, contract: TableContract, day: date) -> pa.Table:
    """File and line number of each line of an arrival day in bronze or quarantine; none where there is no table.

    Raises:
        StorageError: the table cannot be read.
    """
    table = _find_table(catalog, contract)
    if table is None:
        return _KEY_SCHEMA.empty_table()
    keys = _read(table, on_days(_DAY, [day]), _FILE, _LINE)
    return pa.table([keys[_FILE].cast(pa.string()), keys[_LINE]], schema=_KEY_SCHEMA)


def compare_with(catalog: Catalog, source: str, day: date, before: pa.Table) -> Outcome:
    """What became of the lines that were in quarantine (`read_keys`) before the day was judged again.

    Raises:
        StorageError: a table cannot be read.
    """
    after = read_keys(catalog, QUARANTINE[source], day)
    keys = list(_KEY_SCHEMA.names)
    left = before.join(after, keys, join_type="left anti")
    landed = read_keys(catalog, BRONZE[source], day) if left.num_rows else _KEY_SCHEMA.empty_table()
    good = left.join(landed, keys, join_type="left semi").num_rows
    new = after.join(before, keys, join_type="left anti").num_rows
    return Outcome(source, day, good, bad=after.num_rows - new, gone=left.num_rows - good, new=new)


def find_expired(catalog: Catalog, keep_days: int, today: date) -> list[ExpiredDay]:
    """The arrival days, oldest first, whose verdicts are older than `keep_days` before `today`.

    Raises:
        StorageError: a table cannot be read.
    """
    expired = [
        ExpiredDay(source, day, lines)
        for source, contract in QUARANTINE.items()
        for day, lines in count_rows_by_day(_expired_files(catalog, contract, keep_days, today)).items()
    ]
    return sorted(expired, key=lambda of_day: of_day.day)


def expire_quarantine(lake: Lake, keep_days: int, today: date, run: RunInfo) -> list[ExpiredDay]:
    """Remove verdicts older than `keep_days` before `today`: one commit in each table that has some, else none.

    The note of applied days is carried over, so that no day is judged again because of it.

    Args:
        lake: its engine is not used.
        run: for the snapshots' summaries.

    Returns:
        What was removed.

    Raises:
        WriteConflictError: a run wrote the table meanwhile; its verdicts are as that run left them.
        StorageError: a table cannot be read or written; main is as it was.
    """
    expired = find_expired(lake.catalog, keep_days, today)
    for source in {of_day.source: None for of_day in expired}:
        contract = QUARANTINE[source]
        note = read_applied(lake.table(contract))
        files = _expired_files(lake.catalog, contract, keep_days, today)
        publish(lake, stage(lake, contract, new_files=[], replaced=files, run=run, applied=note))
    return expired


def _statistics_of(
    source: str, rule: str, selected: Sequence[DayVerdicts], counted: Sequence[DayVerdicts], end: date, total: int
) -> RuleStatistics:
    lines = {day.day: day.rules[rule] for day in selected if day.source == source and rule in day.rules}
    by_age: Counter[int] = Counter()
    for day in counted:
        if day.source == source:
            by_age[(end - day.day).days // TREND_DAYS] += day.rules.get(rule, 0)
    return RuleStatistics(
        source,
        rule,
        lines=sum(lines.values()),
        days=len(lines),
        first=min(lines),
        last=max(lines),
        share=100 * sum(lines.values()) / total,
        latest=by_age[0],
        before=by_age[1],
    )


def _count_rules(table: Table, where: BooleanExpression) -> dict[date, Counter[tuple[str, ...]]]:
    """Lines by arrival day and by the set of rules they fail, batch by batch."""
    counts: dict[date, Counter[tuple[str, ...]]] = {}
    with _readable(table):
        for batch in table.scan(row_filter=where, selected_fields=(_DAY, _RULES)).to_arrow_batch_reader():
            # Arrow groups by no lists.
            rules = pc.binary_join(batch[_RULES].cast(pa.list_(pa.string())), "\n")
            grouped = (
                pa.table({_DAY: batch[_DAY], _RULES: rules}).group_by([_DAY, _RULES]).aggregate([([], "count_all")])
            )
            for group in grouped.to_pylist():
                failed = tuple(group[_RULES].split("\n"))
                counts.setdefault(group[_DAY], Counter())[failed] += group["count_all"]
    return counts


def _newest_day(catalog: Catalog, sources: Sequence[str]) -> date | None:
    files = [file for source in sources for file in _files(catalog, BRONZE[source], AlwaysTrue())]
    return max((partition_day(file) for file in files), default=None)


def _ordered(verdicts: pa.Table, rule: str | None) -> pa.Table:
    """By file and line; with a rule only the lines that fail it."""
    if rule is not None:
        rules = verdicts[_RULES].combine_chunks()
        is_of_rule = pc.equal(pc.list_flatten(rules), rule)
        verdicts = verdicts.take(pc.unique(pc.list_parent_indices(rules).filter(is_of_rule)))
    return verdicts.sort_by([(_FILE, "ascending"), (_LINE, "ascending")])


def _read(table: Table, where: BooleanExpression, *columns: str) -> pa.Table:
    with _readable(table):
        return table.scan(row_filter=where, selected_fields=columns or ("*",)).to_arrow()


def _files(catalog: Catalog, contract: TableContract, where: BooleanExpression) -> list[DataFile]:
    table = _find_table(catalog, contract)
    if table is None:
        return []
    with _readable(table):
        return [task.file for task in table.scan(row_filter=where).plan_files()]


def _expired_files(catalog: Catalog, contract: TableContract, keep_days: int, today: date) -> list[DataFile]:
    """Files of quarantine hold one arrival day each, so whole files go."""
    oldest_kept = today - timedelta(days=keep_days)
    before = at_most(_DAY, (oldest_kept - timedelta(days=1)).isoformat())
    return _files(catalog, contract, before)


def _find_table(catalog: Catalog, contract: TableContract) -> Table | None:
    try:
        return catalog.load_table(contract.name)
    except NoSuchTableError:
        return None
    except (SQLAlchemyError, OSError) as error:
        raise _unreadable(contract.name, error) from error


@contextmanager
def _readable(table: Table) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(".".join(table.name()), error) from error


def _unreadable(table: str, error: Exception) -> StorageError:
    return StorageError(
        f"{table} cannot be read: {error}. Nothing was changed. Check the catalog and the table's files (by default "
        "below LAKEHOUSE_HOME/lakehouse), then try again.",
        table=table,
    )


def _between(first: date | None, last: date | None) -> BooleanExpression:
    where: BooleanExpression = AlwaysTrue()
    if first is not None:
        where = And(where, at_least(_DAY, first.isoformat()))
    if last is not None:
        where = And(where, at_most(_DAY, last.isoformat()))
    return where


def _up_to(file: Any, line: Any) -> BooleanExpression:
    in_file = And(EqualTo(_FILE, file), LessThanOrEqual(_LINE, line))  # type: ignore[call-arg, arg-type]
    return Or(LessThan(_FILE, file), in_file)  # type: ignore[call-arg, arg-type]
