"""`holdfast bench` from outside: every part runs, compares with pgbench, and finds nothing lost or oversold."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.bench import pgbench
from holdfast.first_run import ROOT

#: One short run of each part takes about a minute; a busy machine needs its time.
WITHIN_S = 400


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    done = bench("--quick", "--only", "receive,settle,checkout,storm", "--json", str(file))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(file.read_text())


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "HOLDFAST_"))}
    command = [sys.executable, "-m", "holdfast", "bench", *words]
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=WITHIN_S, check=False)


def test_both_sides_are_durable(told):
    settings = told["machine"]["postgresql"]
    assert (settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"]) == ("on", "on", "on")


def test_each_part_has_its_figures_and_its_limit(told):
    rows = {row["part"]: row for row in told["rows"] if row.get("per_second")}
    assert {"receive", "settle", "checkout"} <= set(rows)
    for part in ("receive", "settle"):
        assert rows[part]["per_second"] > 0
        if pgbench.find():
            assert rows[part]["limit_per_second"] > 0
            assert rows[part]["ratio"] > 0
    (spread,) = [row for row in told["rows"] if row["what"] == "checkouts, 8 clients, spread stock"]
    assert spread["p95_ms"] >= spread["p50_ms"] > 0
    assert spread["statements"] >= spread["round_trips"] > 1


def test_the_last_pieces_are_sold_once(told):
    (scarce,) = [row for row in told["rows"] if row["what"].startswith("the last pieces")]
    assert (scarce["sold"], scarce["placed"], scarce["oversold_rows"]) == (100, 100, 0)
    assert scarce["met"] is True


def test_the_storm_really_blew(told):
    (storm,) = [row for row in told["rows"] if row["part"] == "storm"]
    assert storm["webhooks_per_s"] > 0
    assert storm["calm_p95_ms"] > 0


def test_an_unknown_part_is_refused_by_name():
    done = bench("--only", "lunch")
    assert done.returncode == 2
    assert "there is no measurement 'lunch'" in done.stderr


def test_the_statements_of_a_flow_can_be_read(tmp_path: Path):
    done = bench("--quick", "--only", "settle", "--statements", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    text = (tmp_path / "settle.sql").read_text()
    assert text.count("COMMIT;") >= 1
    assert "holdfast_claim_due" in text
