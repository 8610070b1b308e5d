"""Secrets come from a variable or from a file that its owner alone may read; all else is refused in clear words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.secret_files import read_secret
from lakehouse_assets_tests.secret_file import secret_file


def read(file: Path | None, value: str | None = None) -> str | None:
    return read_secret("NAME", SecretStr(value) if value is not None else None, file, untouched="nothing was pulled")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secret_is_read_from_a_file_that_only_its_owner_may_read(tmp_path: Path, mode: int) -> None:
    assert read(secret_file(tmp_path, "planted", mode)) == "planted"


def test_secret_is_read_from_its_variable() -> None:
    assert read(None, " planted\n") == "planted"
    assert read(None, " ") is None
    assert read(None) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_file_that_is_more_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, "planted", mode)
    with pytest.raises(SettingsError) as refused:
        read(file)
    assert str(refused.value) == (
        f"NAME_FILE: {file} is open to others than its owner (mode {mode:04o}). It was not read, nothing was pulled. "
        f"Run `chmod 600 {file}`; change the secret if others may have read it."
    )


def test_file_that_is_absent_empty_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: No such file.*\. Nothing was pulled\."):
        read(tmp_path / "absent")
    with pytest.raises(SettingsError, match=r"is empty\. Nothing was pulled\."):
        read(secret_file(tmp_path, " "))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingsError, match="is no regular file"):
        read(tmp_path / "pipe")
    secret_file(tmp_path, "").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read(tmp_path / "secret")


def test_secret_in_two_places_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Both NAME and NAME_FILE are set") as refused:
        read(secret_file(tmp_path, "planted"), "planted")
    assert "planted" not in str(refused.value)
