"""The sources in the graph, so that lineage starts there: what is outside, and the step that brings it into landing.

How a source is pulled is in `ingestion`, which sources there are in `sources`; jobs and schedules are in `jobs`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
)

from lakehouse_assets.assets.failures import clear_failures
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.sources.model import ConfiguredSource

FILES_ACCEPTED = "files_accepted"
_OWNERS = ["team:data-platform"]


def build_ingestion(sources: Sequence[ConfiguredSource]) -> list[AssetSpec | AssetsDefinition]:
    """For each configured source what is outside, as an external asset, and the step that pulls it."""
    return [part for source in sources for part in (_outside(source), _ingestion(source))]


def ingestion_key(name: str) -> AssetKey:
    """The asset that brings files of this source into landing."""
    return AssetKey(["ingestion", name])


def _outside_key(source: ConfiguredSource) -> AssetKey:
    return AssetKey(["sources", source.spec.system])


def _outside(source: ConfiguredSource) -> AssetSpec:
    return AssetSpec(
        key=_outside_key(source),
        description=source.spec.description,
        group_name="sources",
        owners=_OWNERS,
        kinds=set(source.spec.kinds),
    )


def _ingestion(source: ConfiguredSource) -> AssetsDefinition:
    name = source.name

    @asset(
        key=ingestion_key(name),
        deps=[_outside_key(source)],
        description=f"Brings what is new of {name} into landing/{name}/, each record once. Run again, it goes on from "
        "where it stopped.",
        group_name="ingestion",
        owners=_OWNERS,
        kinds={"python", "file"},
        pool=f"ingestion_{name}",
        check_specs=[
            AssetCheckSpec(
                FILES_ACCEPTED,
                asset=ingestion_key(name),
                description="No file was refused by this pull. Refused ones are in landing/_rejected/ with the reason.",
            )
        ],
    )
    # Beside a check Dagster takes the result's class only, without what it holds.
    def ingestion(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
        with clear_failures():
            report = source.open().pull(datetime.now(UTC))
        for warning in report.warnings:
            context.log.warning("%s", warning)
        context.log.info("%s: %s", name, ", ".join(f"{number} {what}" for what, number in report.numbers().items()))
        return MaterializeResult(metadata=_metadata(report), check_results=[_accepted(report)])

    return ingestion


def _accepted(report: PullReport) -> AssetCheckResult:
    """A warning, since the others landed; it is what alerts are made from, with the names of the counts they know."""
    total = len(report.landed) + report.skipped + report.rejected
    return AssetCheckResult(
        passed=report.rejected == 0,
        check_name=FILES_ACCEPTED,
        severity=AssetCheckSeverity.WARN,
        metadata={"failed_rows": report.rejected, "total_rows": total, "threshold": "one refused file"},
    )


def _metadata(report: PullReport) -> dict[str, Any]:
    return {
        **report.numbers(),
        "days": MetadataValue.json([day.isoformat() for day in report.days]),
        "landed": MetadataValue.json(list(report.landed)),
        "warnings": MetadataValue.json(list(report.warnings)),
    }
