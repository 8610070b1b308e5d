"""Judging arrival days: their bronze lines, each looked at once, with the numbers of each day and the gate's verdict.

What becomes of the judged lines is in `silver` (quarantine) and `merge` (silver).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import BRONZE, SILVER
from lakehouse_assets.pipeline.changes import write_scratch
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import on_days, read_table
from lakehouse_assets.transforms.judged import build_judged, build_verdicts


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
    """Judged lines of some arrival days, kept in a scratch file.

    Args:
        rows: columns of `transforms.judged.build_judged`.
        numbers: by arrival day; a day without lines has zeros. `failed_rules` is empty until `count_failed_rules`.
        times: first and last event time (users: effective_from) of the accepted lines, UTC; None where there are none.
    """

    rows: DataFrame
    numbers: Mapping[date, DayNumbers]
    times: tuple[datetime, datetime] | None

    @property
    def days(self) -> list[date]:
        return sorted(self.numbers)

    def accepted(self, source: SourceContract) -> DataFrame:
        """The versions that may reach silver: passing lines of days that are not held; columns of the silver table."""
        passing = self.rows.filter("passes")
        held = [day for day, numbers in self.numbers.items() if numbers.held]
        if held:
            passing = passing.filter(~F.col("arrival_date").isin(*held))
        return passing.select(*SILVER[source.name].column_names)


def judge_days(lake: Lake, source: SourceContract, days: Sequence[date], gate: Gate) -> JudgedDays:
    """Judge the bronze lines of these arrival days, once, into a scratch file; count them; hold days.

    Raises:
        StorageError: bronze cannot be read.
    """
    bronze = read_table(lake, BRONZE[source.name], on_days("arrival_date", days))
    rows = write_scratch(lake, build_judged(bronze.filter(F.col("arrival_date").isin(*days)), source))
    counted = _count_lines(rows, source).collect()
    numbers = dict.fromkeys(days, DayNumbers())
    for row in counted:
        held = gate.holds(lines=row.lines, quarantined=row.lines - row.accepted)
        numbers[row.arrival_date] = DayNumbers(row.lines, row.accepted, row.late, held)
    accepted_times = [(row.first_time, row.last_time) for row in counted if row.accepted]
    times = None
    if accepted_times:
        times = min(first for first, _ in accepted_times), max(last for _, last in accepted_times)
    return JudgedDays(rows, numbers, times)


def name_failed_rules(
    lake: Lake, source: SourceContract, judged: JudgedDays
) -> tuple[DataFrame, dict[date, DayNumbers]]:
    """The verdicts on the lines that fail, kept in a scratch file, and the days' numbers with `failed_rules`."""
    verdicts = write_scratch(lake, build_verdicts(judged.rows, source))
    by_rule = verdicts.select("arrival_date", F.explode("failed_rules").alias("rule")).groupBy("arrival_date", "rule")
    counts: dict[date, dict[str, int]] = {}
    for day, rule, count in by_rule.count().collect():
        counts.setdefault(day, {})[rule] = count
    numbers = {day: replace(of_day, failed_rules=counts.get(day, {})) for day, of_day in judged.numbers.items()}
    return verdicts, numbers


def _count_lines(rows: DataFrame, source: SourceContract) -> DataFrame:
    time = source.event_time or "effective_from"
    is_late = F.lit(False) if source.event_time is None else F.to_date(time) < F.col("arrival_date")
    accepted = F.col("passes")
    return rows.groupBy("arrival_date").agg(
        F.count("*").alias("lines"),
        F.sum(accepted.cast("bigint")).alias("accepted"),
        F.sum((accepted & is_late).cast("bigint")).alias("late"),
        F.min(F.when(accepted, F.col(time))).alias("first_time"),
        F.max(F.when(accepted, F.col(time))).alias("last_time"),
    )
