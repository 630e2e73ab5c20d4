"""Real servers, each over a folder of its own; none of these tests touches Django."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from embedded_server import THROWN_AWAY

from holdfast.embedded import Server


@pytest.fixture
def homes() -> Iterator[Path]:
    """A folder that every account may enter, so that the data lie in the home itself, also when root runs the suite."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast test ")).resolve()
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_server(homes: Path) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(home: Path | None = None, **more) -> Server:
        made.append(Server(home or homes / "one", options=THROWN_AWAY, **more))
        return made[-1]

    yield make
    for server in made:
        server.remove()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()
