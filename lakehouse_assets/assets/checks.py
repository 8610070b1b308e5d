"""Checks as Dagster sees them: a spec for each, and one evaluation for each check and partition.

In a run over a range an asset must say each partition's verdict itself, with the materialization it is about; a check
that says nothing would be shown as planned for ever.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from dagster import (
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    DailyPartitionsDefinition,
    MetadataValue,
    Output,
    TableRecord,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster_shared.utils.warnings import PreviewWarning

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.quality.catalogue import Severity, checks_of
from lakehouse_assets.quality.results import CheckResult

_SEVERITIES = {Severity.WARN: AssetCheckSeverity.WARN, Severity.ERROR: AssetCheckSeverity.ERROR}


def check_specs(contract: TableContract, partitions: DailyPartitionsDefinition) -> list[AssetCheckSpec]:
    """The specs of a table's checks."""
    with warnings.catch_warnings():
        # Checks by partition are a preview in Dagster 1.13; orchestration/test_checks.py pins what is used of it.
        warnings.simplefilter("ignore", PreviewWarning)
        return [
            AssetCheckSpec(
                check.name,
                asset=AssetKey(contract.asset_path),
                description=check.description,
                blocking=check.is_blocking,
                partitions_def=partitions,
            )
            for check in checks_of(contract)
        ]


def evaluations(instance: DagsterInstance, results: Sequence[CheckResult]) -> Iterator[AssetCheckEvaluation]:
    """One evaluation for each result, about the newest materialization of its partition, where there is one."""
    targets: dict[tuple[str, str], AssetCheckEvaluationTargetMaterializationData] = {}
    for table in {result.check.table for result in results}:
        days = sorted({result.day.isoformat() for result in results if result.check.table == table})
        found = instance.fetch_materializations(
            AssetRecordsFilter(asset_key=AssetKey(table.split(".")), asset_partitions=days), limit=10 * len(days)
        )
        for record in reversed(found.records):
            targets[table, str(record.partition_key)] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
    for result in results:
        yield _evaluation(result, targets.get((result.check.table, result.day.isoformat())))


def check_outputs(specs: Sequence[AssetCheckSpec]) -> Iterator[Output[None]]:
    """What tells the steps downstream that the checks were made."""
    for spec in specs:
        yield Output(None, output_name=spec.get_python_identifier())


def _evaluation(
    result: CheckResult, target: AssetCheckEvaluationTargetMaterializationData | None
) -> AssetCheckEvaluation:
    metadata: dict[str, MetadataValue[Any]] = {
        "failed_rows": MetadataValue.int(result.failed_rows),
        "failed_percent": MetadataValue.float(result.failed_percent),
        "total_rows": MetadataValue.int(result.total_rows),
        "threshold": MetadataValue.text(result.threshold),
    }
    if result.sql:
        metadata["sql"] = MetadataValue.md(f"```sql\n{result.sql}\n```")
    if result.sample:
        metadata["sample"] = MetadataValue.table([TableRecord(dict(row)) for row in result.sample])
    return AssetCheckEvaluation(
        asset_key=AssetKey(result.check.table.split(".")),
        check_name=result.check.name,
        passed=result.passed,
        severity=_SEVERITIES[result.severity],
        blocking=result.check.is_blocking,
        partition=result.day.isoformat(),
        target_materialization_data=target,
        metadata=metadata,
        description=f"{result.failed_rows:,} of {result.total_rows:,} {result.check.counts} fail; {result.threshold}.",
    )
