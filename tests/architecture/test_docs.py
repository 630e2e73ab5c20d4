"""The generated pages are what their sources say."""

from pathlib import Path

import pytest

from holdfast import docs, invariants


def test_the_pages_are_up_to_date() -> None:
    assert docs.main(check=True) == 0, "run `./dev docs`"


def test_every_room_with_states_is_described() -> None:
    rooms = {path.parent.name for path in (docs.FOLDER.parent / "holdfast").glob("*/states.py")}
    assert rooms == set(docs.ROOMS)
    assert {machine.name for _, machine in docs.machines()} >= {"order", "payment", "operation", "fulfilment"}


def test_every_edge_and_every_law_stands_on_its_page() -> None:
    pages = docs.pages()
    for _, machine in docs.machines():
        for edge in machine.edges:
            assert f"    {edge.source} --> {edge.target}\n" in pages["states.md"]
            assert f"| {edge.source} | {edge.target} | {edge.cause} |" in pages["states.md"]
    assert all(f"| `{law.name}` |" in pages["invariants.md"] for law in invariants.LIST)


def test_a_stale_page_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    assert docs.main(check=True) == 1
    assert "docs/states.md differs from its source" in capsys.readouterr().err
    assert docs.main(check=False) == 0
    (tmp_path / "states.md").write_text("old")
    assert docs.main(check=True) == 1
    assert docs.main(check=False) == docs.main(check=True) == 0
