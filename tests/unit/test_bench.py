"""The benchmark's own arithmetic, and the text it gives to pgbench."""

import itertools
import math

import pytest

from holdfast.bench import pgbench, requests
from holdfast.bench.figures import Run, row
from holdfast.bench.tape import _without_variables, round_trips, statements
from holdfast.providers.stripe import signature

STEPS = [
    ["sql", "BEGIN"],
    ["sql", "SELECT 1"],
    ["pipeline"],
    ["call", "INSERT INTO t SELECT unnest($1::int[])", "'{1,2}'"],
    ["call", "INSERT INTO u VALUES ($1)", "'x'"],
    ["call", "INSERT INTO t SELECT unnest($1::int[])", "'{3}'"],
    ["sync"],
    ["sql", "COMMIT"],
]


def test_a_pipeline_is_one_round_trip_of_several_statements() -> None:
    assert statements(STEPS) == 6
    assert round_trips(STEPS) == 4


def test_what_is_prepared_is_prepared_once_and_called_with_its_values() -> None:
    assert "".join(itertools.chain(*pgbench.lines(STEPS))).splitlines() == [
        "PREPARE s5 AS INSERT INTO t SELECT unnest($1::int[]);",
        "PREPARE s4 AS INSERT INTO u VALUES ($1);",
        "BEGIN;",
        "SELECT 1;",
        r"\startpipeline",
        "EXECUTE s5 ('{1,2}');",
        "EXECUTE s4 ('x');",
        "EXECUTE s5 ('{3}');",
        r"\endpipeline",
        "COMMIT;",
    ]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("SELECT 'plain', 1::int", "SELECT 'plain', 1::int"),
        ("SELECT 'a:b'", r"SELECT  E'a\x3ab'"),
        ("SELECT 'it''s a:b'::text", r"SELECT  E'it''s a\x3ab'::text"),
        (r"SELECT 'a\b:c'", r"SELECT  E'a\\b\x3ac'"),
        (r"SELECT  E'a\\b:c'", r"SELECT  E'a\\b\x3ac'"),
    ],
)
def test_pgbench_finds_no_variable_of_its_own_in_a_literal(text: str, safe: str) -> None:
    assert _without_variables(text) == safe


def test_figures_are_medians_and_ratios_are_of_the_same_run() -> None:
    runs = [
        Run(per_second=rate, limit_per_second=limit, more={"p99_ms": rate / 10})
        for rate, limit in ((100, 200), (300, 300), (90, 900))
    ]
    told = row(part="x", what="y", runs=runs, at_least=95, at_most=("p99_ms", 10.0))
    assert (told.figures["per_second"], told.figures["limit_per_second"], told.figures["ratio"]) == (100, 300, 0.5)
    assert told.figures["p99_ms"] == 10
    assert (told.floor, told.met) == ("≥ 95/s, p99 < 10 ms", False)


def test_without_pgbench_there_is_no_ratio() -> None:
    told = row(part="x", what="y", runs=[Run(per_second=5)])
    assert "ratio" not in told.figures
    assert told.met is None


def test_an_event_of_the_load_is_as_large_as_a_usual_one_and_proven() -> None:
    asked = requests.webhook(account="acc_1", secret="whsec_x", event_id="evt_1")
    signed_at, signatures = signature.parse(asked.headers["Stripe-Signature"])
    assert signature.matches(signed_at, asked.body, signatures, [b"whsec_x"])
    assert signature.event(asked.body).event_id == "evt_1"
    assert math.isclose(len(asked.body), 2_500, rel_tol=0.05)
