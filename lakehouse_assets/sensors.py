"""The sensor `landing_files`: a new, changed or removed file asks for a run of its arrival day.

The cursor holds a digest of each recent day's files (path, size, mtime); the clock is not asked. The run key is that
digest, so one state of a day is run once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from dagster import DefaultSensorStatus, RunRequest, SensorDefinition, SensorEvaluationContext, SensorResult, SkipReason
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.landing.files import list_days, list_files

_INTERVAL_SECONDS = 30
_MAX_DAYS_IN_CURSOR = 400


def build_landing_sensor(job: UnresolvedAssetJobDefinition, landing: Path) -> SensorDefinition:
    """The sensor over one landing folder.

    Args:
        job: the partitioned job to run.
        landing: the landing folder.
    """

    def evaluate(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        before: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        now = dict(_day_digests(landing))
        changed = sorted(day for day in {*before, *now} if before.get(day) != now.get(day))
        if not changed:
            return SkipReason(f"No file came, changed or went in {len(now)} days of {landing}.")
        context.log.info("files differ on %s", ", ".join(changed))
        requests = [RunRequest(run_key=f"{day}:{now.get(day, 'no files')}", partition_key=day) for day in changed]
        return SensorResult(run_requests=requests, cursor=json.dumps(now, sort_keys=True))

    return SensorDefinition(
        name="landing_files",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Runs an arrival day when a file of it came, changed or went.",
    )


def _day_digests(landing: Path) -> Iterator[tuple[str, str]]:
    days: set[date] = {day for source in SOURCES for day in list_days(landing, source)}
    for day in sorted(days)[-_MAX_DAYS_IN_CURSOR:]:
        digest = hashlib.sha256()
        for source in SOURCES:
            for file in list_files(landing, source, day):
                digest.update(
                    f"{file.source_file}\0{file.size_bytes}\0{file.mtime_ns}\n".encode("utf-8", "surrogateescape")
                )
        yield day.isoformat(), digest.hexdigest()[:16]
