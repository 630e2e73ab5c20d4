"""Whose webhook it is: accounts with their opened credentials, remembered for a moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from holdfast.kernel.errors import Broken
from holdfast.merchants.credentials import unseal
from holdfast.receiver.link import Link

FIND = "SELECT merchant_id, sealed FROM holdfast_find_account($1, $2)"

#: A rotated secret, or an account switched off, is known everywhere after this.
KNOWN_FOR_S = 30.0
#: An address that is no account is asked about again after this: a new account should not wait for long.
UNKNOWN_FOR_S = 5.0
#: A signature that does not hold may mean a rotated secret; so the account is looked up again, but not more often.
AGAIN_AFTER_S = 1.0
#: Addresses remembered. Anybody can invent some, so the oldest make room.
MAX_REMEMBERED = 10_000
#: Look-ups waiting for the database. Whoever floods us with invented addresses must not grow this queue.
MAX_LOOKUPS = 256


class TooManyLookups(Broken):
    """Too many webhooks for accounts that nobody knows are waiting. Send it again in a moment."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A merchant's account with a provider, as the receiver needs it. `credentials` are opened: never log this object."""

    merchant_id: UUID
    id: UUID
    provider: str
    credentials: Mapping[str, Any] = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up said, and when."""

    account: Account | None
    at: float

    def is_fresh(self) -> bool:
        return monotonic() - self.at < (KNOWN_FOR_S if self.account else UNKNOWN_FOR_S)


class Accounts:
    """Look-ups by (provider, account id); several requests for the same one share a question."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._found: OrderedDict[tuple[str, UUID], Found] = OrderedDict()
        self._asking: dict[tuple[str, UUID], asyncio.Task[Found]] = {}

    async def find(self, provider: str, account_id: UUID) -> Account | None:
        """The account, or None. Raises DatabaseAway, TooManyLookups, NotOpened, NoEncryptionKey."""
        found = self._found.get((provider, account_id))
        if found is None or not found.is_fresh():
            found = await self._ask(provider, account_id)
        return found.account

    async def find_again(self, account: Account) -> Account | None:
        """The account if it has changed since, for example by a rotated secret; None if not. Asks at most once a second."""
        found = self._found.get((account.provider, account.id))
        if found is None or monotonic() - found.at >= AGAIN_AFTER_S:
            found = await self._ask(account.provider, account.id)
        changed = found.account is not None and found.account.sealed != account.sealed
        return found.account if changed else None

    async def _ask(self, provider: str, account_id: UUID) -> Found:
        name = (provider, account_id)
        task = self._asking.get(name)
        if task is None:
            if len(self._asking) >= MAX_LOOKUPS:
                raise TooManyLookups
            task = self._asking[name] = asyncio.create_task(self._look_up(provider, account_id))
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        # Shielded: a client that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    async def _look_up(self, provider: str, account_id: UUID) -> Found:
        row = await self._link.ask(lambda connection: connection.fetchrow(FIND, provider, account_id))
        account = None
        if row is not None:
            account = Account(
                merchant_id=row["merchant_id"],
                id=account_id,
                provider=provider,
                credentials=unseal(row["sealed"]),
                sealed=row["sealed"],
            )
        found = Found(account, monotonic())
        self._found[provider, account_id] = found
        self._found.move_to_end((provider, account_id))
        while len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)
        return found
