"""`python -m holdfast.embedded HOME`: one PostgreSQL in the foreground, kept alive until SIGTERM or Ctrl-C."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from holdfast.embedded import EmbeddedError, Server

#: How soon a dead server is noticed: well below the second after which pooled connections give up for the first time.
LOOK_EVERY_S = 0.25
#: Deaths in a row, none of them after a minute of life, before we stop trying: something is wrong that a start cannot heal.
DEATHS = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m holdfast.embedded", description=__doc__)
    parser.add_argument("home", type=Path, help="folder for the data, the password and the port")
    parser.add_argument("--port", type=int, default=0, help="a port to insist on; otherwise a free one is chosen and kept")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        with Server(asked.home, port=asked.port, options=dict(said.split("=", 1) for said in asked.option)) as server:
            _keep(server, over)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _keep(server: Server, over: threading.Event) -> None:
    """Say that it is ready; start it again whenever it dies; return when it is over. Raises EmbeddedError."""
    _say(f"ready on port {server.port} (process {server.pid})")
    deaths = 0
    lived_s = 0.0
    while not over.wait(LOOK_EVERY_S):
        lived_s += LOOK_EVERY_S
        if server.is_alive():
            continue
        deaths = 1 if lived_s > 60 else deaths + 1
        lived_s = 0.0
        if deaths > DEATHS:
            raise EmbeddedError(f"PostgreSQL died {DEATHS} times within minutes; the reason is in {server.home / 'server.log'}.")
        server.start()
        _say(f"died and was started again on port {server.port} (process {server.pid})")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


sys.exit(main())
