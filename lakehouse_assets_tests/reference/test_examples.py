"""The reference against the examples, and the examples against what they promise.

Nothing here is compared with the platform: a red test means that the reference or the example is wrong.
"""

from pathlib import Path

import pytest

from .examples import FILE_EXAMPLES, RULE_EXAMPLES, Example, FileExample, write_example_file, write_examples
from .judge import Row, judge_line
from .landing import Line, decode_line
from .tables import Tables, recompute

Written = dict[tuple[str, int], Example]

RULES = {
    "events": {
        "not_utf8",
        "line_too_long",
        "corrupt_json",
        "event_id_not_null",
        "session_id_not_null",
        "user_id_not_null",
        "event_type_not_null",
        "event_type_allowed",
        "event_timestamp_not_null",
        "event_timestamp_valid",
        "event_timestamp_in_range",
    },
    "transactions": {
        "not_utf8",
        "line_too_long",
        "corrupt_csv",
        "missing_column",
        "transaction_id_not_null",
        "session_id_not_null",
        "user_id_not_null",
        "amount_not_null",
        "amount_valid",
        "amount_positive",
        "currency_not_null",
        "currency_allowed",
        "transaction_timestamp_not_null",
        "transaction_timestamp_valid",
        "transaction_timestamp_in_range",
    },
    "users": {
        "not_utf8",
        "line_too_long",
        "corrupt_csv",
        "missing_column",
        "user_id_not_null",
        "signup_date_not_null",
        "signup_date_valid",
        "device_type_not_null",
        "device_type_allowed",
        "country_not_null",
        "country_valid",
        "updated_at_valid",
    },
}


def id_of(example: Example | FileExample) -> str:
    return f"{example.source}: {example.name!a}"


@pytest.fixture(scope="module")
def examples_recomputed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tables, Written]:
    landing = tmp_path_factory.mktemp("landing")
    written = write_examples(landing, RULE_EXAMPLES)
    return recompute(landing, min_rows=1_000_000), written


@pytest.mark.parametrize("example", RULE_EXAMPLES, ids=id_of)
def test_line_fails_exactly_the_rules_of_the_example(example: Example) -> None:
    raw, faults = decode_line(example.line)
    line = Line(example.source, example.arrival_date, "file", 1, raw, example.header, faults)
    assert judge_line(line).failed_rules == example.failed_rules


def test_quarantine_holds_exactly_the_failing_examples(
    examples_recomputed: tuple[Tables, Written],
) -> None:
    tables, written = examples_recomputed
    quarantined = {
        (row["source_file"], row["line_number"]): tuple(row["failed_rules"])
        for rows in tables.quarantine.values()
        for row in rows
    }
    assert quarantined == {place: example.failed_rules for place, example in written.items() if example.failed_rules}


def test_silver_holds_exactly_the_accepted_examples_with_the_expected_values(
    examples_recomputed: tuple[Tables, Written],
) -> None:
    tables, written = examples_recomputed
    rows = {(row["source_file"], row["line_number"]): row for source in tables.silver.values() for row in source}
    accepted = {place: example for place, example in written.items() if not example.failed_rules}
    assert rows.keys() == accepted.keys()
    values = {place: {name: rows[place][name] for name in accepted[place].expected} for place in accepted}
    assert values == {place: dict(example.expected) for place, example in accepted.items()}
    # Decimal("1.0") == Decimal("1.00"): the number of digits is compared by its text.
    assert {str(row["amount"])[-3:-2] for row in tables.silver["transactions"]} == {"."}


@pytest.mark.parametrize("source", RULES)
def test_every_rule_of_a_source_has_a_failing_example_and_no_other_rule_is_named(source: str) -> None:
    named = {rule for example in RULE_EXAMPLES if example.source == source for rule in example.failed_rules}
    assert named == RULES[source]


def test_examples_have_names_of_their_own_and_sorted_rules() -> None:
    names = [(example.source, example.name) for example in RULE_EXAMPLES]
    names += [(example.source, example.name) for example in FILE_EXAMPLES]
    assert len(set(names)) == len(names)
    assert [example.failed_rules for example in RULE_EXAMPLES] == [
        tuple(sorted(example.failed_rules)) for example in RULE_EXAMPLES
    ]


def test_example_lines_are_single_lines() -> None:
    odd = [
        example.name
        for example in RULE_EXAMPLES
        if b"\n" in example.line or example.line.endswith(b"\r") or not example.line.strip(b" \t\r")
    ]
    assert odd == []


@pytest.mark.parametrize("example", FILE_EXAMPLES, ids=id_of)
def test_file_holds_exactly_the_lines_of_the_example(example: FileExample, tmp_path: Path) -> None:
    write_example_file(tmp_path, example)
    tables = recompute(tmp_path, min_rows=1_000_000)
    origin = {"arrival_date": example.arrival_date, "source_file": example.source_file}
    header: Row = {} if example.header is None else {"header": example.header}
    assert tables.bronze[example.source] == [
        origin | {"line_number": line.line_number, "raw": line.raw} | header for line in example.lines
    ]
    assert tables.quarantine[example.source] == [
        origin | {"line_number": line.line_number, "raw": line.raw, "failed_rules": list(line.failed_rules)}
        for line in example.lines
        if line.failed_rules
    ]
