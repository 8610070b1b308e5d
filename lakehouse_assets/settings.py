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

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True)

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
        faults = "; ".join(
            f"LAKEHOUSE_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}, got {fault['input']!r}"
            for fault in error.errors()
        )
        raise SettingsError(f"Wrong settings: {faults}. Nothing was started. Correct the environment.") from error


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()
