"""What Dagster loads: `defs`, assembled by `build_defs`, whose parts tests replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster import DailyPartitionsDefinition, Definitions, IOManagerDefinition, LoggerDefinition

from lakehouse_assets.alerts.sensors import build_alert_sensors
from lakehouse_assets.assets.ingestion import build_ingestion, ingestion_key
from lakehouse_assets.assets.io_manager import IcebergIOManager
from lakehouse_assets.assets.layers import build_assets
from lakehouse_assets.assets.resources import lakehouse_resource
from lakehouse_assets.assets.specs import landing_specs
from lakehouse_assets.jobs import (
    EXECUTOR,
    build_daily_job,
    build_daily_schedule,
    build_ingest_job,
    build_ingest_schedule,
)
from lakehouse_assets.sensors import build_landing_sensor
from lakehouse_assets.settings import Settings, load_settings
from lakehouse_assets.sources.model import ConfiguredSource
from lakehouse_assets.sources.registry import configured_sources


def build_defs(
    *,
    settings: Settings | None = None,
    loggers: Mapping[str, LoggerDefinition] | None = None,
    sources: Sequence[ConfiguredSource] | None = None,
) -> Definitions:
    """Assemble all definitions.

    Args:
        settings: None reads them from the environment.
        loggers: None keeps Dagster's own.
        sources: None takes those that the settings configure.
    """
    settings = settings or load_settings()
    sources = configured_sources(settings) if sources is None else sources
    pulled = {source.name: ingestion_key(source.name) for source in sources}
    pulls = {source: build_ingest_job(source) for source in sources}
    # Today's day is a partition too: files of today are taken in as they land.
    partitions = DailyPartitionsDefinition(start_date=settings.first_day().isoformat(), timezone="UTC", end_offset=1)
    job = build_daily_job()
    return Definitions(
        assets=[*build_ingestion(sources), *landing_specs(partitions, pulled), *build_assets(partitions)],
        jobs=[job, *pulls.values()],
        schedules=[
            build_daily_schedule(job, partitions),
            *(build_ingest_schedule(pull, source) for source, pull in pulls.items()),
        ],
        sensors=[build_landing_sensor(job, settings.landing, partitions), *build_alert_sensors(settings)],
        resources={
            "lakehouse": lakehouse_resource(settings),
            "iceberg_io_manager": IOManagerDefinition(
                resource_fn=lambda context: IcebergIOManager(context.resources.lakehouse),
                required_resource_keys={"lakehouse"},
            ),
        },
        executor=EXECUTOR,
        loggers=loggers,
    )


def __getattr__(name: str) -> Definitions:
    """`defs`, built when Dagster asks for it: importing this module reads no environment."""
    if name == "defs":
        return build_defs()
    raise AttributeError(name)


def __dir__() -> list[str]:
    """Lets `dg` and `dagster -m`, which look through a module's names, find `defs`."""
    return [*globals(), "defs"]
