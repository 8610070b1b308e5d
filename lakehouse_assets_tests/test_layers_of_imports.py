"""Imports point down: wiring -> pipeline -> quality, storage, landing, transforms, engine -> contracts -> errors."""

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
    "settings": 5,
    "table_docs": 5,
    "quality_report": 5,
    "assets": 6,
    "jobs": 6,
    "sensors": 7,
    "definitions": 8,
    "reporting": 7,
    "abandoned": 7,
    "event_log": 7,
    "progress": 7,
    "running": 9,
    "quality_command": 8,
    "startup": 6,
    "step_failures": 6,
    "quarantine_export": 5,
    "alerts": 7,
    "quarantine_command": 10,
    "cli": 11,
}
WITHOUT_DAGSTER = {name for name, height in HEIGHTS.items() if height <= HEIGHTS["settings"]}


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
