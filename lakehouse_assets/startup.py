"""What every command of `lakehouse` does first and last: settings, DAGSTER_HOME, and errors as messages.

What a command does in between is in `cli` and in the `*_command` modules.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.console import standard_error
from lakehouse_assets.errors import LakehouseError, SettingsError

if TYPE_CHECKING:
    from lakehouse_assets.settings import Settings


def prepare() -> Settings:
    """The settings from the environment, with DAGSTER_HOME ready.

    Raises:
        SettingsError: a setting is wrong; nothing was started.
    """
    from lakehouse_assets.settings import load_settings

    prepare_dagster_home()
    return load_settings()


def prepare_dagster_home() -> Path:
    """DAGSTER_HOME (default `dagster_home/`), made absolute, created, and given the shipped instance settings.

    Raises:
        SettingsError: it cannot be made.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or "dagster_home").resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"DAGSTER_HOME {home} cannot be a folder: {error.strerror}. Nothing was started. Choose another."
        ) from error
    shipped = Path(__file__).resolve().parent.parent / "dagster_home" / "dagster.yaml"
    if not (home / "dagster.yaml").exists() and shipped.exists():
        shutil.copyfile(shipped, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """End the process with a message, never a stack trace: exit code 2 for wrong input, else 1."""
    try:
        yield
    except LakehouseError as error:
        err = standard_error()
        err.print("[red]error:[/] ", end="")
        # File names and texts from outside stand in messages: they are no markup.
        err.print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
