"""The sensor `landing_files`: a new, changed or removed file asks for a run of its arrival day.

The cursor holds a digest of each day's files (path, size, mtime) and the number of ticks that saw a change; the clock
is not asked. Both are in the run key: Dagster runs a key only once, and a state of a day may come back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from dagster import (
    DailyPartitionsDefinition,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.landing.files import list_days, list_files

_INTERVAL_SECONDS = 30


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
        landed = dict(_day_digests(landing))
        now = {day: digest for day, digest in landed.items() if partitions.has_partition_key(day)}
        waiting = sorted(landed.keys() - now.keys())
        if waiting:
            context.log.warning("no partitions, not run: %s", ", ".join(waiting))
        changed = sorted(
            day for day in {*before, *now} if before.get(day) != now.get(day) and partitions.has_partition_key(day)
        )
        if not changed:
            return SkipReason(f"No file came, changed or went in {len(now)} days of {landing}.")
        context.log.info("files differ on %s", ", ".join(changed))
        changes = cursor["changes"] + 1
        return SensorResult(
            run_requests=[
                RunRequest(run_key=f"{day}:{now.get(day, 'no files')}:{changes}", partition_key=day) for day in changed
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


def _day_digests(landing: Path) -> Iterator[tuple[str, str]]:
    """Digest of each day that has a file that counts."""
    days: set[date] = {day for source in SOURCES for day in list_days(landing, source)}
    for day in sorted(days):
        files = [file for source in SOURCES for file in list_files(landing, source, day)]
        digest = hashlib.sha256()
        for file in files:
            digest.update(
                f"{file.source_file}\0{file.size_bytes}\0{file.mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        if files:
            yield day.isoformat(), digest.hexdigest()[:16]
