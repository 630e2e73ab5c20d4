"""`python -m holdfast.receiver --port 8001`: receive webhooks until SIGTERM."""

import argparse
import asyncio
import contextlib
import gc
import resource
import signal
import sys

import uvloop

from config import logs, settings
from holdfast.kernel import faults
from holdfast.providers import registry
from holdfast.receiver.accounts import Accounts
from holdfast.receiver.app import Receiver
from holdfast.receiver.http import MAX_REQUESTS, Server
from holdfast.receiver.link import Link, connect_arguments
from holdfast.receiver.store import WRITERS, Store

START_WITHIN_S = 10
#: What was accepted is stored and answered within this after SIGTERM; a flush takes milliseconds.
DRAIN_WITHIN_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="holdfast.receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=settings.ENV.receiver_port)
    parser.add_argument("--host", default=settings.ENV.host)
    args = parser.parse_args()
    faults.arm_from_environment()
    logs.configure(as_json=settings.ENV.log_json, debug=settings.ENV.debug)
    _raise_file_limit()
    _load_adapters()
    sys.exit(uvloop.run(serve(args.host, args.port)))


async def serve(host: str, port: int) -> int:
    """Serve until a signal, then flush. The exit status: 0, or 1 when a part of it died."""
    arguments = connect_arguments(settings.DATABASES["default"])
    lookups = Link(arguments)
    links = [Link(arguments) for _ in range(WRITERS)]
    store = Store(links, talkative=settings.ENV.log_requests)

    async def is_ready() -> None:
        await lookups.ask(lambda connection: connection.fetchval("SELECT 1"))

    receiver = Receiver(accounts=Accounts(lookups), store=store, is_ready=is_ready)
    server = Server(receiver)
    try:
        listening = server.listen(host, port)
    except OSError as error:
        raise SystemExit(f"receiver: {host}:{port} cannot be used: {error.strerror}") from None
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    writing = asyncio.create_task(store.write_for_ever())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await _started(server, serving)
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


async def _started(server: Server, serving: "asyncio.Task[None]") -> None:
    """Until connections are accepted. Raises what stopped the server."""
    async with asyncio.timeout(START_WITHIN_S):
        while not server.started:
            if serving.done():
                serving.result()
                raise SystemExit("receiver: the HTTP server ended before it began")
            await asyncio.sleep(0.01)


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


def _raise_file_limit() -> None:
    """Every connection is an open file, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_REQUESTS + 128
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
