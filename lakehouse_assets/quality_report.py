"""The quality report: one HTML page, without scripts and without the network, from the rows of `quality.metrics`.

A pure function of its arguments: verdicts become a view (what stands where, in words and numbers), and the template
`templates/quality_report.html.j2` becomes the page. It shows counts only; no landed value is in the metrics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.quality.catalogue import EVENT_TIME_IS_FRESH, GATE, NO_HOUR_IS_MISSING, VOLUME, Severity

WORST_DAYS = 10
CORRECTED = 20
_RULES_OF_A_DAY = 4
# They count what other checks have counted, or count no rows: left out of sums over checks.
_NOT_IN_SUMS = (GATE, VOLUME, NO_HOUR_IS_MISSING, EVENT_TIME_IS_FRESH)
_ALWAYS = 100.0
_TEMPLATE = "quality_report.html.j2"

Cell = tuple[str, date]
"""A table and a day."""


class Verdict(StrEnum):
    """Of one check, or the worst of a table's day."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"
    NO_DATA = "no data"

    @property
    def sign(self) -> str:
        """Says the same as the colour."""
        return {Verdict.ERROR: "✕", Verdict.WARNING: "!", Verdict.OK: "✓", Verdict.NO_DATA: "·"}[self]

    @property
    def style(self) -> str:
        """Class of the style sheet."""
        return self.value.replace(" ", "-")


@dataclass(frozen=True)
class Measured:
    """One row of `pipeline.metrics.read_metrics`."""

    table_name: str
    partition_day: date
    check_name: str
    run_id: str
    measured_at: datetime
    passed: bool
    severity: str
    is_blocking: bool
    failed_rows: int
    total_rows: int
    threshold: str
    is_current: bool

    @property
    def verdict(self) -> Verdict:
        if self.passed:
            return Verdict.OK
        return Verdict.WARNING if self.severity == Severity.WARN else Verdict.ERROR

    @property
    def is_error(self) -> bool:
        return self.verdict is Verdict.ERROR

    @property
    def fails_now(self) -> bool:
        return self.is_current and not self.passed

    @property
    def blocks(self) -> bool:
        return self.is_blocking and self.is_error

    @property
    def cell(self) -> Cell:
        return self.table_name, self.partition_day

    @property
    def has_rows(self) -> bool:
        """Whether there was anything to look at."""
        return self.total_rows > 0 or self.failed_rows > 0

    @property
    def failed_percent(self) -> float:
        if not self.total_rows:
            return _ALWAYS if self.failed_rows else 0.0
        return 100 * self.failed_rows / self.total_rows

    @property
    def percent_text(self) -> str:
        return percent_text(self.failed_percent)


@dataclass(frozen=True)
class HeatCell:
    """Worst verdict of a table's day; the anchor of its details, where there are any."""

    day: date
    verdict: Verdict
    text: str
    anchor: str


@dataclass(frozen=True)
class HeatRow:
    table: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Trend:
    """One check's failing share by day: what to draw, and the numbers that are read beside it."""

    table: str
    check: str
    path: str
    end: tuple[float, float]
    verdict: Verdict
    last: str
    last_day: date
    highest: str
    highest_day: date
    failed_rows: int

    @property
    def text(self) -> str:
        return f"highest {self.highest} on {self.highest_day}, last {self.last} on {self.last_day}"


@dataclass(frozen=True)
class WorstDay:
    day: date
    failed_rows: int
    bar_percent: int
    rules: tuple[tuple[str, str, int], ...]
    more_rules: int
    runs: tuple[str, ...]


@dataclass(frozen=True)
class FailingTable:
    """A table's day with checks that fail now."""

    table: str
    anchor: str
    checks: tuple[Measured, ...]


@dataclass(frozen=True)
class DayDetails:
    """What a day's cells lead to."""

    day: date
    failing: tuple[FailingTable, ...]
    passing: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Corrected:
    """A check that failed in an earlier run and passes in the newest."""

    failed: Measured
    now: Measured


def build_report(metrics: pa.Table, first: date, last: date, *, run_url_base: str, written_at: datetime) -> str:
    """The page as text.

    Args:
        metrics: from `pipeline.metrics.read_metrics`.
        first: first day shown; days without verdicts are shown as such.
        last: last day shown, included.
        run_url_base: address of Dagster's web UI, http or https.
        written_at: shown on the page, UTC.
    """
    rows = measured(metrics)
    current = [row for row in rows if row.is_current]
    days = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    anchors = _anchors(current)

    def run_url(run_id: str) -> str:
        return f"{run_url_base.rstrip('/')}/runs/{quote(run_id, safe='')}"

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    trends = _trends(current, days)
    return environment.get_template(_TEMPLATE).render(
        first=first,
        last=last,
        written_at=written_at,
        totals=_totals(rows, current, days),
        months=_months(days),
        days=days,
        heat=_heat(rows, days, anchors),
        worst=_worst_days(current),
        trends=trends,
        quiet=len({(row.table_name, row.check_name) for row in current}) - len(trends),
        details=_details(rows, anchors),
        corrected=_corrected(rows)[:CORRECTED],
        verdicts=list(Verdict),
        run_url=run_url,
    )


def measured(metrics: pa.Table) -> list[Measured]:
    """The rows of `read_metrics` as values, in their order."""
    names = [field.name for field in fields(Measured)]
    return [Measured(**row) for row in metrics.select(names).to_pylist()]


def percent_text(percent: float) -> str:
    """One decimal; a share that is not zero is never shown as zero."""
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:,.1f} %"


def _totals(rows: Sequence[Measured], current: Sequence[Measured], days: Sequence[date]) -> Mapping[str, str]:
    verdicts = [row.verdict for row in current]
    seen = {row.partition_day for row in current}
    return {
        "errors now": f"{verdicts.count(Verdict.ERROR):,}",
        "warnings now": f"{verdicts.count(Verdict.WARNING):,}",
        "checks pass": f"{verdicts.count(Verdict.OK):,}",
        "rows fail a check": f"{sum(_counted(row) for row in current):,}",
        "days checked": f"{len(seen):,} of {len(days):,}",
        "runs": f"{len({row.run_id for row in rows}):,}",
    }


def _counted(row: Measured) -> int:
    return 0 if row.check_name in _NOT_IN_SUMS else row.failed_rows


def _table_order(name: str) -> tuple[int, str]:
    known = list(TABLES)
    return (known.index(name) if name in known else len(known)), name


def _tables(rows: Iterable[Measured]) -> list[str]:
    return sorted({row.table_name for row in rows}, key=_table_order)


def _anchors(current: Sequence[Measured]) -> dict[Cell, str]:
    """Ids made of numbers: a table's name may hold anything."""
    numbers = {table: number for number, table in enumerate(_tables(current), start=1)}
    return {row.cell: f"t{numbers[row.table_name]}-{row.partition_day}" for row in current}


def _by_cell(rows: Iterable[Measured]) -> dict[Cell, list[Measured]]:
    cells: dict[Cell, list[Measured]] = defaultdict(list)
    for row in rows:
        cells[row.cell].append(row)
    return cells


def _worst(rows: Sequence[Measured]) -> Verdict:
    order = list(Verdict)
    return min((row.verdict for row in rows), key=order.index)


def _months(days: Sequence[date]) -> list[tuple[str, int]]:
    """Headings above the days: a month and how many of the days it has."""
    months: dict[tuple[int, int], list[date]] = defaultdict(list)
    for day in days:
        months[day.year, day.month].append(day)
    return [(f"{of_month[0]:%B %Y}" if len(of_month) > 3 else "", len(of_month)) for of_month in months.values()]


def _heat(rows: Sequence[Measured], days: Sequence[date], anchors: Mapping[Cell, str]) -> list[HeatRow]:
    cells = _by_cell(rows)

    def heat_cell(table: str, day: date) -> HeatCell:
        of_cell = cells.get((table, day), [])
        verdict, text = _cell_verdict(of_cell)
        return HeatCell(day, verdict, f"{verdict.value}: {text}", anchors.get((table, day), ""))

    return [HeatRow(table, tuple(heat_cell(table, day) for day in days)) for table in _tables(rows)]


def _cell_verdict(rows: Sequence[Measured]) -> tuple[Verdict, str]:
    """The worst of what holds now. A day of which no run has ever seen a row is no good day."""
    current = [row for row in rows if row.is_current]
    if not current:
        return Verdict.NO_DATA, "not checked"
    worst = _worst(current)
    if worst is Verdict.OK and not any(row.has_rows for row in rows):
        return Verdict.NO_DATA, f"{len(current)} checks saw no rows"
    if worst is Verdict.OK:
        return worst, f"all {len(current)} checks pass"
    return worst, f"{sum(not row.passed for row in current)} of {len(current)} checks fail"


def _worst_days(current: Sequence[Measured]) -> list[WorstDay]:
    by_day: dict[date, list[Measured]] = defaultdict(list)
    for row in current:
        if _counted(row):
            by_day[row.partition_day].append(row)
    sums = {day: sum(map(_counted, rows)) for day, rows in by_day.items()}
    worst = sorted(by_day, key=lambda day: (-sums[day], day))[:WORST_DAYS]

    def worst_day(day: date) -> WorstDay:
        rows = sorted(by_day[day], key=lambda row: (-row.failed_rows, row.table_name, row.check_name))
        rules = tuple((row.table_name, row.check_name, row.failed_rows) for row in rows[:_RULES_OF_A_DAY])
        runs = tuple(dict.fromkeys(row.run_id for row in rows))
        bar = round(100 * sums[day] / sums[worst[0]])
        return WorstDay(day, sums[day], bar, rules, max(0, len(rows) - _RULES_OF_A_DAY), runs)

    return [worst_day(day) for day in worst]


def _trends(current: Sequence[Measured], days: Sequence[date]) -> list[Trend]:
    """Of each check that a row failed on any of the days, most failing rows first."""
    by_check: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for row in current:
        by_check[row.table_name, row.check_name].append(row)
    trends = [_trend(rows, days) for rows in by_check.values() if any(row.failed_rows for row in rows)]
    return sorted(trends, key=lambda trend: (_table_order(trend.table), -trend.failed_rows, trend.check))


def _trend(rows: Sequence[Measured], days: Sequence[date]) -> Trend:
    by_day = {row.partition_day: row for row in rows if row.has_rows}
    path, end = _sparkline([by_day[day].failed_percent if day in by_day else None for day in days])
    last = by_day[max(by_day)]
    highest = max(rows, key=lambda row: (row.failed_percent, row.partition_day))
    return Trend(
        table=last.table_name,
        check=last.check_name,
        path=path,
        end=end,
        verdict=last.verdict,
        last=last.percent_text,
        last_day=last.partition_day,
        highest=highest.percent_text,
        highest_day=highest.partition_day,
        failed_rows=sum(row.failed_rows for row in rows),
    )


SPARK_WIDTH, SPARK_HEIGHT, _SPARK_MARGIN = 180, 30, 4


def _sparkline(values: Sequence[float | None]) -> tuple[str, tuple[float, float]]:
    """An SVG path from zero to the highest value, broken where there is none, and its last point."""
    highest = max((value for value in values if value is not None), default=0.0) or 1.0
    step = (SPARK_WIDTH - 2 * _SPARK_MARGIN) / max(1, len(values) - 1)
    bottom = SPARK_HEIGHT - _SPARK_MARGIN
    path: list[str] = []
    end = (0.0, 0.0)
    for index, value in enumerate(values):
        if value is None:
            continue
        end = (
            round(_SPARK_MARGIN + index * step, 1),
            round(bottom - (bottom - _SPARK_MARGIN) * value / highest, 1),
        )
        continues = index > 0 and values[index - 1] is not None
        # A line of no length, with round ends, is a dot: a day between two days without data.
        path.append(f"L{end[0]} {end[1]}" if continues else f"M{end[0]} {end[1]}h0")
    return "".join(path), end


def _details(rows: Sequence[Measured], anchors: Mapping[Cell, str]) -> list[DayDetails]:
    """Newest day first; of each table the failing checks, errors first, or that none fails."""
    cells = _by_cell(rows)
    details = []
    for day in sorted({row.partition_day for row in rows}, reverse=True):
        failing, passing = [], []
        for table in [table for table in _tables(rows) if (table, day) in cells]:
            of_cell, anchor = cells[table, day], anchors[table, day]
            failed = [row for row in of_cell if row.fails_now]
            if failed:
                failed.sort(key=lambda row: (not row.is_error, -row.failed_rows, row.check_name))
                failing.append(FailingTable(table, anchor, tuple(failed)))
            else:
                passing.append((table, anchor, _cell_verdict(of_cell)[1]))
        details.append(DayDetails(day, tuple(failing), tuple(passing)))
    return details


def _corrected(rows: Sequence[Measured]) -> list[Corrected]:
    """Checks whose newest verdict is good and whose last bad one is older; those corrected last come first."""
    now = {(*row.cell, row.check_name): row for row in rows if row.is_current}
    failed: dict[tuple[str, date, str], Measured] = {}
    for row in sorted(rows, key=lambda row: row.measured_at):
        if not row.passed and not row.is_current:
            failed[*row.cell, row.check_name] = row
    corrected = [Corrected(row, now[key]) for key, row in failed.items() if now[key].passed]
    return sorted(corrected, key=lambda pair: (-pair.now.measured_at.timestamp(), pair.now.cell, pair.now.check_name))
