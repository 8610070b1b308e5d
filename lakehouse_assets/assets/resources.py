"""The Dagster resource that opens the lake once per run, and what a step needs to know about its run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from dagster import InitResourceContext, ResourceDefinition

from lakehouse_assets import contracts, transforms
from lakehouse_assets.engine.session import start_engine
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.settings import Settings
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.scratch import open_scratch
from lakehouse_assets.storage.stage import RunInfo


@dataclass
class Lakehouse:
    """The open lake with the settings of the run.

    Args:
        unpublished: tables whose publishing failed in this run; nothing downstream may build on them.
    """

    lake: Lake
    settings: Settings
    unpublished: set[str] = field(default_factory=set)

    @property
    def landing(self) -> Path:
        return self.settings.landing

    @property
    def gate(self) -> Gate:
        return Gate(self.settings.quarantine_min_rows, self.settings.quarantine_max_percent)


def run_info(run_id: str, partition_keys: list[str]) -> RunInfo:
    """What the snapshots and audit columns of a step carry."""
    first, last = min(partition_keys), max(partition_keys)
    return RunInfo(
        run_id=run_id,
        partition=first if first == last else f"{first}...{last}",
        code_version=_code_version(),
        now=datetime.now(UTC),
    )


@cache
def _code_version() -> str:
    """The version and a digest of what decides about rows: after a correction of it, days are judged again."""
    digest = hashlib.sha256()
    for package in (contracts, transforms):
        for module in sorted(Path(package.__path__[0]).glob("*.py")):
            digest.update(module.read_bytes())
    return f"{version('lakehouse')}+{digest.hexdigest()[:8]}"


def lakehouse_resource(settings: Settings) -> ResourceDefinition:
    """A resource that gives a `Lakehouse`; its engine and scratch files end with the run."""

    @contextmanager
    def open_lakehouse(_: InitResourceContext) -> Iterator[Lakehouse]:
        with open_scratch(settings.home.resolve() / "lakehouse" / "scratch") as scratch:
            engine = start_engine(settings.engine)
            try:
                yield Lakehouse(Lake(open_catalog(settings.home), engine, scratch), settings)
            finally:
                engine.stop()

    return ResourceDefinition(resource_fn=open_lakehouse, description="The Iceberg lake and its engine.")
