"""The bank's options, and its second port: the same application behind TLS, for clients with a certificate of its CA only."""

import argparse
from functools import partial
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server

from holdfast.gateway.pix import callbacks, certificates, clients
from holdfast.gateway.tx import Tx


def add_arguments(parser: argparse.ArgumentParser) -> None:
    client_help = "CLIENT_ID,CLIENT_SECRET,KEY,WEBHOOK_URL of a receiver at the bank of API Pix; repeatable"
    parser.add_argument("--pix-client", action="append", default=[], help=client_help)
    parser.add_argument("--pix-tls-port", type=int, default=0, help="serve on this port too, with TLS and client certificates")
    folder_help = "where the throw-away certificates are, or are made; default pix-tls in the books"
    parser.add_argument("--pix-tls-folder", type=Path, help=folder_help)


async def open_clients(world, args: argparse.Namespace) -> None:
    """Raises SystemExit for an option that cannot be read."""
    for text in args.pix_client:
        parts = text.split(",", 3)
        if len(parts) != 4:
            raise SystemExit("gateway: --pix-client is CLIENT_ID,CLIENT_SECRET,KEY,WEBHOOK_URL")
        try:
            await world.books.write(partial(_open, parts=parts))
        except clients.Refused as error:
            raise SystemExit(f"gateway: --pix-client {parts[0]}: {error}") from error


def _open(tx: Tx, *, parts: list[str]) -> None:
    client_id, secret, chave, url = parts
    account = clients.open_account(tx, client_id=client_id, secret=secret)
    if not clients.owns(tx, account=account, chave=chave):
        raise clients.Refused(400, f"the key {chave} is another account's")
    callbacks.listen(tx, account=account, chave=chave, url=url)


def server(world, app, args: argparse.Namespace) -> Server | None:
    """The second server, where a port for it was named. Then the bank also shows its certificate to those whom it calls."""
    if not args.pix_tls_port:
        return None
    folder = args.pix_tls_folder or args.books / "pix-tls"
    certificates.make(folder)
    world.pix_tls = certificates.as_the_bank(folder)
    return Server(
        app,
        address=args.host,
        port=args.pix_tls_port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
        ssl_cert=folder / "bank.pem",
        ssl_key=folder / "bank.key",
        ssl_ca=folder / "ca.pem",
        ssl_client_verify=True,
        ssl_protocol_min=SSLProtocols.tls12,
    )
