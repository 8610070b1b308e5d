"""The assets of bronze, silver with quarantine, and gold: plan, stage, hand over to the IO manager."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from time import monotonic
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
    Failure,
    Output,
    TimeWindowPartitionMapping,
    multi_asset,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from lakehouse_assets.assets.checks import check_outputs, check_specs, evaluations
from lakehouse_assets.assets.failures import clear_failures
from lakehouse_assets.assets.io_manager import Publication
from lakehouse_assets.assets.metadata import (
    PARTITION_ROWS,
    bronze_day,
    quarantine_day,
    rows_of_days,
    silver_day,
)
from lakehouse_assets.assets.resources import Lakehouse, run_info
from lakehouse_assets.assets.specs import landing_key, table_out
from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import LOOKBACK_DAYS, SOURCES, USERS, SourceContract
from lakehouse_assets.contracts.tables import BRONZE, GOLD, QUARANTINE, SILVER
from lakehouse_assets.errors import StorageError
from lakehouse_assets.pipeline.audit import audit_gold, audit_silver
from lakehouse_assets.pipeline.bronze import BronzeWrite, stage_bronze
from lakehouse_assets.pipeline.gold import stage_gold
from lakehouse_assets.pipeline.judging import DayNumbers
from lakehouse_assets.pipeline.metrics import append_metrics
from lakehouse_assets.pipeline.silver import stage_silver
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.storage.publish import drop
from lakehouse_assets.storage.stage import RunInfo, StagedWrite

_LOOKBACK = TimeWindowPartitionMapping(start_offset=-LOOKBACK_DAYS)


def build_assets(partitions: DailyPartitionsDefinition) -> list[AssetsDefinition]:
    """All assets of the three layers."""
    by_source = [build(source, partitions) for source in SOURCES.values() for build in (_bronze, _silver)]
    return [*by_source, _gold(partitions)]


def _bronze(source: SourceContract, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    contract = BRONZE[source.name]

    @multi_asset(
        name=f"bronze_{source.name}",
        op_tags=_order(source),
        outs={"bronze": table_out(contract)},
        deps=[landing_key(source)],
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=f"bronze_{source.name}",
        required_resource_keys={"lakehouse"},
    )
    def bronze(context: AssetExecutionContext) -> Iterator[Output[Publication]]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        days = _days(context)
        with clear_failures():
            write = stage_bronze(lakehouse.lake, lakehouse.landing, source, days, _run(context))
        rows = rows_of_days(lakehouse.lake, write.staged, days)
        by_day = {day.isoformat(): bronze_day(day, write, rows) for day in days}
        context.log.info(
            "%s: %d files, %d of %d days changed, %.1f s",
            *(contract.name, sum(write.files.values()), len(write.changed_days), len(days), monotonic() - started),
        )
        _report_landing(context, source, write)
        _report_days(context, contract, by_day, started)
        yield Output(Publication(write.staged, by_day), "bronze")

    return bronze


def _silver(source: SourceContract, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    specs = check_specs(SILVER[source.name], partitions)

    @multi_asset(
        name=f"silver_{source.name}",
        op_tags=_order(source),
        check_specs=specs,
        outs={"quarantine": table_out(QUARANTINE[source.name]), "silver": table_out(SILVER[source.name])},
        ins={
            "bronze": AssetIn(
                AssetKey(["bronze", source.name]), partition_mapping=_LOOKBACK, input_manager_key="iceberg_io_manager"
            )
        },
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=f"silver_{source.name}",
        required_resource_keys={"lakehouse"},
    )
    def silver(context: AssetExecutionContext, bronze: str) -> Iterator[Any]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        days, run = _days(context), _run(context)
        with clear_failures():
            write = stage_silver(
                lakehouse.lake,
                source,
                days,
                gate=lakehouse.gate,
                horizon_days=lakehouse.settings.horizon_days,
                run=run,
            )
            checks = audit_silver(
                lakehouse.lake, source, write, days, horizon_days=lakehouse.settings.horizon_days, now=run.now
            )
        _log_verdicts(context, lakehouse, checks)
        for day, numbers in write.numbers.items():
            if numbers.held and day not in days:
                context.log.warning("%s", _held_text(source, day, numbers))
        rejected = {day.isoformat(): quarantine_day(source, day, write) for day in days}
        accepted = {day.isoformat(): silver_day(source, day, write) for day in days}
        _report_days(context, QUARANTINE[source.name], rejected, started)
        _report_days(context, SILVER[source.name], accepted, started)
        context.log.info(
            "silver.%s: %d days judged, %d lines, %d quarantined, %d duplicates, %d late, %.1f s",
            source.name,
            len(write.judged_days),
            *(sum(day[name] for day in accepted.values()) for name in ("lines", "quarantined", "duplicates", "late")),
            monotonic() - started,
        )
        held = {day.isoformat(): _held_text(source, day, write.numbers[day]) for day in write.held_days(days)}
        yield Output(Publication(write.quarantine, rejected), "quarantine")
        yield from _stop_if_audit_failed(context, lakehouse, write.silver, checks)
        # Before the table, since a held day ends the step there, and gold waits for the checks too.
        yield from check_outputs(specs)
        yield Output(Publication(write.silver, accepted, held, checks), "silver")
        yield from evaluations(context.instance, checks)

    return silver


def _gold(partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    specs = check_specs(GOLD, partitions)

    @multi_asset(
        name="gold_user_session_analysis",
        check_specs=specs,
        outs={"gold": table_out(GOLD)},
        ins={
            source: AssetIn(
                AssetKey(contract.asset_path), partition_mapping=_LOOKBACK, input_manager_key="iceberg_io_manager"
            )
            for source, contract in SILVER.items()
        },
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool="gold_user_session_analysis",
        required_resource_keys={"lakehouse"},
    )
    def gold(context: AssetExecutionContext, events: str, transactions: str, users: str) -> Iterator[Any]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        with clear_failures():
            write = stage_gold(lakehouse.lake, _run(context))
            checks = audit_gold(lakehouse.lake, write, _days(context))
        _log_verdicts(context, lakehouse, checks)
        staged = write.staged
        rows = rows_of_days(lakehouse.lake, staged, _days(context))
        by_day = {day.isoformat(): {PARTITION_ROWS: rows.get(day, 0)} for day in _days(context)}
        _report_days(context, GOLD, by_day, started)
        context.log.info(
            "%s: +%d -%d rows, %.1f s", GOLD.name, staged.added_rows, staged.removed_rows, monotonic() - started
        )
        yield from _stop_if_audit_failed(context, lakehouse, staged, checks)
        yield from check_outputs(specs)
        yield Output(Publication(staged, by_day), "gold")
        yield from evaluations(context.instance, checks)

    return gold


def _log_verdicts(context: AssetExecutionContext, lakehouse: Lakehouse, checks: Sequence[CheckResult]) -> None:
    """Append the verdicts to quality.metrics; that they cannot be logged is a warning and stops nothing."""
    try:
        append_metrics(lakehouse.lake, checks, _run(context))
    except StorageError as error:
        context.log.warning("%s", error)


def _stop_if_audit_failed(
    context: AssetExecutionContext, lakehouse: Lakehouse, staged: StagedWrite, checks: Sequence[CheckResult]
) -> Iterator[AssetCheckEvaluation]:
    """Where a blocking check failed: drop what was staged, report every verdict, and fail.

    Raises:
        Failure: main is as it was.
    """
    blocking = [result for result in checks if result.blocks]
    if not blocking:
        return
    drop(lakehouse.lake, staged)
    yield from evaluations(context.instance, checks)
    faults = "; ".join(
        f"{result.check.name} on {result.day} ({result.failed_rows:,} of {result.total_rows:,} rows)"
        for result in blocking
    )
    raise Failure(
        f"{staged.contract.name} was not published: {faults}. Main is as it was, what was staged is dropped, and "
        "nothing was built on it. The checks of the asset show the SQL. If the data is right, the code is not: correct "
        "it and materialise the same days again.",
        allow_retries=False,
    )


def _report_landing(context: AssetExecutionContext, source: SourceContract, write: BronzeWrite) -> None:
    """Show the landing days that have files: nothing else tells Dagster of them."""
    for day, files in write.files.items():
        if files:
            numbers = {"files": files, "bytes_landed": write.bytes[day]}
            landed = AssetMaterialization(landing_key(source), partition=day.isoformat(), metadata=numbers)
            context.log_event(landed)


def _report_days(
    context: AssetExecutionContext, contract: TableContract, by_day: Mapping[str, dict[str, Any]], started: float
) -> None:
    """Give each partition of a range its own numbers, and to all the seconds that the step has taken so far."""
    seconds = round(monotonic() - started, 3)
    for key, numbers in by_day.items():
        numbers["seconds"] = seconds
        context.add_asset_metadata(numbers, asset_key=AssetKey(contract.asset_path), partition_key=key)


def _order(source: SourceContract) -> dict[str, str]:
    """Users go first, so that the others' users are known when they are looked for; nothing depends on it."""
    return {"dagster/priority": "1"} if source is USERS else {}


def _days(context: AssetExecutionContext) -> list[date]:
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def _run(context: AssetExecutionContext) -> RunInfo:
    return run_info(context.run.run_id, list(context.partition_keys))


def _held_text(source: SourceContract, day: date, numbers: DayNumbers) -> str:
    rules = sorted(numbers.failed_rules.items(), key=lambda item: (-item[1], item[0]))
    frequent = ", ".join(f"{rule} ({count:,})" for rule, count in rules[:3])
    percent = 100 * numbers.quarantined / numbers.lines
    return (
        f"{source.name} {day} is held: {numbers.quarantined:,} of {numbers.lines:,} lines ({percent:.1f} %) are "
        f"quarantined. None of its lines is in silver.{source.name}; its verdicts are in quarantine.{source.name}. "
        f"Most frequent: {frequent}. Correct the file and materialise the day again, or raise "
        "LAKEHOUSE_QUARANTINE_MAX_PERCENT."
    )
