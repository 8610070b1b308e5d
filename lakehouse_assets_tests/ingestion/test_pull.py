"""A pull: one at a time, files and ledger together, and what a pull that was ended half way leaves to the next.

Kills at every step are in `test_killed_pulls.py`; here are the cases that no kill brings about.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.errors import LedgerError, NameTakenError, PullRunningError
from lakehouse_assets.ingestion.ledger import Ledger
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.pull import open_pull
from lakehouse_assets_tests.ingestion.destinations import DAY, NOW, destination, files_below

PLACE = "transactions/dt=2024-11-15/orders.csv"
HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from lakehouse_assets.ingestion.pull import open_pull
from lakehouse_assets_tests.ingestion.destinations import NOW, destination
with open_pull(destination(Path(sys.argv[1])), "transactions", NOW):
    print("held", flush=True)
    time.sleep(600)
"""


def land(home: Path, name: str = "orders.csv", content: bytes = b"T1\n", position: int = 1) -> tuple[str, ...]:
    with open_pull(destination(home), "transactions", NOW) as pull, pull.writing(DAY, name) as file:
        file.write(content)
        return pull.land([file], Advance(watermarks={"position": position}), NOW)


def end_before_finishing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Land a file, with the ledger lost right before the last step."""

    def lost(*_: object) -> None:
        raise LedgerError("the database went away", source="transactions")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish", lost)
        with pytest.raises(LedgerError, match="went away"):
            land(home)


def position(home: Path) -> object:
    with destination(home).open_ledger("transactions") as ledger:
        assert ledger.unfinished() == {}
        return ledger.watermark()


def test_file_lands_and_the_watermark_moves_with_it(tmp_path: Path) -> None:
    assert land(tmp_path) == (PLACE,)
    assert files_below(tmp_path / "landing") == {PLACE: b"T1\n"}
    assert position(tmp_path) == 1


def test_place_that_is_taken_stops_the_pull_before_anything_changes(tmp_path: Path) -> None:
    land(tmp_path)
    with pytest.raises(NameTakenError):
        land(tmp_path, content=b"other\n", position=2)
    assert files_below(tmp_path / "landing") == {PLACE: b"T1\n"}
    assert position(tmp_path) == 1


def test_second_pull_of_a_source_is_refused_and_other_sources_are_not(tmp_path: Path) -> None:
    with open_pull(destination(tmp_path), "transactions", NOW):
        with (
            pytest.raises(PullRunningError, match=r"Another pull of transactions runs\. Nothing was pulled\."),
            open_pull(destination(tmp_path), "transactions", NOW),
        ):
            pass
        with open_pull(destination(tmp_path), "users", NOW):
            pass
    land(tmp_path)


def test_lock_of_a_process_lasts_until_it_is_killed_and_its_files_are_left_alone(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        incoming = tmp_path / "landing" / "transactions" / ".incoming"
        incoming.mkdir(parents=True)
        (incoming / "of-the-other.part").touch()
        with pytest.raises(PullRunningError):
            land(tmp_path)
        assert (incoming / "of-the-other.part").exists()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    land(tmp_path)
    assert files_below(tmp_path / "landing") == {PLACE: b"T1\n"}


def test_file_that_is_in_its_place_is_noted_by_the_next_pull_and_not_pulled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    end_before_finishing(tmp_path, monkeypatch)
    with caplog.at_level(logging.INFO), open_pull(destination(tmp_path), "transactions", NOW) as pull:
        assert pull.recovered == (PLACE,)
        assert pull.ledger.watermark() == 1
    assert f"finished: {PLACE}" in caplog.text


def test_file_that_a_person_removed_meanwhile_is_pulled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    end_before_finishing(tmp_path, monkeypatch)
    (tmp_path / "landing" / PLACE).unlink()
    with open_pull(destination(tmp_path), "transactions", NOW) as pull:
        assert (pull.recovered, pull.ledger.watermark()) == ((), None)
    assert f"pulled again: {PLACE}" in caplog.text
    assert position(tmp_path) is None


def test_file_that_another_one_replaced_meanwhile_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_before_finishing(tmp_path, monkeypatch)
    (tmp_path / "landing" / PLACE).write_bytes(b"by hand\n")
    with open_pull(destination(tmp_path), "transactions", NOW) as pull:
        assert (pull.recovered, pull.ledger.watermark()) == ((), None)
    assert files_below(tmp_path / "landing") == {PLACE: b"by hand\n"}


def test_unfinished_files_of_a_killed_pull_are_removed_by_the_next(tmp_path: Path) -> None:
    land(tmp_path)
    leftover = tmp_path / "landing" / "transactions" / ".incoming" / "0.part"
    leftover.write_bytes(b"half")
    with open_pull(destination(tmp_path), "transactions", NOW):
        assert not leftover.exists()


def test_folder_of_the_lock_that_cannot_be_made_gives_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "lakehouse").write_text("a file")
    with pytest.raises(LedgerError, match=r"ingestion-transactions\.lock cannot be made"):
        land(tmp_path)
