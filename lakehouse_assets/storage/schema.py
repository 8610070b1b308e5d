"""Contracts as Iceberg schemas: types, partition specs and table properties."""

from __future__ import annotations

from typing import Any

import pyspark.sql.types as T
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform, MonthTransform, Transform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from lakehouse_assets.contracts.model import Partitioning, TableContract

_SIMPLE_TYPES: dict[type[T.DataType], type[IcebergType]] = {
    T.StringType: StringType,
    T.DateType: DateType,
    T.TimestampType: TimestamptzType,
    T.IntegerType: IntegerType,
    T.LongType: LongType,
    T.BooleanType: BooleanType,
}
_PARTITION_FIELD_ID = 1000
_TABLE_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "snappy",
    # Without merging, each commit adds a manifest, and planning slows down with history.
    "commit.manifest-merge.enabled": "true",
    # Without it the metadata folder keeps every version for ever.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.merge.mode": "merge-on-read",
}


def iceberg_schema(contract: TableContract) -> Schema:
    """The Iceberg schema of a contract: field ids in column order, required where not nullable."""
    element_ids = iter(range(len(contract.columns) + 1, 2 * len(contract.columns) + 1))
    fields = [
        NestedField(
            field_id=field_id,
            name=column.name,
            field_type=_iceberg_type(column.spark_type, element_ids),
            required=not column.nullable,
            doc=column.description,
        )
        for field_id, column in enumerate(contract.columns, start=1)
    ]
    return Schema(*fields)


def partition_spec(partitioning: Partitioning | None, schema: Schema) -> PartitionSpec:
    """The partition spec; field names as Iceberg's own writers name them (`column`, `column_day`)."""
    if partitioning is None:
        return PartitionSpec()
    column = partitioning.column
    transform: Transform[Any, Any]
    if partitioning.transform == "day":
        transform, name = DayTransform(), f"{column}_day"
    elif partitioning.transform == "month":
        transform, name = MonthTransform(), f"{column}_month"
    else:
        transform, name = IdentityTransform(), column
    source_id = schema.find_field(column).field_id
    return PartitionSpec(PartitionField(source_id, _PARTITION_FIELD_ID, transform, name))


def table_properties(schema: Schema) -> dict[str, str]:
    """Properties of a new table. Files carry no field ids, so the name mapping says which column is which."""
    return _TABLE_PROPERTIES | {"schema.name-mapping.default": schema.name_mapping.model_dump_json()}


def _iceberg_type(spark_type: T.DataType, element_ids: object) -> IcebergType:
    if isinstance(spark_type, T.DecimalType):
        return DecimalType(spark_type.precision, spark_type.scale)
    if isinstance(spark_type, T.ArrayType):
        return ListType(
            element_id=next(element_ids),  # type: ignore[call-overload]
            element_type=_iceberg_type(spark_type.elementType, element_ids),
            element_required=False,
        )
    return _SIMPLE_TYPES[type(spark_type)]()
