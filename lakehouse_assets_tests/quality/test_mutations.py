"""Code broken on purpose: the audit stops each fault before main changes, and names the check.

Each mutation replaces one transform by what a slip of the pen would make of it. Nothing of the audit is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.pipeline import gold, judging, merge
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import BlockedError, run_pipeline

DAYS = [date(2024, 11, 15), date(2024, 11, 16)]
EVENT = '{"event_id":"%s","session_id":"%s","user_id":"%s","event_type":"%s","event_timestamp":"2024-11-%sT14:30:00"}\n'
FILES = {
    "events/dt=2024-11-15/a.json": EVENT % ("E1", "S1", "U1", "click", "15")
    + EVENT % ("E2", "S1", "U1", "login", "15")
    + "{broken\n",
    "events/dt=2024-11-16/a.json": EVENT % ("E3", "S2", "U2", "click", "16")
    + EVENT % ("E1", "S1", "U1", "click", "15"),
    "transactions/dt=2024-11-15/a.csv": "transaction_id,session_id,user_id,amount,currency,transaction_timestamp\n"
    "T1,S1,U1,9.50,USD,2024-11-15 15:00:00\n",
    "users/dt=2024-11-15/a.csv": "user_id,signup_date,device_type,country\n"
    "U1,2024-01-01,iOS,PE\nU2,2024-01-01,Web,US\n",
}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "landing"


def _doubled(rows: DataFrame) -> DataFrame:
    return rows.unionByName(rows)


def _without_a_user(rows: DataFrame) -> DataFrame:
    return rows.filter("user_id <> 'U2'")


def _shifted(column: str) -> Callable[[DataFrame], DataFrame]:
    def shift(rows: DataFrame) -> DataFrame:
        next_day = F.col(column) + F.expr("INTERVAL 1 DAY")
        return rows.withColumn(column, next_day.cast(rows.schema[column].dataType))

    return shift


def _set(column: str, value: object) -> Callable[[DataFrame], DataFrame]:
    return lambda rows: rows.withColumn(column, F.lit(value).cast(rows.schema[column].dataType))


EVENTS, USERS = SILVER["events"], SILVER["users"]
MUTATIONS = [
    (EVENTS, judging, "build_second_look", lambda rows: rows.limit(0), "lines_add_up"),
    (EVENTS, merge, "deduplicate", _doubled, "is_unique_event_id"),
    (EVENTS, merge, "deduplicate", _without_a_user, "no_key_is_lost"),
    (EVENTS, merge, "deduplicate", lambda rows: rows.limit(0), "no_key_is_lost"),
    (EVENTS, merge, "deduplicate", _set("event_type", "typo"), "contract"),
    (USERS, merge, "build_user_history", _doubled, "is_unique_user_id_effective_from"),
    (USERS, merge, "build_user_history", _without_a_user, "no_key_is_lost"),
    (USERS, merge, "build_user_history", _shifted("effective_from"), "no_key_is_lost"),
    (USERS, merge, "build_user_history", _set("country", "Peru"), "contract"),
    (GOLD, gold, "build_sessions", _doubled, "is_unique_session_id_user_id"),
    (GOLD, gold, "build_sessions", _without_a_user, "sessions_match_silver"),
    (GOLD, gold, "build_sessions", lambda rows: rows.limit(0), "sessions_match_silver"),
    (GOLD, gold, "build_sessions", _shifted("session_date"), "session_in_its_day"),
    (GOLD, gold, "build_sessions", _shifted("session_start_time"), "sessions_match_silver"),
    (GOLD, gold, "build_sessions", _set("total_events", 7), "events_match_their_list"),
    (GOLD, gold, "build_sessions", _set("first_event_type", "search"), "events_match_their_list"),
    (GOLD, gold, "build_sessions", _set("has_transaction", False), "transactions_match_silver"),
    (GOLD, gold, "build_sessions", _set("transaction_amount", "9.49"), "transaction_amounts_match_silver"),
    (GOLD, gold, "build_sessions", _shifted("transaction_timestamp"), "transaction_amounts_match_silver"),
    (GOLD, gold, "build_sessions", _set("device_type", None), "known_users_have_attributes"),
    (GOLD, gold, "build_sessions", _set("session_duration_seconds", -1), "session_duration_seconds_not_negative"),
]


@pytest.mark.parametrize(
    ("table", "module", "transform", "mutate", "check"), MUTATIONS, ids=[f"{m[0].name}-{m[4]}" for m in MUTATIONS]
)
def test_broken_transform_is_stopped_before_main_changes(
    table: TableContract,
    module: ModuleType,
    transform: str,
    mutate: Callable[[DataFrame], DataFrame],
    check: str,
    lake: Lake,
    landing: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = getattr(module, transform)
    with monkeypatch.context() as patched:
        patched.setattr(module, transform, lambda *arguments: mutate(right(*arguments)))
        with pytest.raises(BlockedError) as blocked:
            run_pipeline(lake, landing, DAYS)
    assert f"{table.name}: {check}" in str(blocked.value).split(", ")
    assert lake.table(table).scan().to_arrow().num_rows == 0
    assert set(lake.table(table).refs()) == {"main"}

    run_pipeline(lake, landing, DAYS)
    assert tables_as_rows(lake) == oracle_as_rows(landing)
