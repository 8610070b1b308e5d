"""The platform's tables beside the oracle's: reading them as plain rows, without audit columns, in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakehouse_assets.contracts.tables import GOLD, QUARANTINE, SILVER
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets_tests.driving import DEFAULT_GATE
from lakehouse_assets_tests.reference import Tables, parse_json, recompute

_JSON_COLUMNS = {"event_details", "extra"}
_LEFT_OUT = {"data_version", "source_system"}


def tables_as_rows(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Rows of quarantine, silver and gold as PyIceberg reads them, sorted, without audit columns."""
    tables = {}
    for contract in (*QUARANTINE.values(), *SILVER.values(), GOLD):
        names = [name for name in contract.compared_columns if name not in _LEFT_OUT]
        rows = lake.table(contract).scan(selected_fields=tuple(names)).to_arrow().to_pylist()
        tables[contract.name] = _sorted([{name: _value(name, row[name]) for name in names} for row in rows])
    return tables


def oracle_as_rows(landing: Path, gate: Gate = DEFAULT_GATE) -> dict[str, list[dict[str, Any]]]:
    """The same tables by the independent recompute of today's landing."""
    return _named(recompute(landing, min_rows=gate.min_rows, max_percent=gate.max_percent))


def _named(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    named = {f"quarantine.{source}": rows for source, rows in tables.quarantine.items()}
    named |= {f"silver.{source}": rows for source, rows in tables.silver.items()}
    named["gold.user_session_analysis"] = tables.gold
    return {name: _sorted([dict(row) for row in rows]) for name, rows in named.items()}


def _value(name: str, value: Any) -> Any:
    if name in _JSON_COLUMNS and value is not None:
        return parse_json(value)
    return value


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: repr(sorted(row.items())))
