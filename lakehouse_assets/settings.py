"""Settings: the one place that reads the environment (`LAKEHOUSE_*`). Everything below takes them as arguments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.landing.files import list_days

_DAYS_WITHOUT_LANDING = 14


class Settings(BaseSettings):
    """Every setting, with its default. Read by `load_settings`."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default=Path("data"), description="Folder with landing/ and lakehouse/.")
    engine: str = Field(default="sail", description="Which Spark answers.")
    start_date: date | None = Field(
        default=None, description="First partition day; default: the earliest dt= in landing, else 14 days ago."
    )
    quarantine_min_rows: int = Field(
        default=20, ge=0, description="A day is held from this many quarantined lines on ..."
    )
    quarantine_max_percent: float = Field(
        default=10.0, ge=0, le=100, description="... when they are over this percentage of its lines."
    )
    horizon_days: int = Field(
        default=7, ge=0, description="Versions of one key further apart in event time need not meet."
    )

    quarantine_keep_days: int | None = Field(
        default=None, ge=1, description="Days that `lakehouse quarantine expire` keeps verdicts; default: all."
    )

    alert_webhook: SecretStr | None = Field(default=None, description="Webhook in Slack's format; a secret.")
    alert_webhook_file: Path | None = Field(default=None, description="File (mode 0600) with the webhook.")
    alert_smtp_host: str | None = Field(default=None, description="Mail server for alerts.")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    alert_smtp_user: str | None = Field(default=None, description="User at the mail server.")
    alert_smtp_password: SecretStr | None = Field(default=None, description="The user's password; a secret.")
    alert_smtp_password_file: Path | None = Field(default=None, description="File (mode 0600) with the password.")
    alert_smtp_from: str | None = Field(default=None, description="Sender of alerts.")
    alert_smtp_to: str | None = Field(default=None, description="Recipients of alerts, separated by commas.")
    alert_smtp_starttls: bool = Field(default=True, description="Whether the connection must be encrypted.")
    alert_expected_by: time | None = Field(
        default=None, description="UTC time of the next day by which a day's files are expected, such as 06:00."
    )
    ui_url: str = Field(default="http://127.0.0.1:3000", description="Web UI that alerts link to.")

    ingestion_database: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the ledger; default: SQLite below the home. A secret."
    )
    ingestion_database_file: Path | None = Field(default=None, description="File (mode 0600) with the URL.")

    sftp_host: str | None = Field(default=None, description="SFTP server with transactions; none: not pulled.")
    sftp_port: int = Field(default=22, ge=1, le=65535, description="Its port.")
    sftp_user: str | None = Field(default=None, description="User at the server.")
    sftp_folder: str = Field(default=".", min_length=1, description="Folder there that files lie directly in.")
    sftp_known_hosts: Path | None = Field(
        default=None, description="File with the server's pinned key, in the format of OpenSSH's known_hosts."
    )
    sftp_key_file: Path | None = Field(default=None, description="File (mode 0600) with the user's private key.")
    sftp_password: SecretStr | None = Field(default=None, description="The user's password, without a key; a secret.")
    sftp_password_file: Path | None = Field(default=None, description="File (mode 0600) with the password.")
    sftp_settle_seconds: int = Field(
        default=60, ge=0, le=86_400, description="A file is taken once size and time stood still for so many seconds."
    )
    sftp_timeout_seconds: int = Field(
        default=30, ge=1, le=3600, description="Seconds for one step, such as connecting."
    )

    postgres_url: SecretStr | None = Field(
        default=None, description="URL of the database with users; none: not pulled. A secret."
    )
    postgres_url_file: Path | None = Field(default=None, description="File (mode 0600) with the URL.")
    postgres_host: str | None = Field(default=None, description="Its server, in place of a URL.")
    postgres_port: int = Field(default=5432, ge=1, le=65535, description="Its port.")
    postgres_database: str | None = Field(default=None, description="Name of the database.")
    postgres_user: str | None = Field(default=None, description="User at the server.")
    postgres_password: SecretStr | None = Field(default=None, description="The user's password; a secret.")
    postgres_password_file: Path | None = Field(default=None, description="File (mode 0600) with the password.")
    postgres_schema: str = Field(default="public", min_length=1, description="Schema of the table.")
    postgres_table: str = Field(default="users", min_length=1, description="Table with the columns of users.")
    postgres_safety_seconds: int = Field(
        default=30, ge=0, le=86_400, description="Changes younger than so many seconds are left for the next pull."
    )
    postgres_lookback_seconds: int = Field(
        default=3600, ge=0, le=2_592_000, description="Seconds before the watermark whose changes are read again."
    )
    postgres_reconcile_days: int = Field(
        default=7, ge=0, le=366, description="Days until a pull compares the whole table; 0: only when asked."
    )
    postgres_timeout_seconds: int = Field(
        default=60, ge=1, le=86_400, description="Seconds for connecting, and for one statement."
    )

    kinesis_stream: str | None = Field(default=None, description="Kinesis stream with events; none: not pulled.")
    kinesis_region: str | None = Field(default=None, description="Its AWS region; default: by boto3's own rules.")
    kinesis_endpoint_url: str | None = Field(default=None, description="Another address than AWS's.")
    kinesis_batch_bytes: int = Field(
        default=16_777_216,
        ge=1024,
        le=1_073_741_824,
        description="What is in hand lands once it is so many bytes, or ...",
    )
    kinesis_batch_seconds: int = Field(default=60, ge=1, le=3600, description="... is so many seconds old.")
    kinesis_every_minutes: int = Field(
        default=5, ge=1, le=59, description="Minutes between two pulls of events by Dagster."
    )
    kinesis_lag_warn_percent: int = Field(
        default=75, ge=1, le=100, description="Lag that is warned of, as a percentage of the stream's retention."
    )
    kinesis_timeout_seconds: int = Field(default=30, ge=1, le=3600, description="Seconds for one request.")

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def first_day(self) -> date:
        """The first partition day."""
        if self.start_date is not None:
            return self.start_date
        landed = [days[0] for source in SOURCES if (days := list_days(self.landing, source))]
        return min(landed, default=today() - timedelta(days=_DAYS_WITHOUT_LANDING))


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable has a value it cannot have.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(_text(fault["loc"], fault["msg"], fault["input"]) for fault in error.errors())
        raise SettingsError(f"Wrong settings: {faults}. Nothing was started. Correct the environment.") from error


def _text(location: tuple[int | str, ...], message: str, value: object) -> str:
    name = "_".join(str(part) for part in location)
    field = Settings.model_fields.get(name)
    # The value of what is no single plain setting may hold a secret.
    is_shown = field is not None and field.annotation != SecretStr | None
    return f"LAKEHOUSE_{name.upper()}: {message}" + (f", got {value!r}" if is_shown else "")


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()
