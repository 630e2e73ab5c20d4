"""Asking a server, as its owner."""

import psycopg

from holdfast.embedded import Server

#: The data are thrown away: nothing needs to reach the disk.
THROWN_AWAY = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}


def ask(server: Server, question: str) -> list[tuple]:
    with psycopg.connect(server.url(), connect_timeout=5) as connection:
        return connection.execute(question).fetchall()


def tell(server: Server, *statements: str) -> None:
    with psycopg.connect(server.url(), connect_timeout=5) as connection:
        for statement in statements:
            connection.execute(statement)
