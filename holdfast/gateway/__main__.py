"""`python -m holdfast.gateway --port 8002 --books DIR`"""

import argparse
import asyncio
import contextlib
import logging
import resource
import signal
import socket
import sys
from functools import partial
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from holdfast.gateway import alarms, control
from holdfast.gateway.app import build
from holdfast.gateway.deliveries import Deliveries
from holdfast.gateway.mercadopago import control as mercadopago
from holdfast.gateway.moods import ALL_MOODS, SETTINGS, Moods
from holdfast.gateway.pix import serving as pix
from holdfast.gateway.world import World

START_WITHIN_S = 10
STOP_WITHIN_S = 5  # In-flight answers get this long; held ones are let go at once.


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="holdfast.gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--books", type=Path, required=True, help="directory of the gateway's own books")
    parser.add_argument("--public-url", help="how browsers reach the hosted pages; default http://HOST:PORT")
    parser.add_argument("--seed", type=int, default=0)
    mood_help = f"NAME=PROBABILITY or 'POST /v1/refunds:NAME=PROBABILITY'; names: {', '.join(ALL_MOODS)}"
    parser.add_argument("--mood", action="append", default=[], help=mood_help)
    set_help = f"NAME=NUMBER; names: {', '.join(SETTINGS)}"
    parser.add_argument("--set", action="append", default=[], help=set_help)
    parser.add_argument("--account", action="append", default=[], help="SECRET_KEY,WEBHOOK_URL,WEBHOOK_SECRET")
    panel_help = "ACCESS_TOKEN,WEBHOOK_URL,WEBHOOK_SECRET of an account at Mercado Pago"
    parser.add_argument("--mercadopago", action="append", default=[], help=panel_help)
    pix.add_arguments(parser)
    parser.add_argument("--allow-reset", action="store_true", help="let /_gateway/reset empty the books")
    return parser.parse_args()


def moods_from(args: argparse.Namespace) -> Moods:
    moods = Moods(args.seed)
    for text in args.mood:
        name, _, probability = text.rpartition("=")
        operation, _, name = name.rpartition(":")
        moods.set_probability(name, float(probability), operation or "*")
    for text in args.set:
        name, _, value = text.partition("=")
        moods.set_setting(name, float(value))
    return moods


def _raise_file_limit() -> None:
    """Each kept-alive connection is a file: take as many as this account may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(args: argparse.Namespace, moods: Moods) -> None:
    _raise_file_limit()
    _port_is_free(args.host, args.port)
    if args.pix_tls_port:
        _port_is_free(args.host, args.pix_tls_port)
    base_url = f"http://{args.host}:{args.port}"
    world = World(
        directory=args.books,
        base_url=(args.public_url or base_url).rstrip("/"),
        moods=moods,
        allow_reset=args.allow_reset,
    )
    for text in args.account:
        key, url, secret = text.split(",", 2)
        await world.books.write(partial(control.listen, secret_key=key, url=url, secret=secret))
    for text in args.mercadopago:
        token, url, secret = text.split(",", 2)
        await world.books.write(partial(mercadopago.listen, token=token, url=url, secret=secret))
    await pix.open_clients(world, args)
    app = build(world)
    server = Server(
        app,
        address=args.host,
        port=args.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )
    bank = pix.server(world, app, args)
    loops = [asyncio.create_task(Deliveries(world).run()), asyncio.create_task(alarms.run(world))]
    serving = asyncio.create_task(server.serve())
    banking = asyncio.create_task(bank.serve()) if bank else None
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        await _listening(args.host, args.port, serving)
        if banking:
            await _listening(args.host, args.pix_tls_port, banking)
        sys.stdout.write(f"gateway ready {base_url}\n")
        sys.stdout.flush()
        await asyncio.wait([asyncio.create_task(stop.wait()), serving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        world.stopping.set()
        for each in (server, bank):
            if each:
                each.stop()
        await asyncio.wait([task for task in (serving, banking) if task], timeout=STOP_WITHIN_S)
        for loop in loops:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
        await world.books.flush_counts()
        world.books.close()


def _port_is_free(host: str, port: int) -> None:
    """The server shares its port with anybody who also wants to; we do not. Raises SystemExit."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            raise SystemExit(f"gateway: cannot listen on {host}:{port}: {error.strerror}") from error


async def _listening(host: str, port: int, serving: asyncio.Task) -> None:
    """Until a connection is accepted. Raises what stopped the server, for example a port that is taken."""
    for _ in range(START_WITHIN_S * 50):
        if serving.done():
            serving.result()
            raise SystemExit(f"gateway: the server stopped before it listened on {host}:{port}")
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    raise SystemExit(f"gateway: nothing listens on {host}:{port} after {START_WITHIN_S} s")


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="gateway: %(levelname)s %(message)s")
    args = arguments()
    try:
        moods = moods_from(args)
    except ValueError as error:
        raise SystemExit(f"gateway: {error}") from error
    asyncio.run(serve(args, moods))


if __name__ == "__main__":
    main()
