"""Secrets and channels from settings: from where they are taken, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.alerts.channels import configured_channels
from lakehouse_assets.alerts.configuration import has_channel
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.alerts.configured import settings
from lakehouse_assets_tests.secret_file import secret_file

URL = "https://hooks.example.org/plantedSecret"
MAIL = {"alert_smtp_host": "mail.example.org", "alert_smtp_from": "a@example.org", "alert_smtp_to": "b@example.org"}


def opened(tmp_path: Path, **values: object) -> list[str]:
    return [name for name, opener in configured_channels(settings(tmp_path, **values)).items() if opener()]


def test_without_settings_there_is_no_channel(tmp_path: Path) -> None:
    assert not has_channel(settings(tmp_path))
    assert opened(tmp_path) == []


def test_webhook_and_mail_are_two_channels(tmp_path: Path) -> None:
    assert opened(tmp_path, alert_webhook=URL, **MAIL) == ["webhook", "mail"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_file_that_is_more_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, URL, mode)
    with pytest.raises(SettingsError) as refused:
        opened(tmp_path, alert_webhook_file=file)
    assert str(refused.value) == (
        f"LAKEHOUSE_ALERT_WEBHOOK_FILE: {file} is open to others than its owner (mode {mode:04o}). It was not read, no "
        f"alert was sent. Run `chmod 600 {file}`; change the secret if others may have read it."
    )


def test_password_file_that_is_more_open_is_refused(tmp_path: Path) -> None:
    values = MAIL | {"alert_smtp_user": "lake", "alert_smtp_password_file": secret_file(tmp_path, "hidden", 0o644)}
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_ALERT_SMTP_PASSWORD_FILE: .* \(mode 0644\)"):
        opened(tmp_path, **values)


def test_secret_in_two_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Both LAKEHOUSE_ALERT_WEBHOOK and LAKEHOUSE_ALERT_WEBHOOK_FILE are set"):
        opened(tmp_path, alert_webhook=URL, alert_webhook_file=secret_file(tmp_path, URL))


@pytest.mark.parametrize("absent", ["alert_smtp_from", "alert_smtp_to"])
def test_mail_by_halves_is_refused(tmp_path: Path, absent: str) -> None:
    with pytest.raises(SettingsError, match="needs LAKEHOUSE_ALERT_SMTP_FROM and LAKEHOUSE_ALERT_SMTP_TO"):
        opened(tmp_path, **(MAIL | {absent: None}))


def test_user_without_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="go together"):
        opened(tmp_path, **MAIL, alert_smtp_user="lake")


def test_empty_webhook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_ALERT_WEBHOOK is empty"):
        opened(tmp_path, alert_webhook=" ")


def test_settings_are_read_from_the_environment_and_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ALERT_WEBHOOK", URL)
    monkeypatch.setenv("LAKEHOUSE_ALERT_SMTP_PASSWORD", "plantedPassword")
    monkeypatch.setenv("LAKEHOUSE_ALERT_EXPECTED_BY", "06:00")
    read = Settings()
    assert read.alert_webhook is not None
    assert read.alert_webhook.get_secret_value() == URL
    assert f"{read.alert_expected_by}" == "06:00:00"
    assert "planted" not in repr(read) + str(read) + str(read.model_dump())
