"""The sensor `landing_files`: a new, changed or removed file asks for a run of its arrival day.

The cursor holds a digest of each day's files (path, size, mtime) and the number of ticks that saw a change; the clock
is not asked. Both are in the run key: Dagster runs a key only once, and a state of a day may come back. A day that some
run has read as it is now, such as one by `lakehouse run`, is not run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DailyPartitionsDefinition,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from lakehouse_assets.assets.metadata import LANDING_LISTING
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import BRONZE
from lakehouse_assets.landing.files import list_days, list_files, listing_digest

_INTERVAL_SECONDS = 30
_NO_FILES = dict.fromkeys(SOURCES, listing_digest([]))


def build_landing_sensor(
    job: UnresolvedAssetJobDefinition, landing: Path, partitions: DailyPartitionsDefinition
) -> SensorDefinition:
    """The sensor over one landing folder.

    Args:
        job: the partitioned job to run.
        landing: the landing folder.
        partitions: the job's partitions; folders of other days are waited with.
    """

    def evaluate(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        cursor: dict[str, Any] = json.loads(context.cursor) if context.cursor else {"changes": 0, "days": {}}
        before: dict[str, str] = cursor["days"]
        if before and not landing.is_dir():
            return SkipReason(f"{landing} is not there. Nothing is taken as removed; mount it again.")
        landed = _listings(landing)
        now = {day: _digest(listing) for day, listing in landed.items() if partitions.has_partition_key(day)}
        waiting = sorted(landed.keys() - now.keys())
        if waiting:
            context.log.warning("no partitions, not run: %s", ", ".join(waiting))
        changed = sorted(
            day for day in {*before, *now} if before.get(day) != now.get(day) and partitions.has_partition_key(day)
        )
        if not changed:
            return SkipReason(f"No file came, changed or went in {len(now)} days of {landing}.")
        context.log.info("files differ on %s", ", ".join(changed))
        taken_in = _taken_in(context.instance, {day: landed.get(day, _NO_FILES) for day in changed})
        if taken_in:
            context.log.info("read by a run already, not run again: %s", ", ".join(sorted(taken_in)))
        changes = cursor["changes"] + 1
        return SensorResult(
            run_requests=[
                RunRequest(run_key=f"{day}:{now.get(day, 'no files')}:{changes}", partition_key=day)
                for day in changed
                if day not in taken_in
            ],
            cursor=json.dumps({"changes": changes, "days": now}, sort_keys=True),
        )

    return SensorDefinition(
        name="landing_files",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Runs an arrival day when a file of it came, changed or went.",
    )


def _listings(landing: Path) -> dict[str, dict[str, str]]:
    """Digest of the listing of each source, by day that has a file that counts."""
    days: set[date] = {day for source in SOURCES for day in list_days(landing, source)}
    listed = {day: {source: list_files(landing, source, day) for source in SOURCES} for day in sorted(days)}
    return {
        day.isoformat(): {source: listing_digest(files) for source, files in by_source.items()}
        for day, by_source in listed.items()
        if any(by_source.values())
    }


def _taken_in(instance: DagsterInstance, listings: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The days of which bronze was last materialised from just these files, by whatever run."""
    read: dict[str, dict[str, Any]] = {day: {} for day in listings}
    for source, contract in BRONZE.items():
        asset = AssetKey(contract.asset_path)
        latest = instance.event_log_storage.get_latest_storage_id_by_partition(
            asset, DagsterEventType.ASSET_MATERIALIZATION, set(listings)
        )
        wanted = AssetRecordsFilter(asset_key=asset, storage_ids=list(latest.values()))
        records = instance.fetch_materializations(wanted, limit=len(latest)).records if latest else []
        for record in records:
            metadata = record.asset_materialization.metadata if record.asset_materialization else {}
            if LANDING_LISTING in metadata:
                read[str(record.partition_key)][source] = metadata[LANDING_LISTING].value
    return {day for day, by_source in read.items() if by_source == listings[day]}


def _digest(by_source: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(by_source, sort_keys=True).encode()).hexdigest()[:16]
