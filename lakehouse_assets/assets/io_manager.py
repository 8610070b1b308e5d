"""The Iceberg IO manager: publishes what a step staged, and hands tables to the steps after it.

Between staging (the asset's body) and publishing (here) is where audits stand. A day that was held is published without
its lines, gets no materialization, and fails the step afterwards; the executor lets the steps downstream run on, since
their input is there (`jobs.EXECUTOR`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetMaterialization, AssetObservation, Failure, InputContext, IOManager, OutputContext
from dagster._core.events import DagsterEvent

from lakehouse_assets.assets.checks import evaluations
from lakehouse_assets.assets.metadata import whole_write
from lakehouse_assets.assets.resources import Lakehouse
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.storage.publish import publish
from lakehouse_assets.storage.stage import StagedWrite


@dataclass(frozen=True)
class Publication:
    """What an asset hands over.

    Args:
        staged: the write.
        by_day: metadata of each partition, by partition key; the asset's body gives it to Dagster for all
            partitions, here it goes to those that must be reported one by one.
        held: partition keys that are held, with the text for a person.
        checks: verdicts to be reported here where a partition is held, since the step ends here then.
    """

    staged: StagedWrite
    by_day: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[CheckResult] = ()


class IcebergIOManager(IOManager):
    """Publishes `Publication`s; loads an upstream table as its name, to be read through `storage`."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse

    def handle_output(self, context: OutputContext, obj: Publication) -> None:
        """Publish and report.

        Raises:
            Failure: a partition is held; everything else is published.
        """
        table = obj.staged.contract.name
        self._lakehouse.unpublished.add(table)
        try:
            snapshot_id = publish(self._lakehouse.lake, obj.staged)
        except LakehouseError as error:
            raise Failure(str(error), allow_retries=False) from error
        self._lakehouse.unpublished.discard(table)
        shared = whole_write(self._lakehouse.lake, obj.staged, snapshot_id)
        keys = list(context.asset_partition_keys)
        if not obj.held:
            # Dagster puts what all partitions share first, and a partition's own value in the place of its name: so a
            # person sees the day's numbers first and not below the preview.
            names = dict.fromkeys(name for numbers in obj.by_day.values() for name in numbers)
            context.add_output_metadata(names | shared)
            return
        for key in keys:
            metadata = dict(obj.by_day.get(key, {})) | shared
            if key in obj.held:
                observed = metadata | {"held": obj.held[key]}
                context.log_event(AssetObservation(context.asset_key, partition=key, metadata=observed))
            else:
                context.log_event(AssetMaterialization(context.asset_key, partition=key, metadata=metadata))
        for evaluation in evaluations(context.step_context.instance, obj.checks):
            DagsterEvent.asset_check_evaluation(context.step_context, evaluation)
        raise Failure("\n".join(obj.held.values()), allow_retries=False)

    def load_input(self, context: InputContext) -> str:
        """The upstream table's name, once it is published.

        Raises:
            Failure: this run could not publish it.
        """
        table = ".".join(context.asset_key.path)
        if table in self._lakehouse.unpublished:
            raise Failure(f"{table} was not published by this run; nothing was built on it.", allow_retries=False)
        return table
