"""The rows that are new in a staged snapshot: against the contract of their table, and each key once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.pipeline.audit.verdicts import Sample, failing_sql, sample_rows, sum_by_day, verdicts_by_day
from lakehouse_assets.pipeline.judging import JudgedDays, files_in_reach
from lakehouse_assets.pipeline.silver import SilverWrite
from lakehouse_assets.quality import catalogue
from lakehouse_assets.quality.catalogue import named_row_checks, unique_key
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.quality.row_checks import RowCheck, count_failing, row_checks, schema_faults
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import plan_files, read_files
from lakehouse_assets.storage.stage import StagedWrite


def audit_rows(lake: Lake, staged: StagedWrite, day_column: str, days: Sequence[date]) -> list[CheckResult]:
    """The contract on the new rows: columns, types and values together, and each named condition of its own.

    Args:
        day_column: which day a row counts for.
    """
    contract = staged.contract
    checks, named = row_checks(contract), named_row_checks(contract)
    others = [check for check in checks if check not in named]
    failing: dict[str, dict[date, int]] = {check.name: {} for check in checks}
    total: dict[date, int] = {}
    faults: list[str] = []
    samples: dict[str, dict[date, Sample]] = {}
    if staged.added_paths:
        rows = read_files(lake, contract, staged.added_paths)
        faults = schema_faults(rows, contract)
        counted = count_failing(rows, checks, day_column).collect()
        total = sum_by_day(((row[day_column], row["rows"]) for row in counted), days)
        for name in failing:
            failing[name] = sum_by_day(((row[day_column], row[name]) for row in counted), days)
        shown_as = {check: check.name if check in named else catalogue.CONTRACT for check in checks}
        broken = {check: name for check, name in shown_as.items() if any(failing[check.name].values())}
        samples = _sample_failing(rows, contract, broken, day_column, days) if broken else {}
    in_contract = {
        day: len(faults) + sum(failing[check.name].get(day, 0) for check in others) for day in (*total, min(days))
    }
    failed = [check.sql for check in others if any(failing[check.name].values())]
    condition = " AND ".join(f"({sql})" for sql in failed or [check.sql for check in others])
    sql, shown = failing_sql(contract, condition), samples.get(catalogue.CONTRACT)
    results = verdicts_by_day(contract, catalogue.CONTRACT, days, in_contract, total, sql, shown)
    for check in named:
        sql, shown = failing_sql(contract, check.sql), samples.get(check.name)
        results += verdicts_by_day(contract, check.name, days, failing[check.name], total, sql, shown)
    return results


def _sample_failing(
    rows: DataFrame,
    contract: TableContract,
    broken: Mapping[RowCheck, str],
    day_column: str,
    days: Sequence[date],
) -> dict[str, dict[date, Sample]]:
    """Rows that fail one of these conditions, under the name of the check that it is shown as."""

    def when_failing(check: RowCheck, shown_as: str) -> Column:
        verdict = F.struct(F.lit(shown_as).alias("check"), F.lit(check.name).alias("condition"))
        return F.when(F.expr(f"({check.sql}) IS NOT TRUE"), verdict)

    failed = F.filter(F.array(*(when_failing(*each) for each in broken.items())), lambda one: one.isNotNull())
    shown = [*contract.identity, "condition"]
    of_rows = rows.withColumn("_failed", F.explode(failed)).select("*", "_failed.check", "_failed.condition")
    return sample_rows(of_rows, day_column, shown, days)


def audit_keys(
    lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date], horizon_days: int
) -> list[CheckResult]:
    """No key stands twice, and none is lost, among what is new and what is within reach of it."""
    contract = SILVER[source.name]
    unique, lost = unique_key(contract), catalogue.NO_KEY_IS_LOST
    failed: dict[str, dict[date, int]] = {unique: {}, lost: {}}
    samples: dict[str, dict[date, Sample]] = {}
    # Also where nothing is staged: a day whose rows are all lost leaves nothing to stage.
    if write.judged is not None:
        wrong = _wrong_keys(lake, source, write, write.judged, horizon_days)
        counted = wrong.groupBy("check", "arrival_date").count().collect()
        for name in failed:
            of_check = ((row.arrival_date, row["count"]) for row in counted if row["check"] == name)
            failed[name] = sum_by_day(of_check, days)
        samples = sample_rows(wrong, "arrival_date", [*contract.key, "arrival_date"], days) if counted else {}
    total = {day: write.numbers[day].accepted for day in days}
    return [
        result
        for name, sql in ((unique, _doubled_sql(contract)), (lost, ""))
        for result in verdicts_by_day(contract, name, days, failed[name], total, sql, samples.get(name))
    ]


def _wrong_keys(
    lake: Lake, source: SourceContract, write: SilverWrite, judged: JudgedDays, horizon_days: int
) -> DataFrame:
    """Keys of new rows that stand twice, and keys of a version that have no row, with the `check` that they fail.

    Staged rows and versions go through one grouping by key: a join of both took three times as long.
    """
    contract, staged = SILVER[source.name], write.silver
    key = list(contract.key)
    added = read_files(lake, contract, staged.added_paths)
    kept = read_files(lake, contract, _kept_paths(lake, source, write, horizon_days))
    replaced = read_files(lake, contract, [file.file_path for file in staged.replaced])
    versions = judged.accepted.select(*key, "arrival_date").unionByName(
        replaced.filter(~F.col("arrival_date").isin(*judged.days)).select(*key, "arrival_date")
    )

    def counting(rows: DataFrame, stored: int, new: int) -> DataFrame:
        return rows.select(*key, "arrival_date", F.lit(stored).alias("_stored"), F.lit(new).alias("_new"))

    keys = (
        counting(added, 1, 1)
        .unionByName(counting(kept, 1, 0))
        .unionByName(counting(versions, 0, 0))
        .groupBy(*key)
        .agg(
            F.max("arrival_date").alias("arrival_date"),
            F.sum("_stored").alias("_stored"),
            F.max("_new").alias("_new"),
        )
    )
    is_doubled, is_lost = (F.col("_stored") > 1) & (F.col("_new") == 1), F.col("_stored") == 0
    check = F.when(is_doubled, F.lit(unique_key(contract))).when(is_lost, F.lit(catalogue.NO_KEY_IS_LOST))
    return keys.filter(is_doubled | is_lost).select(*key, "arrival_date", check.alias("check"))


def _kept_paths(lake: Lake, source: SourceContract, write: SilverWrite, horizon_days: int) -> list[str]:
    """Files of the staged snapshot that are not new and may hold a key of the judged days' versions."""
    reach = None
    if source.event_time is not None:
        if write.judged is None or write.judged.times is None:
            return []
        reach = files_in_reach(source.event_time, write.judged.times, horizon_days)
    files = plan_files(lake, write.silver.contract, reach, snapshot_id=write.silver.snapshot_id)
    return [file.file_path for file in files if file.file_path not in write.silver.added_paths]


def _doubled_sql(contract: TableContract) -> str:
    key = ", ".join(contract.key)
    return f"SELECT {key}, COUNT(*) FROM lake.{contract.name} GROUP BY {key} HAVING COUNT(*) > 1"
