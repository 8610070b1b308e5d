"""Running the pipeline step by step, as the assets do, with a place to be killed between any two commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.pipeline.audit import audit_gold, audit_silver
from lakehouse_assets.pipeline.bronze import stage_bronze
from lakehouse_assets.pipeline.gold import stage_gold
from lakehouse_assets.pipeline.silver import stage_silver
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.publish import drop, publish
from lakehouse_assets.storage.stage import RunInfo, StagedWrite

HORIZON_DAYS = 7
DEFAULT_GATE = Gate(min_rows=20, max_percent=10.0)


class BlockedError(Exception):
    """A blocking check stopped a write: the checks, by table and name."""


class KilledError(Exception):
    """Stands for the process ending there."""


def raise_killed() -> None:
    """End the run as seen from the tables, and let the test go on in this process."""
    raise KilledError


def run_pipeline(
    lake: Lake,
    landing: Path,
    days: Sequence[date],
    *,
    gate: Gate = DEFAULT_GATE,
    kill_before_publication: int | None = None,
    kill: Callable[[], None] = raise_killed,
) -> None:
    """Bronze to gold for a range of days.

    Args:
        kill_before_publication: before the n-th publication (from 0) call `kill`: what is staged is left lying about.

    Raises:
        BlockedError: a blocking check failed; what was staged is dropped.
    """
    run = RunInfo("test-run", "test", "0", datetime.now(UTC))
    publish_next = _killer(lake, kill_before_publication, kill)
    for source in SOURCES.values():
        publish_next(stage_bronze(lake, landing, source, days, run).staged)
        write = stage_silver(lake, source, days, gate=gate, horizon_days=HORIZON_DAYS, run=run)
        publish_next(write.quarantine)
        _stop_if_blocked(
            lake, write.silver, audit_silver(lake, source, write, days, horizon_days=HORIZON_DAYS, now=run.now)
        )
        publish_next(write.silver)
    gold = stage_gold(lake, run)
    _stop_if_blocked(lake, gold.staged, audit_gold(lake, gold, days))
    publish_next(gold.staged)


def _stop_if_blocked(lake: Lake, staged: StagedWrite, results: Sequence[CheckResult]) -> None:
    blocking = sorted({f"{result.check.table}: {result.check.name}" for result in results if result.blocks})
    if blocking:
        drop(lake, staged)
        raise BlockedError(", ".join(blocking))


def _killer(lake: Lake, at: int | None, kill: Callable[[], None]) -> Callable[[StagedWrite], None]:
    published = 0

    def publish_next(staged: StagedWrite) -> None:
        nonlocal published
        if published == at:
            kill()
        published += 1
        publish(lake, staged)

    return publish_next
