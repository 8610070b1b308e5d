"""A pull by SFTP killed at any step, mid-download among them, and the next: every row of the source lands once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from lakehouse_assets.landing.files import list_files
from lakehouse_assets_tests.ingestion.destinations import DAY, destination, files_below
from lakehouse_assets_tests.ingestion.sftp_site import HEADER, MTIME, Site, csv, rows

KILLED = -signal.SIGKILL
# More than a pull has steps: the last pulls of a walk over all of them live.
MORE_THAN_ALL_STEPS = 60
LARGE = range(100, 2000)
REFUSED = "nonsense\n"
REASON = (
    "Its header lacks transaction_id, session_id, user_id, amount, currency, transaction_timestamp; it has 'nonsense'. "
    f"Required are {HEADER.replace(',', ', ')}, in any order.\n"
)
PLACE = f"transactions/dt={DAY}"
EXPECTED = {
    f"{PLACE}/corrected.csv": csv(1, 3),
    f"{PLACE}/large.csv": csv(*LARGE),
    f"{PLACE}/trailer.csv": csv(5),
    f"_rejected/transactions/dt={DAY}/refused.csv": REFUSED,
    f"_rejected/transactions/dt={DAY}/refused.csv.reason.txt": REASON,
}
STATES = {
    ("corrected.csv", MTIME, "superseded"),
    ("corrected.csv", MTIME + 1, "landed"),
    ("large.csv", MTIME + 2, "landed"),
    ("copy.csv", MTIME + 3, "skipped"),
    ("trailer.csv", MTIME + 4, "landed"),
    ("refused.csv", MTIME + 5, "rejected"),
}


def pulls(step: int | str, site: Site, homes: Sequence[Path]) -> list[int]:
    """The exit status of a pull in each home, killed before a step."""
    keys = site.options.known_hosts.parent
    module = "lakehouse_assets_tests.ingestion.killed_sftp_pull"
    command = [sys.executable, "-m", module, str(step), str(site.server.port), str(keys), *map(str, homes)]
    ran = subprocess.run(command, check=True, timeout=240, capture_output=True, text=True)
    return [int(line) for line in ran.stdout.split()]


@pytest.fixture
def site_with_work(site: Site) -> Site:
    """One file landed by an earlier pull and was corrected since; the others are new."""
    site.put("corrected.csv", csv(1, 2))
    assert pulls("never", site, [site.home]) == [0]
    site.put("corrected.csv", csv(1, 3), mtime=MTIME + 1)
    site.put("large.csv", csv(*LARGE), mtime=MTIME + 2)
    site.put("copy.csv", csv(*LARGE), mtime=MTIME + 3)
    site.put("trailer.csv", csv(5) + "TRAILER,1\n", mtime=MTIME + 4)
    site.put("refused.csv", REFUSED, mtime=MTIME + 5)
    return site


def landing(home: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in files_below(home / "landing").items()}


def seen_by_a_reader(home: Path) -> dict[str, str]:
    """What a reader of landing would read now."""
    return {file.source_file: file.path.read_text() for file in list_files(home / "landing", "transactions", DAY)}


def states(home: Path) -> set[tuple[str, int, str]]:
    with destination(home).open_ledger("transactions") as ledger:
        assert ledger.unfinished() == {}
        known = [(file.version, file.state) for file in ledger.remote_files()]
    return {(Path(version.path).name, version.mtime_seconds, state.value) for version, state in known}


def test_pull_killed_before_any_step_lands_every_row_once(site_with_work: Site, tmp_path: Path) -> None:
    site = site_with_work
    homes = [tmp_path / "homes" / str(step) for step in range(MORE_THAN_ALL_STEPS)]
    for home in homes:
        shutil.copytree(site.home, home)
    statuses = pulls("each", site, homes)
    steps = statuses.index(0)
    assert set(statuses[:steps]) == {KILLED}
    assert set(statuses[steps:]) == {0}
    assert steps > 30

    whole = {name: {content} for name, content in EXPECTED.items() if name.startswith("transactions/")}
    whole[f"{PLACE}/corrected.csv"].add(csv(1, 2))
    seen = [(name, content) for home in homes for name, content in seen_by_a_reader(home).items()]
    assert [name for name, content in seen if content not in whole[name]] == [], "a reader saw half a file"
    half = [home for home in homes[:steps] if any(name.endswith(".part") for name in landing(home))]
    assert len(half) > 10, "none died in mid-download"

    assert set(pulls("never", site, homes)) == {0}
    assert [home.name for home in homes if landing(home) != EXPECTED] == []
    assert [home.name for home in homes if states(home) != STATES] == []
    landed = Counter(line for content in seen_by_a_reader(homes[0]).values() for line in content.splitlines()[1:])
    assert landed == Counter(rows(1, 3, 5, *LARGE).splitlines())
    assert site.faults.changes == []


def test_pull_killed_again_and_again_comes_to_its_end(site_with_work: Site) -> None:
    site = site_with_work
    statuses = [status for step in range(9, 40, 7) for status in pulls(step, site, [site.home])]
    assert statuses[0] == KILLED
    assert set(statuses) <= {0, KILLED}
    assert pulls("never", site, [site.home]) == [0]
    assert landing(site.home) == EXPECTED
    assert states(site.home) == STATES
