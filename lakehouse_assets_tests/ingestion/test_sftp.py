"""Transactions by SFTP from a real server: what lands, what waits, what is skipped, replaced and refused.

What can be wrong with the server and the connection is in `test_sftp_client.py`, kills in `test_killed_sftp_pulls.py`.
"""

from __future__ import annotations

import gzip
import json
import os
import stat
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import asyncssh
import pytest

from lakehouse_assets.errors import LedgerError
from lakehouse_assets.ingestion.ledger import Ledger
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.source import SourceStatus
from lakehouse_assets_tests.ingestion.destinations import NOW, destination
from lakehouse_assets_tests.ingestion.sftp_site import HEADER, MTIME, SETTLE_SECONDS, Site, at, csv, rows

TODAY = "dt=2024-11-15"
TOMORROW = timedelta(days=1)


def refused(name: str, reason: str, content: str) -> dict[str, str]:
    """What stands below landing of a file that was refused."""
    place = f"_rejected/transactions/{TODAY}/{name}"
    return {place: content, f"{place}.reason.txt": f"{reason}\n"}


# What lands


def test_files_land_as_they_are_and_once(site: Site) -> None:
    packed = gzip.compress(csv(4).encode(), mtime=0)
    site.put("a.csv", csv(1, 2))
    site.put("b.csv.gz", packed)
    report = site.pull()
    assert report == PullReport(
        "transactions",
        (f"transactions/{TODAY}/a.csv", f"transactions/{TODAY}/b.csv.gz"),
        rows=3,
        bytes=len(csv(1, 2)) + len(packed),
        lag_seconds=0.0,
        seconds=float(SETTLE_SECONDS),
    )
    landing = site.home / "landing" / "transactions" / TODAY
    assert {file.name: file.read_bytes() for file in landing.iterdir()} == {
        "a.csv": csv(1, 2).encode(),
        "b.csv.gz": packed,
    }
    noted = site.ledger["a.csv"]
    assert (noted.version.path, noted.version.size_bytes, noted.version.mtime_seconds) == (
        "./a.csv",
        len(csv(1, 2)),
        MTIME,
    )
    assert (noted.sha256, noted.landed_as) == (
        sha256(csv(1, 2).encode()).hexdigest(),
        f"transactions/{TODAY}/a.csv",
    )
    again = site.pull()
    assert (again.landed, again.skipped, again.rejected, again.warnings) == ((), 0, 0, ())
    assert site.faults.changes == []


def test_folder_without_files_is_a_normal_one(site: Site) -> None:
    assert site.pull() == PullReport("transactions", lag_seconds=0.0)
    assert site.clock.waits == []


def test_file_of_many_blocks_lands_as_it_is(site: Site) -> None:
    content = csv(*range(45_000))
    assert len(content) > 2 * (1 << 20)
    site.put("big.csv", content)
    assert site.pull().rows == 45_000
    assert site.landing == {f"{TODAY}/big.csv": content}


def test_file_with_an_old_time_that_turns_up_late_is_taken(site: Site) -> None:
    site.put("new.csv", csv(1))
    site.pull()
    site.put("late.csv", csv(2), mtime=MTIME - 40 * 86_400)
    assert site.pull().landed == (f"transactions/{TODAY}/late.csv",)


def test_bom_and_columns_in_another_order_and_unknown_ones_land(site: Site) -> None:
    columns = ",".join(reversed(HEADER.split(",")))
    content = f"\ufeff\r\n{columns},note\r\n2024-11-15 12:00:00,USD,1.00,U1,S1,T1,hello\r\n"
    site.put("a.csv", content)
    assert site.pull().rows == 1
    assert site.landing == {f"{TODAY}/a.csv": content}


def test_file_of_a_header_only_is_an_hour_without_transactions(site: Site) -> None:
    site.put("quiet.csv", f"{HEADER}\n")
    assert (site.pull().rows, site.states) == (0, {"quiet.csv": "landed"})


def test_file_that_lands_after_midnight_belongs_to_the_new_day(site: Site) -> None:
    site.now = at(8.49)
    site.put("a.csv", csv(1))
    assert site.pull().landed == ("transactions/dt=2024-11-16/a.csv",)


def test_place_that_someone_else_took_is_left_and_the_file_lands_beside_it(site: Site) -> None:
    place = site.home / "landing" / "transactions" / TODAY / "a.csv"
    place.parent.mkdir(parents=True)
    place.write_text("by hand")
    site.put("a.csv", csv(1))
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": "by hand", f"{TODAY}/a.v2.csv": csv(1)}


# Standing still


def test_new_file_is_taken_by_its_first_pull_after_the_settling_time(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    assert site.clock.waits == [SETTLE_SECONDS]
    assert site.states == {"a.csv": "landed"}


@pytest.mark.parametrize("grown", [(csv(1, 2), MTIME), (csv(9), MTIME + 1)])
def test_file_that_changes_between_two_looks_waits_for_the_next_pull(site: Site, grown: tuple[str, int]) -> None:
    site.put("a.csv", csv(1))
    site.put("still.csv", csv(5))
    site.clock.during_wait = lambda: site.put("a.csv", *grown) and None
    report = site.pull()
    assert (report.landed, report.lag_seconds) == ((f"transactions/{TODAY}/still.csv",), 0.0)
    assert site.states == {"a.csv": "seen", "still.csv": "landed"}
    site.clock.during_wait = lambda: None
    site.pull()
    assert site.landing[f"{TODAY}/a.csv"] == grown[0]


def test_file_that_grows_while_it_is_read_waits_for_the_next_pull(site: Site) -> None:
    path = site.put("a.csv", csv(1))

    def grow(_: str) -> None:
        with path.open("a") as stream:
            stream.write(rows(2))

    site.faults.before_read = grow
    report = site.pull()
    assert (report.landed, report.rejected, report.lag_seconds) == ((), 0, float(SETTLE_SECONDS))
    assert site.landing == {}
    site.faults.before_read = lambda _: None
    grown = path.read_text()
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": grown}


def test_file_that_goes_while_it_is_read_is_nothing_to_speak_of(site: Site) -> None:
    path = site.put("a.csv", csv(1))
    site.put("b.csv", csv(2))
    site.faults.before_read = lambda name: path.unlink(missing_ok=True) if name == "a.csv" else None
    report = site.pull()
    assert (report.landed, report.warnings) == ((f"transactions/{TODAY}/b.csv",), ())


def test_file_with_a_marker_is_taken_at_once(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.put("a.csv.done", "", mtime=MTIME)
    assert site.pull().landed == (f"transactions/{TODAY}/a.csv",)
    assert site.clock.waits == []


def test_marker_that_is_older_than_the_file_says_nothing_of_it(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.put("a.csv.done", '{"rows": 99}', mtime=MTIME - 1)
    assert site.pull().landed == (f"transactions/{TODAY}/a.csv",)
    assert site.clock.waits == [SETTLE_SECONDS]


def test_long_settling_time_is_left_to_the_next_pull(site: Site) -> None:
    site.change(settle_seconds=3000)
    site.put("a.csv", csv(1))
    assert (site.pull().landed, site.clock.waits) == ((), [])
    report = site.pull()
    assert (report.landed, site.clock.waits) == ((f"transactions/{TODAY}/a.csv",), [])


def test_lag_is_how_long_the_first_of_the_waiting_files_waits(site: Site) -> None:
    site.change(settle_seconds=7200)
    site.put("a.csv", csv(1))
    assert site.pull().lag_seconds == 0.0
    site.put("b.csv", csv(2))
    assert site.pull().lag_seconds == 3600.0


# Again


def test_same_content_under_another_name_is_skipped_and_reported_once(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("copy.csv", csv(1), mtime=MTIME + 60)
    report = site.pull()
    assert (report.landed, report.skipped) == ((), 1)
    said = f"same content as ./a.csv, which landed as transactions/{TODAY}/a.csv"
    assert report.warnings == (f"'copy.csv' was not taken: {said}.",)
    assert (site.states["copy.csv"], site.ledger["copy.csv"].reason) == ("skipped", said)
    again = site.pull()
    assert (again.skipped, again.warnings) == (0, ())
    assert site.landing == {f"{TODAY}/a.csv": csv(1)}


def test_file_that_was_only_touched_is_skipped(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("a.csv", csv(1), mtime=MTIME + 60)
    report = site.pull()
    assert (report.landed, report.skipped, report.warnings) == ((), 1, ())


def test_new_content_takes_the_place_of_the_old_in_its_day_so_that_no_row_of_it_is_left(site: Site) -> None:
    site.put("a.csv", csv(1, 2))
    site.pull()
    site.now = NOW + TOMORROW
    site.put("a.csv", csv(2, 3, amount="99.00"), mtime=MTIME + 86_400)
    report = site.pull()
    assert report.landed == (f"transactions/{TODAY}/a.csv",)
    assert report.warnings == (
        f"'a.csv' came with new content, which took the place of transactions/{TODAY}/a.csv; "
        "that day is to be materialised again.",
    )
    assert site.landing == {f"{TODAY}/a.csv": csv(2, 3, amount="99.00")}
    with destination(site.home).open_ledger("transactions") as ledger:
        known = [(file.state.value, file.landed_as, file.reason) for file in ledger.remote_files()]
    place = f"transactions/{TODAY}/a.csv"
    assert known == [("superseded", place, "a later version of 'a.csv' took its place"), ("landed", place, "")]


def test_file_that_was_put_back_as_it_was_stands_in_landing_again(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("a.csv", csv(1, 2), mtime=MTIME + 60)
    site.pull()
    site.put("a.csv", csv(1))
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(1)}
    site.put("a.csv", csv(1, 2), mtime=MTIME + 60)
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(1, 2)}
    assert site.pull().landed == ()


def test_copy_lands_once_what_it_is_a_copy_of_has_other_content(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("copy.csv", csv(1), mtime=MTIME + 60)
    site.pull()
    site.put("a.csv", csv(2), mtime=MTIME + 120)
    site.pull()
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(2), f"{TODAY}/copy.csv": csv(1)}


def test_correction_with_the_content_of_another_file_is_no_copy_and_lands(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.put("b.csv", csv(2))
    site.pull()
    site.put("b.csv", csv(1), mtime=MTIME + 60)
    assert (site.pull().skipped, site.landing) == (0, {f"{TODAY}/a.csv": csv(1), f"{TODAY}/b.csv": csv(1)})


def test_correction_that_is_refused_leaves_the_old_version_in_its_place(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("a.csv", "nonsense\n", mtime=MTIME + 60)
    assert site.pull().rejected == 1
    assert site.landing[f"{TODAY}/a.csv"] == csv(1)
    site.put("a.csv", csv(1, 2), mtime=MTIME + 120)
    site.pull()
    assert site.landing[f"{TODAY}/a.csv"] == csv(1, 2)


def test_two_versions_between_two_pulls_end_as_the_later_one(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.put("a.csv", csv(2), mtime=MTIME + 60)
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(2)}


def test_what_a_killed_pull_had_brought_is_counted_by_the_next(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("a.csv", csv(1, 2, 3))

    def lost(*_: object) -> None:
        raise LedgerError("the database went away", source="transactions")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish", lost)
        with pytest.raises(LedgerError, match="went away"):
            site.pull()
    report = site.pull()
    assert (report.landed, report.rows, report.bytes) == ((f"transactions/{TODAY}/a.csv",), 3, len(csv(1, 2, 3)))
    assert site.pull().landed == ()


# Refused


def manifest(**values: object) -> str:
    return json.dumps(values)


REFUSED_CONTENT = [
    ("", "It is empty: it has no header line."),
    ("\n \n", "It is empty: it has no header line."),
    (
        "transaction_id,amount\nT1,1.00\n",
        "Its header lacks session_id, user_id, currency, transaction_timestamp; it has 'transaction_id,amount'. "
        f"Required are {HEADER.replace(',', ', ')}, in any order.",
    ),
    (rows(1), "Its header lacks"),
    (f"{HEADER},amount\n", "Its header names 'amount' twice."),
    (f'{HEADER},"x\n', "Its header line is no CSV."),
    (csv(1, 2) + "TRAILER,3\n", "It has 2 rows, its trailer declares 3."),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED_CONTENT)
def test_file_that_is_not_fit_is_kept_with_the_reason_and_the_others_go_on(
    site: Site, content: str, reason: str
) -> None:
    site.put("a-bad.csv", content)
    site.put("good.csv", csv(1), mtime=MTIME + 1)
    report = site.pull()
    assert (report.landed, report.rejected) == ((f"transactions/{TODAY}/good.csv",), 1)
    whole = site.ledger["a-bad.csv"].reason
    assert whole.startswith(reason)
    place = f"_rejected/transactions/{TODAY}/a-bad.csv"
    assert report.warnings == (f"'a-bad.csv' was refused: {whole} It is kept as {place}.",)
    assert site.landing == refused("a-bad.csv", whole, content) | {f"{TODAY}/good.csv": csv(1)}
    assert site.ledger["a-bad.csv"].landed_as == place
    assert (site.pull().rejected, site.states["a-bad.csv"]) == (0, "rejected")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (manifest(rows=3), "It has 2 rows, its manifest declares 3."),
        (manifest(size_bytes=5), f"It has {len(csv(1, 2))} bytes, its manifest declares 5."),
        (
            manifest(sha256="0" * 64),
            f"Its SHA-256 is {sha256(csv(1, 2).encode()).hexdigest()}, its manifest declares {'0' * 64}.",
        ),
        ("{rows: 2", "Its manifest is no JSON object."),
        (manifest(rows=True), "Its manifest has rows that is no number of rows."),
        (manifest(rows=-1), "Its manifest has rows that is no number of rows."),
        (manifest(sha256="x"), "Its manifest has a sha256 that is none."),
    ],
)
def test_upload_that_is_not_what_its_manifest_declares_is_refused(site: Site, says: str, reason: str) -> None:
    site.put("a.csv", csv(1, 2))
    site.put("a.csv.done", says)
    site.pull()
    assert site.landing == refused("a.csv", reason, csv(1, 2))


@pytest.mark.parametrize(
    "says",
    [
        manifest(rows=2, size_bytes=len(csv(1, 2)), sha256=sha256(csv(1, 2).encode()).hexdigest().upper()),
        manifest(rows=1, more="x"),
        "20241115\n",
        "",
    ],
)
def test_upload_that_is_what_its_manifest_declares_lands(site: Site, says: str) -> None:
    site.put("a.csv", csv(1, 2))
    site.put("a.csv.done", says)
    assert site.pull().rows == 2


@pytest.mark.parametrize("trailer", ["TRAILER,2", "trl|2|||", "#rows=1", "Row_Count: 2\r\n\r\n"])
def test_trailer_is_checked_and_does_not_land(site: Site, trailer: str) -> None:
    site.put("a.csv", csv(1, 2) + trailer)
    report = site.pull()
    assert (report.rows, report.bytes) == (2, len(csv(1, 2)))
    assert site.landing == {f"{TODAY}/a.csv": csv(1, 2)}
    assert site.pull().landed == ()


def test_trailer_of_a_compressed_file_does_not_land(site: Site) -> None:
    site.put("a.csv.gz", gzip.compress(f"{csv(1, 2)}TRAILER,2\n".encode()))
    assert site.pull().rows == 2
    (landed,) = (site.home / "landing" / "transactions" / TODAY).iterdir()
    assert gzip.decompress(landed.read_bytes()).decode() == csv(1, 2)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_compressed_file_that_was_cut_off_is_refused_and_taken_once_it_is_whole(site: Site, cut: int) -> None:
    packed = gzip.compress(csv(*range(100)).encode())
    site.put("a.csv.gz", packed[:-cut])
    report = site.pull()
    assert (report.landed, report.rejected) == ((), 1)
    assert site.ledger["a.csv.gz"].reason == "It is no intact gzip file: it was cut off, or damaged."
    site.put("a.csv.gz", packed, mtime=MTIME + 60)
    assert site.pull().rows == 100


def test_upload_that_was_cut_off_and_came_again_whole_leaves_nothing_of_the_first(site: Site) -> None:
    site.put("a.csv", csv(1, 2)[:-30])
    site.pull()
    site.put("a.csv", csv(1, 2, 3), mtime=MTIME + 60)
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(1, 2, 3)}


def test_file_that_is_no_text_is_refused(site: Site) -> None:
    site.put("a.csv", b"\xff\xfe\x00" * 10)
    site.pull()
    assert site.ledger["a.csv"].reason == "It is no CSV file: its first line is not UTF-8."


# Names


def test_names_that_are_no_deliveries_are_left_alone(site: Site) -> None:
    for name in (".hidden.csv", "_temp.csv", "a.csv.part", "a.csv.tmp", "a.csv.filepart", "lonely.csv.done"):
        site.put(name, csv(1))
    (site.server.folder / "archive.csv").mkdir()
    report = site.pull()
    assert (report.landed, report.rejected, report.warnings, site.ledger) == ((), 0, (), {})


@pytest.mark.parametrize("name", ["my orders.csv", "$(id).csv", "ñ.csv", "-rf.csv", "a\nb.csv", "A.CSV", "=1+1.csv"])
def test_file_whose_name_may_not_stand_is_kept_under_a_harmless_one(site: Site, name: str) -> None:
    site.put(name, csv(1))
    report = site.pull()
    assert (report.landed, report.rejected) == ((), 1)
    kept, reason = sorted(site.landing)
    assert kept.startswith(f"_rejected/transactions/{TODAY}/")
    assert kept.isascii()
    assert " " not in kept
    assert site.landing[kept] == csv(1)
    assert "Have it delivered under another name." in site.landing[reason]
    assert site.pull().rejected == 0


def test_file_of_another_kind_is_refused_without_being_read(site: Site) -> None:
    site.put("README.txt", "hello")
    site.put("events.json", "{}")
    site.faults.before_read = lambda name: pytest.fail(f"{name} was read")
    report = site.pull()
    assert report.warnings == (
        "'README.txt' was refused: 'README.txt' does not end in .csv or .csv.gz. It was not read.",
        "'events.json' was refused: 'events.json' does not end in .csv or .csv.gz. It was not read.",
    )
    assert (report.rejected, site.landing) == (2, {})


def test_link_is_refused_without_being_followed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(csv(1))
    (site.server.folder / "a.csv").symlink_to(tmp_path / "secret.csv")
    site.put("b.csv", csv(2))
    report = site.pull()
    assert report.warnings == ("'a.csv' was refused: 'a.csv' is a link. It was not read.",)
    assert site.landing == {f"{TODAY}/b.csv": csv(2)}


def test_file_that_becomes_a_link_while_it_is_read_does_not_land(site: Site, tmp_path: Path) -> None:
    path = site.put("a.csv", csv(1))
    (tmp_path / "secret.csv").write_text(csv(2))

    def swap(_: str) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "secret.csv")

    site.faults.before_read = swap
    assert (site.pull().landed, site.landing) == ((), {})


HOSTILE = [b"../../../../../tmp/evil.csv", b"/etc/evil.csv", b"sub/evil.csv", b"a\x00b.csv", b"", b"\xff\xfe.txt"]


def test_names_that_lead_out_of_the_folder_are_refused_without_being_read(site: Site, tmp_path: Path) -> None:
    attributes = asyncssh.SFTPAttrs(size=5, permissions=stat.S_IFREG | 0o644, atime=MTIME, mtime=MTIME)
    site.faults.listed = [asyncssh.SFTPName(name, b"long", attributes) for name in HOSTILE]
    site.put("good.csv", csv(1))
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    report = site.pull()
    assert (report.landed, report.rejected) == ((f"transactions/{TODAY}/good.csv",), len(HOSTILE))
    assert "'../../../../../tmp/evil.csv' leads out of the folder. It was not read." in " ".join(report.warnings)
    assert site.landing == {f"{TODAY}/good.csv": csv(1)}
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == before
    assert site.pull().rejected == 0


def test_entry_of_which_the_server_tells_no_kind_is_refused_without_being_read(site: Site) -> None:
    site.faults.listed = [asyncssh.SFTPName(b"a.csv", b"long", asyncssh.SFTPAttrs(size=5))]
    assert site.pull().warnings == ("'a.csv' was refused: 'a.csv' is no regular file. It was not read.",)


def test_many_warnings_are_cut(site: Site) -> None:
    for number in range(25):
        site.put(f"{number:02}.txt", "x")
    warnings = site.pull().warnings
    assert (len(warnings), warnings[-1]) == (21, "And 5 more; the ledger has them all.")


# The look


def test_look_tells_what_waits_and_changes_nothing(site: Site) -> None:
    site.put("a.csv", csv(1))
    site.pull()
    site.put("b.csv", csv(*range(10_000)))
    waiting = len(csv(*range(10_000))) / 1e6
    expected = SourceStatus(f"1 files, {waiting:.1f} MB", f"lake@127.0.0.1:{site.server.port}, folder ., 2 files in it")
    before = site.ledger
    assert site.source().check(site.now) == expected
    assert site.ledger == before
    os.remove(site.server.folder / "b.csv")
    assert site.source().check(site.now).pending == "0 files, 0.0 MB"
