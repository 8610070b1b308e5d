"""Secrets and channels from settings: from where they are taken, and what is refused in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakehouse_assets.alerts.channels import configured_channels
from lakehouse_assets.alerts.configuration import has_channel, read_secret
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.alerts.configured import settings

URL = "https://hooks.example.org/plantedSecret"
MAIL = {"alert_smtp_host": "mail.example.org", "alert_smtp_from": "a@example.org", "alert_smtp_to": "b@example.org"}


def secret_file(tmp_path: Path, mode: int, text: str = f"{URL}\n") -> Path:
    file = tmp_path / "secret"
    file.write_text(text)
    file.chmod(mode)
    return file


def opened(tmp_path: Path, **values: object) -> list[str]:
    return [name for name, opener in configured_channels(settings(tmp_path, **values)).items() if opener()]


def test_without_settings_there_is_no_channel(tmp_path: Path) -> None:
    assert not has_channel(settings(tmp_path))
    assert opened(tmp_path) == []


def test_webhook_and_mail_are_two_channels(tmp_path: Path) -> None:
    assert opened(tmp_path, alert_webhook=URL, **MAIL) == ["webhook", "mail"]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secret_is_read_from_a_file_that_only_its_owner_may_read(tmp_path: Path, mode: int) -> None:
    assert read_secret("NAME", None, secret_file(tmp_path, mode)) == URL


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_file_that_is_more_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, mode)
    with pytest.raises(SettingsError) as refused:
        opened(tmp_path, alert_webhook_file=file)
    assert str(refused.value) == (
        f"LAKEHOUSE_ALERT_WEBHOOK_FILE: {file} is open to others than its owner (mode {mode:04o}). It was not read, no "
        f"alert was sent. Run `chmod 600 {file}`; change the secret if others may have read it."
    )


def test_password_file_that_is_more_open_is_refused(tmp_path: Path) -> None:
    values = MAIL | {"alert_smtp_user": "lake", "alert_smtp_password_file": secret_file(tmp_path, 0o644)}
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_ALERT_SMTP_PASSWORD_FILE: .* \(mode 0644\)"):
        opened(tmp_path, **values)


def test_file_that_is_absent_empty_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_secret("NAME", None, tmp_path / "absent")
    with pytest.raises(SettingsError, match="is empty"):
        read_secret("NAME", None, secret_file(tmp_path, 0o600, " \n"))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingsError, match="is no regular file"):
        read_secret("NAME", None, tmp_path / "pipe")
    secret_file(tmp_path, 0o600).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read_secret("NAME", None, tmp_path / "secret")


def test_secret_in_two_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Both LAKEHOUSE_ALERT_WEBHOOK and LAKEHOUSE_ALERT_WEBHOOK_FILE are set"):
        opened(tmp_path, alert_webhook=URL, alert_webhook_file=secret_file(tmp_path, 0o600))


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
