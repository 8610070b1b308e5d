"""What Dagster loads: `defs`, assembled by `build_defs`, whose parts tests replace."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import DailyPartitionsDefinition, Definitions, IOManagerDefinition, LoggerDefinition

from lakehouse_assets.alerts.sensors import build_alert_sensors
from lakehouse_assets.assets.io_manager import IcebergIOManager
from lakehouse_assets.assets.layers import build_assets
from lakehouse_assets.assets.resources import lakehouse_resource
from lakehouse_assets.assets.specs import landing_specs
from lakehouse_assets.jobs import EXECUTOR, build_daily_job, build_daily_schedule
from lakehouse_assets.sensors import build_landing_sensor
from lakehouse_assets.settings import Settings, load_settings


def build_defs(
    *, settings: Settings | None = None, loggers: Mapping[str, LoggerDefinition] | None = None
) -> Definitions:
    """Assemble all definitions.

    Args:
        settings: None reads them from the environment.
        loggers: None keeps Dagster's own.
    """
    settings = settings or load_settings()
    # Today's day is a partition too: files of today are taken in as they land.
    partitions = DailyPartitionsDefinition(start_date=settings.first_day().isoformat(), timezone="UTC", end_offset=1)
    job = build_daily_job()
    return Definitions(
        assets=[*landing_specs(partitions), *build_assets(partitions)],
        jobs=[job],
        schedules=[build_daily_schedule(job, partitions)],
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
