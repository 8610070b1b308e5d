"""One lakehouse of a benchmark: its folder, the environment of its processes, and going back to an earlier state."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

_OWN_PREFIXES = ("LAKEHOUSE_", "DAGSTER_", "PYICEBERG_")


class Home:
    """A LAKEHOUSE_HOME with Dagster's records inside, so that a copy of the folder is a copy of everything.

    Args:
        path: the folder, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._frozen = self.path.with_name(self.path.name + ".frozen")

    @property
    def landing(self) -> Path:
        """Where files land."""
        return self.path / "landing"

    @property
    def catalog_properties(self) -> dict[str, str]:
        """PyIceberg's properties of the catalog, the lakehouse's default ones written out."""
        folder = self.path / "lakehouse"
        return {
            "type": "sql",
            "uri": f"sqlite:///{folder / 'catalog.db'}",
            "warehouse": (folder / "warehouse").as_uri(),
        }

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the settings of the person's own lakehouse replaced."""
        catalog = {f"PYICEBERG_CATALOG__LAKE__{name.upper()}": value for name, value in self.catalog_properties.items()}
        others = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}
        return others | catalog | {"LAKEHOUSE_HOME": str(self.path), "DAGSTER_HOME": str(self.path / "dagster")}

    def land(self, file: Path, source: str, day: date) -> None:
        """Copy a file to where files of that source and arrival day land."""
        folder = self._day(source, day)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)

    def land_day_of(self, other: Home, day: date) -> None:
        """Copy everything that landed in another home on a day."""
        for source in other.landing.iterdir():
            arrived = other._day(source.name, day)
            if arrived.exists():
                shutil.copytree(arrived, self._day(source.name, day))

    def forget_runs(self) -> None:
        """Remove tables and records, and keep the landing files."""
        for name in ("lakehouse", "dagster"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / "lakehouse").mkdir(parents=True)  # SQLite makes the catalog's file, not its folder

    def freeze(self) -> None:
        """Remember the present state."""
        shutil.copytree(self.path, self._frozen)

    def thaw(self) -> None:
        """Go back to the remembered state, at the same path, since Iceberg's metadata has full paths."""
        shutil.rmtree(self.path)
        shutil.copytree(self._frozen, self.path)

    def _day(self, source: str, day: date) -> Path:
        return self.landing / source / f"dt={day}"
