"""A pull of users killed at any step, and the next: each version of each user lands, and lands once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lakehouse_assets_tests.ingestion.users_table import UsersTable, Version, landed, silver

KILLED = -signal.SIGKILL
# More than a pull has steps: the last pulls of a walk over all of them live.
MORE_THAN_ALL_STEPS = 36


def pulls(step: str, users: UsersTable, homes: Sequence[Path]) -> list[int]:
    """The exit status of a pull in each home."""
    url = users.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "lakehouse_assets_tests.ingestion.killed_users", step, url, *map(str, homes)]
    ran = subprocess.run(command, check=True, timeout=240, capture_output=True, text=True)
    assert ran.stderr == ""
    return [int(line) for line in ran.stdout.split()]


def homes_without(homes: Sequence[Path], versions: set[Version]) -> list[str]:
    """Homes in which some version did not land, or not once, or where silver would differ."""
    return [
        home.name
        for home in homes
        if sorted(row for rows in landed(home) for row in rows) != sorted(versions) or silver(home) != versions
    ]


def test_users_killed_before_any_step_land_once_in_the_end(users: UsersTable, tmp_path: Path) -> None:
    homes = [tmp_path / str(step) for step in range(MORE_THAN_ALL_STEPS)]
    for number in range(7):
        users.put(f"first {number}", ago="20 minutes")
    users.put("undated", ago=None)
    versions = users.versions()
    statuses = pulls("each", users, homes)
    steps = statuses.index(0)
    assert steps > 25
    assert statuses == [KILLED] * steps + [0] * (MORE_THAN_ALL_STEPS - steps)
    assert set(pulls("never", users, homes)) == {0}
    assert homes_without(homes, versions) == []

    for number in range(4):
        users.put(f"second {number}", ago="5 minutes")
        users.put(f"first {number}", ago="3 minutes", country="ES")
    versions |= users.versions()
    statuses = pulls("each", users, homes)
    assert set(statuses[:15]) == {KILLED}
    assert statuses[-1] == 0
    assert set(pulls("never", users, homes)) == {0}
    assert homes_without(homes, versions) == []
