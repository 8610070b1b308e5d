"""Names from outside: what may land is something a reader of landing finds, and nothing else can be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse_assets.errors import UntrustedNameError
from lakehouse_assets.ingestion.names import MAX_NAME_LENGTH, checked_name, harmless_name, numbered_name, shown_name
from lakehouse_assets.landing.files import is_data_file

HOSTILE = [
    "",
    ".",
    "..",
    "../orders.csv",
    "/etc/passwd.csv",
    "a/../../b.csv",
    "a\\b.csv",
    "orders\n.csv",
    "orders\x00.csv",
    "\x1b[2Jorders.csv",
    "-rf.csv",
    ".hidden.csv",
    "_rejected.csv",
    "=cmd.csv",
    "orders .csv",
    "órders.csv",
    "orders\u202ecsv.csv",
    "orders.csv ",
    "orders.csv\n",
    "orders.csv.part",
    "orders.csv.tmp",
    "orders.exe",
    "orders",
    "csv",
    "$(reboot).csv",
    "*.csv",
    "a" * MAX_NAME_LENGTH + ".csv",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_name_that_could_mean_more_than_a_file_is_refused_and_shown_escaped(name: str) -> None:
    with pytest.raises(UntrustedNameError) as refused:
        checked_name(name, source="transactions")
    assert str(refused.value).startswith(f"The name {shown_name(name)} of source transactions ")
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["orders.csv", "o.json", "2024-11-15T14.csv.gz", "a,b=c@d+e.jsonl", "9.ndjson.gz"])
def test_plain_name_is_taken_as_it_is(name: str) -> None:
    assert checked_name(name, source="transactions") == name


@given(st.text(max_size=40))
@example("v2.csv")
def test_name_that_is_kept_for_a_look_is_harmless_whatever_it_was(name: str) -> None:
    kept = harmless_name(name)
    assert Path(kept).name == kept
    assert kept not in (".", "..")
    assert kept.isascii()
    assert kept.isprintable()
    assert not kept.startswith((".", "_", "-", "="))


@given(st.from_regex(r"[A-Za-z0-9._-]{1,20}(\.csv|\.json\.gz)", fullmatch=True), st.integers(2, 99))
def test_later_version_of_a_name_that_counts_counts_too_and_is_another(name: str, number: int) -> None:
    assert is_data_file(numbered_name(name, number)) == is_data_file(name)
    assert numbered_name(name, number) != name
    assert numbered_name(name, 1) == name


def test_number_of_a_version_stands_before_the_endings() -> None:
    assert numbered_name("orders.csv.gz", 3) == "orders.v3.csv.gz"
    assert numbered_name("orders.2024.csv", 3) == "orders.2024.v3.csv"
    assert numbered_name("unnamed", 3) == "unnamed.v3"


@pytest.mark.parametrize("name", ["a" * 176 + ".csv", "a." + "b" * 174 + ".csv", "a" * 173 + ".csv.gz"])
def test_later_version_of_the_longest_name_is_still_one_that_may_land(name: str) -> None:
    assert checked_name(name, source="transactions") == name
    assert checked_name(numbered_name(name, 12), source="transactions").endswith(f".v12{name[name.index('.csv') :]}")


def test_long_name_is_cut_in_messages() -> None:
    assert shown_name("x" * 500) == "'" + "x" * 99 + "..."
