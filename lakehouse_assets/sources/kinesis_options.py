"""Events from Kinesis: its options from the settings, and what these must be together."""

from __future__ import annotations

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.settings import Settings


def kinesis_options(settings: Settings) -> KinesisOptions:
    """The options of the source.

    Raises:
        SettingsError: a setting is wrong.
    """
    endpoint = settings.kinesis_endpoint_url
    if not settings.kinesis_stream:
        raise SettingsError(
            "LAKEHOUSE_KINESIS_STREAM is empty. Nothing was pulled. Set the stream's name, or unset it."
        )
    if endpoint is not None and "@" in endpoint:
        raise SettingsError(
            "LAKEHOUSE_KINESIS_ENDPOINT_URL holds an `@`, as before a password (it is not shown). Nothing was pulled. "
            "Credentials are AWS's own: set them as docs/ingestion.md says."
        )
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"LAKEHOUSE_KINESIS_ENDPOINT_URL {endpoint} is no http or https address. Nothing was pulled. Correct it."
        )
    return KinesisOptions(
        stream=settings.kinesis_stream,
        region=settings.kinesis_region,
        endpoint_url=endpoint,
        batch_bytes=settings.kinesis_batch_bytes,
        batch_seconds=settings.kinesis_batch_seconds,
        lag_warn_percent=settings.kinesis_lag_warn_percent,
        timeout_seconds=settings.kinesis_timeout_seconds,
    )
