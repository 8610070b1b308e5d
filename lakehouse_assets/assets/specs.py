"""What every asset shows before its first run, from its contract: description, schema, owner, kinds, tags, uri."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dagster import (
    AssetKey,
    AssetOut,
    AssetSpec,
    DailyPartitionsDefinition,
    FreshnessPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SOURCES, SourceContract


def table_out(contract: TableContract) -> AssetOut:
    """The asset output of a table."""
    columns = [
        TableColumn(
            column.name,
            column.spark_type.simpleString(),
            description=column.description,
            constraints=TableColumnConstraints(nullable=column.nullable),
            tags={"pii": column.pii} if column.pii else {},
        )
        for column in contract.columns
    ]
    metadata: dict[str, Any] = {
        "dagster/column_schema": TableSchema(columns),
        "dagster/table_name": f"lake.{contract.name}",
        "dagster/uri": f"iceberg://lake/{contract.name}",
        "grain": contract.grain,
        "key": ", ".join(contract.key),
    }
    return AssetOut(
        key=AssetKey(contract.asset_path),
        description=f"{contract.description}\n\nGrain: {contract.grain}.",
        group_name=contract.layer,
        owners=[contract.owner],
        kinds={"iceberg", "pyspark"},
        tags={"layer": contract.layer},
        metadata=metadata,
        freshness_policy=FreshnessPolicy.time_window(fail_window=timedelta(hours=contract.freshness_hours)),
        io_manager_key="iceberg_io_manager",
    )


def landing_key(source: SourceContract) -> AssetKey:
    """The folder that files of a source land in."""
    return AssetKey(["landing", source.name])


def landing_specs(partitions: DailyPartitionsDefinition, upstream: Mapping[str, AssetKey]) -> list[AssetSpec]:
    """The landing folders as external assets, so that lineage starts where files land, or before.

    Args:
        partitions: of the folders.
        upstream: by source, the asset that brings files into its folder, where there is one.
    """
    return [
        AssetSpec(
            key=landing_key(source),
            description=f"Files of {source.name} below landing/{source.name}/dt=YYYY-MM-DD/, one line a record.",
            group_name="landing",
            owners=["team:data-platform"],
            kinds={source.file_format, "file"},
            partitions_def=partitions,
            deps=[upstream[source.name]] if source.name in upstream else [],
        )
        for source in SOURCES.values()
    ]
