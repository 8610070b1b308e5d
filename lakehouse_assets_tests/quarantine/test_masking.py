"""Masked text: shape and punctuation stay, no value does."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.quality.masking import mask

# Letters of a value that stand for themselves when masked say nothing of it.
STAND_INS = set("xX9")


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        ("T2,S1,U1,-1.50,USD", "X9,X9,X9,-9.99,XXX"),
        ('{"event_id":"E1","user_id" : null, "other":true}', '{"event_id":"X9","user_id" : xxxx, "xxxxx":xxxx}'),
        ('{"user_id":"user_id"}', '{"user_id":"xxxx_xx"}'),
        ("{'user_id':'Zoë'}", "{'xxxx_xx':'Xxx'}"),
        ("Ñandú ١٢ ½ Ⅷ 日本 हिन्दी", "Xxxxx 99 9 9 xx xxxxxx"),
        ("\u24d0\U0001f170\U000e0041\u2801", "xxxx"),
        ("broken \ufffd\x1b“—\u2028", "xxxxxx \ufffd\x1b“—\u2028"),
        ("", ""),
    ],
)
def test_letters_become_x_and_digits_9_and_all_else_stays(raw: str, masked: str) -> None:
    assert mask(raw) == masked


def surviving_runs(raw: str, masked: str) -> list[str]:
    """Three letters or digits in a row of the raw text that stand in the masked one and say something."""
    words = re.findall(r"[^\W_]{3,}", raw)
    runs = {word[start : start + 3] for word in words for start in range(len(word) - 2)}
    return [run for run in runs if not set(run) <= STAND_INS and run in masked]


@given(st.text())
def test_no_three_letters_or_digits_of_any_text_survive(raw: str) -> None:
    assert surviving_runs(raw, mask(raw)) == []
    assert len(mask(raw)) == len(raw)


@given(
    st.dictionaries(st.text(min_size=3), st.text(st.characters(categories=["L", "N"]), min_size=3)),
    st.booleans(),
    st.integers(0, 200),
)
def test_no_value_of_a_json_line_survives_also_where_it_is_cut(
    document: dict[str, str], ascii_only: bool, length: int
) -> None:
    raw = json.dumps(document, ensure_ascii=ascii_only)[:length]
    assert surviving_runs(raw, mask(raw)) == []


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=3), min_size=1))
def test_no_value_under_a_known_key_survives(values: list[str]) -> None:
    raw = "".join(f'{{"user_id":"{value}","event_type": "{value}"}}' for value in values)
    left = mask(raw).replace('"user_id":', "").replace('"event_type":', "")
    assert surviving_runs("".join(values), left) == []
