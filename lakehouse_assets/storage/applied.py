"""What a table has taken in: a small note kept as a table property, valid for exactly one snapshot of main.

Silver notes which version of each bronze day it holds, gold which snapshots of silver. A run then works only on what is
new. The note names the snapshot it describes and is set in the commit that makes it main's head; when main was moved by
anybody else (rollback, compaction) the note is void and the run compares everything again. So it saves work and never
decides what is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyiceberg.table import Table

_PROPERTY = "lakehouse.applied"


def read_applied(table: Table) -> Mapping[str, Any] | None:
    """The note of main's head, or None where there is none that is valid."""
    text = table.properties.get(_PROPERTY)
    snapshot = table.current_snapshot()
    if text is None or snapshot is None:
        return None
    note: dict[str, Any] = json.loads(text)
    return note["applied"] if note["snapshot"] == snapshot.snapshot_id else None


def applied_properties(snapshot_id: int, applied: Mapping[str, Any]) -> dict[str, str]:
    """The table property that says snapshot `snapshot_id` has taken in `applied` (JSON values only)."""
    note = {"snapshot": snapshot_id, "applied": applied}
    return {_PROPERTY: json.dumps(note, sort_keys=True, separators=(",", ":"))}
