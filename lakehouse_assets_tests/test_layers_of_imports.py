"""Imports point down: wiring -> pipeline -> quality, storage, landing, transforms, engine -> contracts -> errors.

Ingestion stands beside the pipeline and knows of it all only landing, contracts and errors.
"""

from __future__ import annotations

import ast
from pathlib import Path

import lakehouse_assets

ROOT = Path(lakehouse_assets.__file__).parent
HEIGHTS = {
    "errors": 0,
    "console": 1,
    "secret_files": 1,
    "whole_file": 1,
    "contracts": 1,
    "engine": 2,
    "transforms": 2,
    "landing": 2,
    "quality": 3,
    "storage": 3,
    "pipeline": 4,
    "ingestion": 4,
    "settings": 5,
    "table_docs": 5,
    "quality_report": 5,
    "assets": 7,
    "jobs": 8,
    "sources": 6,
    "sensors": 8,
    "definitions": 9,
    "reporting": 7,
    "abandoned": 7,
    "event_log": 7,
    "progress": 7,
    "running": 10,
    "quality_command": 8,
    "ingest_command": 8,
    "sources_command": 8,
    "replay_command": 9,
    "startup": 6,
    "step_failures": 6,
    "quarantine_export": 5,
    "alerts": 7,
    "quarantine_command": 11,
    "cli": 12,
}
WITHOUT_DAGSTER = {name for name, height in HEIGHTS.items() if height <= HEIGHTS["settings"]}
WITHOUT_DAGSTER |= {"sources", "ingest_command", "sources_command", "replay_command"}
BELOW_INGESTION = {"errors", "contracts", "landing", "ingestion"}


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_imports_point_down_only() -> None:
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.rglob("*.py")
        if path.name != "__init__.py"
        for name in _imports(path)
        if name.startswith("lakehouse_assets.")
        and name.split(".")[1] != _room(path)
        and HEIGHTS[name.split(".")[1]] >= HEIGHTS[_room(path)]
    ]
    assert upward == []


def test_only_the_wiring_knows_dagster() -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if path.name != "__init__.py" and _room(path) in WITHOUT_DAGSTER
        for name in _imports(path)
        if name.split(".")[0] == "dagster"
    ]
    assert knowing == []


def test_ingestion_knows_landing_and_no_table_and_no_engine() -> None:
    known = {name for path in (ROOT / "ingestion").glob("*.py") for name in _imports(path)}
    ours = {name.split(".")[1] for name in known if name.startswith("lakehouse_assets.")}
    assert ours - BELOW_INGESTION == set()
    assert {name.split(".")[0] for name in known} & {"pyspark", "pysail", "pyiceberg", "dagster"} == set()
