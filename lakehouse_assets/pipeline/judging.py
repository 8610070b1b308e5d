"""Judging arrival days: their bronze lines, each looked at once, with the numbers of each day and the gate's verdict.

What becomes of the judged lines is in `silver` (quarantine) and `merge` (silver).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pyiceberg.expressions import And, BooleanExpression
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import BRONZE, SILVER
from lakehouse_assets.engine.times import as_number, from_number
from lakehouse_assets.pipeline.changes import write_scratch
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import at_least, at_most, on_days, read_table
from lakehouse_assets.transforms.judged import build_first_look, build_second_look

_VERDICT = ("arrival_date", "source_file", "line_number", "raw", "failed_rules")


@dataclass(frozen=True)
class DayNumbers:
    """What became of one arrival day's lines.

    Args:
        lines: lines in bronze.
        accepted: lines that pass every rule, whether or not the day is held.
        late: accepted lines whose event day is before the arrival day.
        held: the gate stopped the day.
        failed_rules: quarantined lines by rule; a line that fails two is counted under both.
    """

    lines: int = 0
    accepted: int = 0
    late: int = 0
    held: bool = False
    failed_rules: Mapping[str, int] = field(default_factory=dict)

    @property
    def quarantined(self) -> int:
        return self.lines - self.accepted


@dataclass(frozen=True)
class JudgedDays:
    """Judged lines of some arrival days, kept in scratch files.

    Args:
        passing: lines that pass every rule; columns of the silver table.
        verdicts: lines that do not: arrival_date, source_file, line_number, raw, failed_rules.
        numbers: by arrival day; a day without lines has zeros.
        times: first and last event time (users: effective_from) of the passing lines, UTC; None where there are none.
    """

    passing: DataFrame
    verdicts: DataFrame
    numbers: Mapping[date, DayNumbers]
    times: tuple[datetime, datetime] | None

    @property
    def days(self) -> list[date]:
        return sorted(self.numbers)

    @property
    def accepted(self) -> DataFrame:
        """The versions that may reach silver: passing lines of days that are not held."""
        held = [day for day, numbers in self.numbers.items() if numbers.held]
        return self.passing.filter(~F.col("arrival_date").isin(*held)) if held else self.passing


def judge_days(lake: Lake, source: SourceContract, days: Sequence[date], gate: Gate) -> JudgedDays:
    """Judge the bronze lines of these arrival days, once, into scratch files; count them; hold days.

    Raises:
        StorageError: bronze cannot be read.
    """
    columns = SILVER[source.name].column_names
    bronze = read_table(lake, BRONZE[source.name], on_days("arrival_date", days))
    first = write_scratch(lake, build_first_look(bronze.filter(F.col("arrival_date").isin(*days)), source))
    second = write_scratch(lake, build_second_look(first.filter("not passes"), source))
    passing = first.filter("passes").select(*columns).unionByName(second.filter("passes").select(*columns))
    verdicts = second.filter("not passes").select(*_VERDICT)
    counted = _count_passing(passing, source).collect()
    failed_rules = _count_failed_rules(verdicts)
    numbers = dict.fromkeys(days, DayNumbers())
    by_day = {row.arrival_date: row for row in counted}
    for day in {*by_day, *failed_rules}:
        numbers[day] = _day_numbers(by_day.get(day), failed_rules.get(day, {}), gate)
    times = None
    if counted:
        times = from_number(min(row.first for row in counted)), from_number(max(row["last"] for row in counted))
    return JudgedDays(passing, verdicts, numbers, times)


def files_in_reach(column: str, times: tuple[datetime, datetime], horizon_days: int) -> BooleanExpression:
    """Files with event times so near that a version in them may meet one of these times.

    Args:
        column: the event time.
        times: first and last time, UTC.
        horizon_days: versions of a key further apart need not meet.
    """
    horizon = timedelta(days=horizon_days)
    first, last = times[0] - horizon, times[1] + horizon
    return And(at_least(column, first.isoformat()), at_most(column, last.isoformat()))


def _day_numbers(passing: Row | None, failed_rules: Mapping[tuple[str, ...], int], gate: Gate) -> DayNumbers:
    accepted, late = (passing.lines, passing.late) if passing is not None else (0, 0)
    quarantined = sum(failed_rules.values())
    by_rule: Counter[str] = Counter()
    for rules, lines in failed_rules.items():
        by_rule.update(dict.fromkeys(rules, lines))
    held = gate.holds(lines=accepted + quarantined, quarantined=quarantined)
    return DayNumbers(accepted + quarantined, accepted, late, held, dict(by_rule))


def _count_failed_rules(verdicts: DataFrame) -> dict[date, dict[tuple[str, ...], int]]:
    """Quarantined lines by arrival day and by the set of rules they fail."""
    counts: dict[date, dict[tuple[str, ...], int]] = {}
    for day, rules, lines in verdicts.groupBy("arrival_date", "failed_rules").count().collect():
        counts.setdefault(day, {})[tuple(rules)] = lines
    return counts


def _count_passing(passing: DataFrame, source: SourceContract) -> DataFrame:
    time = source.event_time or "effective_from"
    is_late = F.lit(False) if source.event_time is None else F.to_date(time) < F.col("arrival_date")
    return passing.groupBy("arrival_date").agg(
        F.count("*").alias("lines"),
        F.sum(is_late.cast("bigint")).alias("late"),
        as_number(F.min(time)).alias("first"),
        as_number(F.max(time)).alias("last"),
    )
