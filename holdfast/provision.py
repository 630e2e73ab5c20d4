"""Make a database ready on a server of our own: the database, the two roles with logins, and the addresses to use."""

import hashlib
import hmac
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

#: The application's role and the checker's (see holdfast/db/migrations/0001_ground.py for what they may do).
APP, CHECK = "holdfast_app", "holdfast_check"


def provision(server_url: str, name: str, *, secret: str) -> dict[str, str]:
    """Create the database and the roles' logins where they are missing. Safe to repeat.

    `server_url` is the superuser's, to any database. Returns the environment: DATABASE_URL, DATABASE_OWNER_URL and
    DATABASE_CHECK_URL. Passwords of the roles follow from `secret`, so that a second start knows them.
    """
    with psycopg.connect(server_url, autocommit=True) as connection:
        for role in (APP, CHECK):
            _login(connection, role, password(secret, role))
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return addresses(server_url, name, secret=secret)


def addresses(server_url: str, name: str, *, secret: str) -> dict[str, str]:
    """The environment of a provisioned database."""
    return {
        "DATABASE_URL": _address(server_url, name, APP, password(secret, APP)),
        "DATABASE_OWNER_URL": _address(server_url, name),
        "DATABASE_CHECK_URL": _address(server_url, name, CHECK, password(secret, CHECK)),
    }


def password(secret: str, role: str) -> str:
    """The password of a role on our own server."""
    return hmac.new(secret.encode(), f"database:{role}".encode(), hashlib.sha256).hexdigest()


def _login(connection: psycopg.Connection, role: str, word: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if known else "CREATE"
    connection.execute(sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(word)))


def _address(server_url: str, name: str, user: str = "", word: str = "") -> str:
    parts = urlsplit(server_url)
    login = f"{quote(user)}:{quote(word)}" if user else f"{quote(parts.username or '')}:{quote(parts.password or '')}"
    return urlunsplit(("postgresql", f"{login}@{parts.hostname}:{parts.port}", f"/{name}", "", ""))
