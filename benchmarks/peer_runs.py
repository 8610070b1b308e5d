"""Processes of the peers: the scripts in `peers/`, and whether they can run on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.errors import ProcessFailed
from benchmarks.measure import Usage, measure
from benchmarks.rounds import Absent, Side

_SCRIPTS = Path(__file__).resolve().parent / "peers"
_JAVA_VERSIONS = ("17", "21")
_TRIAL_EVENTS = 200


def write_files(folder: Path, events: int, days: int) -> None:
    """Write events.jsonl, transactions.csv and users.csv, with event times over so many days."""
    folder.mkdir(parents=True)
    _run_peer("gen", folder, str(events), str(folder), str(days))


@dataclass(frozen=True)
class Peers:
    """The peers of one sitting, as far as they can run.

    Args:
        trial: folder for the files of a trial run; must not exist.
        with_prototype: false leaves the prototype out on request.
    """

    trial: Path
    with_prototype: bool

    def duck(self, data: Path) -> Side | Absent:
        """The DuckDB baseline over the files in a folder."""
        if find_spec("duckdb") is None:
            return Absent("the package duckdb is not installed", asked_for=True)
        return partial(_run_peer, "duck", data, str(data))

    def prototype(self, data: Path) -> Side | Absent:
        """The classic PySpark prototype over the files in a folder."""
        return self._prototype_absent or _prototype(data)

    @cached_property
    def _prototype_absent(self) -> Absent | None:
        """Why the prototype does not run. Found by a trial, which also brings its JARs before anything is measured."""
        if not self.with_prototype:
            return Absent("left out on request (see --prototype)", asked_for=False)
        java = _java_version()
        if java not in _JAVA_VERSIONS:
            return Absent(f"needs Java {' or '.join(_JAVA_VERSIONS)}, found {java or 'none'}", asked_for=True)
        write_files(self.trial, _TRIAL_EVENTS, 1)
        try:
            _prototype(self.trial)()
        except ProcessFailed as error:
            return Absent(_why_trial_failed(error), asked_for=True)
        return None


def _prototype(data: Path) -> Side:
    return partial(_run_peer, "prototype", data, str(data), str(data / "prototype"))


def _java_version() -> str | None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java is None:
        return None
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    return version.group(1) if version else None


def _why_trial_failed(error: ProcessFailed) -> str:
    if "unresolved dependency" in error.output:
        return "Maven Central did not deliver the Iceberg JAR"
    lines = [line.strip() for line in error.output.splitlines() if line.strip()]
    return f"a trial with {_TRIAL_EVENTS} events failed: {lines[-1] if lines else 'no output'}"


def _run_peer(name: str, folder: Path, *arguments: str) -> Usage:
    command = [sys.executable, str(_SCRIPTS / f"{name}.py"), *arguments]
    return measure(f"peer {name}", command, folder, os.environ)
