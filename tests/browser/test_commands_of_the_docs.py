"""What the docs tell a newcomer to paste works as it stands, from the first line to the last, against a house of its own."""

import re
import subprocess
from pathlib import Path

import pytest

from holdfast.first_run import House

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: A purchase has a minute.
PATIENCE_S = 60


@pytest.mark.parametrize(("page", "told"), [("storefront.md", r"^[2-9A-HJ-NP-Z]{16}$")])
def test_what_a_page_says_to_paste_ends_in_a_sale(house: House, page: str, told: str) -> None:
    blocks = [
        block for block in BLOCK.findall((DOCS / page).read_text()) if "curl" in block or "api " in block or "cart" in block
    ]
    script = "\n".join(block for block in blocks if ".venv" not in block)
    script = script.replace("http://127.0.0.1:8000", house.web).replace("HOUSE=.holdfast", f"HOUSE={house.home}")
    ran = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert re.search(told, ran.stdout.strip().splitlines()[-1]), ran.stdout
