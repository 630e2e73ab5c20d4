"""`python -m holdfast.receiver --port 8001`: receive webhooks until SIGTERM."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import sys

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from config import settings
from holdfast.kernel import faults, limits
from holdfast.providers import registry
from holdfast.receiver.accounts import Accounts
from holdfast.receiver.app import Receiver
from holdfast.receiver.link import Link, connect_arguments
from holdfast.receiver.store import WRITERS, Store

START_WITHIN_S = 10
#: What was accepted is stored and answered within this after SIGTERM; a flush takes milliseconds.
DRAIN_WITHIN_S = 10
#: Connections served at once: more than the queue takes, so that a full queue is answered and not only waited for.
MAX_CONNECTIONS = 2 * limits.RECEIVER_QUEUE
#: The HTTP server's thread and the loop share one interpreter; with Python's 5 ms each hand-over waits too long.
SWITCH_INTERVAL_S = 0.0005
#: Connections that the kernel keeps for us while we are busy.
BACKLOG = 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="holdfast.receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=settings.ENV.receiver_port)
    parser.add_argument("--host", default=settings.ENV.host)
    args = parser.parse_args()
    faults.arm_from_environment()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _configure_logs()
    _raise_file_limit()
    _load_adapters()
    code = asyncio.run(serve(args.host, args.port))
    # Everything is flushed and closed. The server's own threads may still be ending, and must not meet a dying interpreter.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def serve(host: str, port: int) -> int:
    """Serve until a signal, then flush. The exit status: 0, or 1 when a part of it died."""
    arguments = connect_arguments(settings.DATABASES["default"])
    lookups = Link(arguments)
    links = [Link(arguments) for _ in range(WRITERS)]
    store = Store(links)

    async def is_ready() -> None:
        await lookups.ask(lambda connection: connection.fetchval("SELECT 1"))

    receiver = Receiver(accounts=Accounts(lookups), store=store, is_ready=is_ready)
    server = Server(
        receiver,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        log_enabled=False,
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    writing = asyncio.create_task(store.write_for_ever())
    serving = asyncio.create_task(server.serve())
    await _listening(host, port, serving)
    sys.stdout.write(f"receiver ready http://{host}:{port}\n")
    sys.stdout.flush()

    await asyncio.wait([asyncio.create_task(stop.wait()), serving, writing], return_when=asyncio.FIRST_COMPLETED)
    receiver.stopping = True
    await _drained(receiver, writing)
    server.stop()
    await asyncio.wait([serving], timeout=DRAIN_WITHIN_S)
    died = writing.done()
    writing.cancel()
    for link in [lookups, *links]:
        link.drop()
    return 1 if died or not stop.is_set() else 0


async def _listening(host: str, port: int, serving: "asyncio.Task[None]") -> None:
    """Until a connection is accepted. Raises what stopped the server, for example a port that is taken."""
    for _ in range(START_WITHIN_S * 50):
        if serving.done():
            serving.result()
            break
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    raise SystemExit(f"receiver: nothing listens on {host}:{port}")


async def _drained(receiver: Receiver, writing: "asyncio.Task[None]") -> None:
    """Until every accepted request is answered."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_WITHIN_S):
            while receiver.open_requests and not writing.done():
                await asyncio.sleep(0.01)


def _load_adapters() -> None:
    """All of them now: loading an SDK takes a second, for which every other webhook would wait."""
    for name in registry.ADAPTERS:
        registry.provider(name)
    gc.freeze()  # what is loaded stays; the collector need not look at it again and again


def _configure_logs() -> None:
    logging.basicConfig(level=logging.WARNING, format="receiver: %(levelname)s %(message)s")
    rendered = structlog.processors.JSONRenderer() if settings.ENV.log_json else structlog.processors.LogfmtRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), rendered],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _raise_file_limit() -> None:
    """Every connection is an open file, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 128
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
