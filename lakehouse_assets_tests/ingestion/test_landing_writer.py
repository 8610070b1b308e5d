"""Files in landing are whole or absent: content, names, full disks, links, refused files, leftovers."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.errors import DiskFullError, LandingError, NameTakenError, UntrustedNameError
from lakehouse_assets.ingestion.landing_writer import LandingWriter, WrittenFile
from lakehouse_assets.landing.files import list_days, list_files
from lakehouse_assets_tests.ingestion.destinations import DAY, files_below

PLACE = "transactions/dt=2024-11-15/orders.csv"


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def writer(landing: Path) -> LandingWriter:
    return LandingWriter(landing, "transactions")


def seen_by_a_reader(landing: Path) -> list[str]:
    days = [(source, day) for source in SOURCES for day in list_days(landing, source)]
    return [file.source_file for source, day in days for file in list_files(landing, source, day)]


def test_file_appears_whole_with_its_size_and_digest_once_it_is_placed(writer: LandingWriter, landing: Path) -> None:
    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"transaction_id\n")
        file.write(b"T1\n")
        assert seen_by_a_reader(landing) == []
        written = file.finish()
        assert seen_by_a_reader(landing) == []
        writer.place(written)
        assert seen_by_a_reader(landing) == [PLACE]
    content = b"transaction_id\nT1\n"
    assert files_below(landing) == {PLACE: content}
    assert (written.size_bytes, written.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (written.source_file, written.replaces) == (PLACE, False)


def test_stream_of_gzip_is_written_through_and_counted_as_it_is_stored(writer: LandingWriter, landing: Path) -> None:
    with writer.writing(DAY, "events.json.gz") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            packed.write(b'{"event_id": 1}\n' * 1000)
        written = file.finish()
        writer.place(written)
    path = landing / written.source_file
    assert gzip.decompress(path.read_bytes()) == b'{"event_id": 1}\n' * 1000
    assert written.size_bytes == path.stat().st_size


def test_file_can_be_read_before_it_is_placed(writer: LandingWriter) -> None:
    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"a,b\n")
        file.flush()
        assert file.path.read_bytes() == b"a,b\n"


def test_file_whose_block_fails_leaves_nothing(writer: LandingWriter, landing: Path) -> None:
    def broken() -> None:
        with writer.writing(DAY, "orders.csv") as file:
            file.write(b"half a li")
            raise RuntimeError("source broke")

    with pytest.raises(RuntimeError, match="source broke"):
        broken()
    assert files_below(landing) == {}


def test_file_that_is_not_placed_leaves_nothing(writer: LandingWriter, landing: Path) -> None:
    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"not wanted")
        file.finish()
    assert files_below(landing) == {}


def test_hostile_name_is_refused_before_anything_is_written(writer: LandingWriter, landing: Path) -> None:
    with pytest.raises(UntrustedNameError), writer.writing(DAY, "../../outside.csv"):
        pass
    assert not landing.exists()


def test_folder_of_landing_that_is_a_link_is_not_followed(writer: LandingWriter, landing: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (landing / "transactions").mkdir(parents=True)
    (landing / "transactions" / "dt=2024-11-15").symlink_to(tmp_path / "outside")
    with writer.writing(DAY, "orders.csv") as file, pytest.raises(LandingError, match=r"is a link\. Nothing was"):
        writer.place(file.finish())
    assert files_below(tmp_path / "outside") == {}


def test_link_in_the_place_of_a_file_counts_as_taken_and_what_it_leads_to_is_left_alone(
    writer: LandingWriter, landing: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.csv").write_text("precious")
    (landing / PLACE).parent.mkdir(parents=True)
    (landing / PLACE).symlink_to(tmp_path / "outside.csv")
    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"precious")
        with pytest.raises(NameTakenError):
            writer.check_free([file.finish()])
        assert not writer.holds(file.finish())
    assert (tmp_path / "outside.csv").read_text() == "precious"


def test_place_that_is_taken_is_refused_unless_it_may_be_replaced(writer: LandingWriter, landing: Path) -> None:
    (landing / PLACE).parent.mkdir(parents=True)
    (landing / PLACE).write_bytes(b"older")
    with writer.writing(DAY, "orders.csv") as file, pytest.raises(NameTakenError) as refused:
        writer.check_free([file.finish()])
    assert str(refused.value).startswith(f"landing/{PLACE} is there already. It was left as it is")
    with writer.writing(DAY, "orders.csv", replaces=True) as file:
        file.write(b"newer")
        writer.check_free([file.finish()])
        writer.place(file.finish())
    assert files_below(landing) == {PLACE: b"newer"}


def test_two_files_for_one_place_are_refused(writer: LandingWriter) -> None:
    with (
        writer.writing(DAY, "orders.csv") as one,
        writer.writing(DAY, "orders.csv") as other,
        pytest.raises(NameTakenError),
    ):
        writer.check_free([one.finish(), other.finish()])


def test_free_name_gets_the_first_number_that_is_free(writer: LandingWriter, landing: Path) -> None:
    assert writer.free_name(DAY, "orders.csv") == "orders.csv"
    (landing / PLACE).parent.mkdir(parents=True)
    (landing / PLACE).touch()
    (landing / PLACE).with_name("orders.v2.csv").touch()
    assert writer.free_name(DAY, "orders.csv") == "orders.v3.csv"


def test_full_disk_gives_a_clear_error_and_leaves_nothing(
    writer: LandingWriter, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is always full stands for the disk, so that the error is the system's own."""
    real_open = os.open

    def open_full(path: Any, flags: int, *mode: int) -> int:
        is_part = str(path).endswith(".part")
        return real_open("/dev/full" if is_part else path, flags & ~os.O_EXCL if is_part else flags, *mode)

    monkeypatch.setattr(os, "open", open_full)
    with pytest.raises(DiskFullError) as full, writer.writing(DAY, "orders.csv") as file:
        file.write(b"x" * 100_000)
    assert str(full.value) == (
        f"The disk of landing is full: {PLACE} could not be written. It was removed, and the source counts it as not "
        "pulled. Free space, then pull again."
    )
    assert (full.value.source, full.value.file) == ("transactions", PLACE)
    assert files_below(landing) == {}


def test_disk_that_is_full_only_when_it_is_flushed_gives_the_same_error(
    writer: LandingWriter, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"x")
        monkeypatch.setattr(os, "fsync", no_space)
        with pytest.raises(DiskFullError):
            file.finish()
    assert files_below(landing) == {}


def test_landing_that_is_no_folder_gives_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "transactions").write_text("a file")
    writer = LandingWriter(tmp_path / "landing", "transactions")
    with pytest.raises(LandingError, match=f"{PLACE} cannot be written below landing: .* Nothing of it was kept"):
        writer.writing(DAY, "orders.csv").__enter__()


def reject(writer: LandingWriter, name: str, content: bytes, reason: str = "no header") -> str:
    with writer.writing(DAY, "any.csv") as file:
        file.write(content)
        return writer.reject(file, name, DAY, reason)


def test_refused_file_is_kept_with_its_reason_where_no_reader_looks(writer: LandingWriter, landing: Path) -> None:
    kept = reject(writer, "orders.csv", b"rubbish")
    assert kept == "_rejected/transactions/dt=2024-11-15/orders.csv"
    assert files_below(landing) == {kept: b"rubbish", f"{kept}.reason.txt": b"no header\n"}
    assert seen_by_a_reader(landing) == []


def test_refused_file_with_a_hostile_name_is_kept_under_a_harmless_one(writer: LandingWriter) -> None:
    assert reject(writer, "../x\n.csv", b"rubbish") == "_rejected/transactions/dt=2024-11-15/x_.csv"


def test_same_content_is_kept_once_and_other_content_beside_it(writer: LandingWriter, landing: Path) -> None:
    folder = "_rejected/transactions/dt=2024-11-15"
    kept = [reject(writer, "orders.csv", content) for content in (b"one", b"one", b"two")]
    assert kept == [f"{folder}/orders.csv", f"{folder}/orders.csv", f"{folder}/orders.v2.csv"]
    assert files_below(landing)[f"{folder}/orders.csv"] == b"one"
    assert len(files_below(landing)) == 4


def test_leftovers_of_this_source_only_are_removed(writer: LandingWriter, landing: Path) -> None:
    others = LandingWriter(landing, "events")
    with others.writing(DAY, "e.json") as other, writer.writing(DAY, "orders.csv") as file:
        assert writer.remove_leftovers() == 1
        assert not file.path.exists()
        assert other.path.exists()


def changed(written: WrittenFile, **values: Any) -> WrittenFile:
    return WrittenFile(**{**written.__dict__, **values})


def test_place_holds_a_file_only_with_the_same_content(writer: LandingWriter) -> None:
    with writer.writing(DAY, "orders.csv") as file:
        file.write(b"abc")
        written = file.finish()
        assert writer.holds_temporary(written)
        assert not writer.holds(written)
        writer.place(written)
    assert writer.holds(written)
    assert not writer.holds_temporary(written)
    assert not writer.holds(changed(written, sha256="0" * 64))
    assert not writer.holds(changed(written, size_bytes=4))
