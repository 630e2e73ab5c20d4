"""One connection to PostgreSQL that heals: made when it is needed, dropped when it fails, made again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import asyncpg

from holdfast.kernel.errors import Broken

Answer = TypeVar("Answer")

#: Seconds to connect: a provider repeats within minutes, so a 503 now is better than a long wait.
CONNECT_WITHIN_S = 2.0
#: Seconds for one statement. A flush takes milliseconds; providers give up after 10 to 30 s.
ANSWER_WITHIN_S = 5.0


class DatabaseAway(Broken):
    """The database does not answer. Nothing was lost; send it again in a moment."""


class NotStorable(Broken):
    """The database refuses this event as it stands; somebody here has to look. Send it again later."""


def connect_arguments(database: Mapping[str, Any]) -> dict[str, Any]:
    """asyncpg's arguments for one of Django's descriptions of a database: the same login, role, timeouts and clock."""
    return {
        "host": database["HOST"] or None,
        "port": int(database["PORT"]),
        "user": database["USER"] or None,
        "password": database["PASSWORD"] or None,
        "database": database["NAME"],
        "timeout": CONNECT_WITHIN_S,
        "server_settings": {"options": database["OPTIONS"]["options"], "application_name": "holdfast receiver"},
    }


class Link:
    """One question at a time. After a failure the connection is closed, and the next question opens another."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Callable[[Any], Awaitable[Answer]]) -> Answer:
        """Put one question to an open connection. Raises NotStorable, DatabaseAway (it may have been done all the same)."""
        async with self._turn:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(**self._arguments)
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await question(self._connection)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise NotStorable(f"{NotStorable.__doc__} ({type(error).__name__})") from error
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
                self.drop()
                raise DatabaseAway(f"{DatabaseAway.__doc__} ({type(error).__name__})") from error

    def drop(self) -> None:
        """Close at once, without waiting for a server that may be gone."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
