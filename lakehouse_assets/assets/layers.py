"""The assets of bronze, silver with quarantine, and gold: plan, stage, hand over to the IO manager."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from time import monotonic
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
    Failure,
    Output,
    TimeWindowPartitionMapping,
    multi_asset,
)

from lakehouse_assets.assets.io_manager import Publication
from lakehouse_assets.assets.resources import Lakehouse, run_info
from lakehouse_assets.assets.specs import table_out
from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import LOOKBACK_DAYS, SOURCES, SourceContract
from lakehouse_assets.contracts.tables import BRONZE, GOLD, QUARANTINE, SILVER
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.pipeline.bronze import read_bronze_days, stage_bronze
from lakehouse_assets.pipeline.gold import stage_gold
from lakehouse_assets.pipeline.judging import DayNumbers
from lakehouse_assets.pipeline.silver import SilverWrite, stage_silver
from lakehouse_assets.storage.stage import RunInfo

_LOOKBACK = TimeWindowPartitionMapping(start_offset=-LOOKBACK_DAYS)


def build_assets(partitions: DailyPartitionsDefinition) -> list[AssetsDefinition]:
    """All assets of the three layers."""
    by_source = [build(source, partitions) for source in SOURCES.values() for build in (_bronze, _silver)]
    return [*by_source, _gold(partitions)]


def _bronze(source: SourceContract, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    contract = BRONZE[source.name]

    @multi_asset(
        name=f"bronze_{source.name}",
        outs={"bronze": table_out(contract)},
        deps=[AssetKey(["landing", source.name])],
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=f"bronze_{source.name}",
        required_resource_keys={"lakehouse"},
    )
    def bronze(context: AssetExecutionContext) -> Iterator[Output[Publication]]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        days = _days(context)
        with _clear_failures():
            write = stage_bronze(lakehouse.lake, lakehouse.landing, source, days, _run(context))
        stored = read_bronze_days(lakehouse.lake, source.name, days)
        seconds = round(monotonic() - started, 3)
        by_day = {
            day.isoformat(): {
                "files": write.files[day],
                "bytes_landed": write.bytes[day],
                "lines_before": stored[day].lines if day in stored else 0,
                "seconds": seconds,
            }
            for day in days
        }
        context.log.info("%s: %d of %d days changed", contract.name, len(write.changed_days), len(days))
        _report_days(context, contract, by_day)
        yield Output(Publication(write.staged, by_day), "bronze")

    return bronze


def _silver(source: SourceContract, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    @multi_asset(
        name=f"silver_{source.name}",
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
    def silver(context: AssetExecutionContext, bronze: str) -> Iterator[Output[Publication]]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        days = _days(context)
        with _clear_failures():
            write = stage_silver(
                lakehouse.lake,
                source,
                days,
                gate=lakehouse.gate,
                horizon_days=lakehouse.settings.horizon_days,
                run=_run(context),
            )
        for day, numbers in write.numbers.items():
            if numbers.held and day not in days:
                context.log.warning("%s", _held_text(source, day, numbers))
        seconds = round(monotonic() - started, 3)
        by_day = {day.isoformat(): _day_metadata(day, write, seconds) for day in days}
        held = {day.isoformat(): _held_text(source, day, write.numbers[day]) for day in write.held_days(days)}
        for contract in (QUARANTINE[source.name], SILVER[source.name]):
            _report_days(context, contract, by_day)
        yield Output(Publication(write.quarantine, by_day), "quarantine")
        yield Output(Publication(write.silver, by_day, held), "silver")

    return silver


def _gold(partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    @multi_asset(
        name="gold_user_session_analysis",
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
    def gold(
        context: AssetExecutionContext, events: str, transactions: str, users: str
    ) -> Iterator[Output[Publication]]:
        lakehouse: Lakehouse = context.resources.lakehouse
        started = monotonic()
        with _clear_failures():
            staged = stage_gold(lakehouse.lake, _run(context))
        seconds = round(monotonic() - started, 3)
        by_day = {day.isoformat(): {"seconds": seconds} for day in _days(context)}
        _report_days(context, GOLD, by_day)
        yield Output(Publication(staged, by_day), "gold")

    return gold


@contextmanager
def _clear_failures() -> Iterator[None]:
    """Turn the platform's errors into Dagster failures that say what happened; all others are faults of ours."""
    try:
        yield
    except LakehouseError as error:
        raise Failure(str(error), allow_retries=False) from error


def _report_days(
    context: AssetExecutionContext, contract: TableContract, by_day: Mapping[str, Mapping[str, Any]]
) -> None:
    """Give each partition of a range its own numbers."""
    for key, metadata in by_day.items():
        context.add_asset_metadata(metadata, asset_key=AssetKey(contract.asset_path), partition_key=key)


def _days(context: AssetExecutionContext) -> list[date]:
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def _run(context: AssetExecutionContext) -> RunInfo:
    return run_info(context.run_id, list(context.partition_keys))


def _day_metadata(day: date, write: SilverWrite, seconds: float) -> dict[str, Any]:
    numbers = write.numbers[day]
    return {
        "lines": numbers.lines,
        "accepted": numbers.accepted,
        "quarantined": numbers.quarantined,
        "late": numbers.late,
        "seconds": seconds,
        **{f"quarantined/{rule}": count for rule, count in sorted(numbers.failed_rules.items())},
    }


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
