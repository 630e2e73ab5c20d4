"""Reads of merchants, keys and accounts."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from holdfast.db import reads
from holdfast.db.moves import lock
from holdfast.db.tenancy import ask_unscoped, unscoped
from holdfast.kernel.errors import NotFound, Refused, Unauthorized
from holdfast.merchants.credentials import unseal
from holdfast.merchants.models import Account, Merchant
from holdfast.providers.contract import AccountHandle

#: The direct gateway charges without asking anybody: only a merchant's server may use it (the direct payment API).
NOT_FOR_SHOPPERS = ("sandbox",)


class UnknownKey(Unauthorized):
    """The API key is missing, wrong or revoked. Send it as `Authorization: Bearer pk_…` or `sk_…`."""


class ProviderNotOffered(Refused):
    """This merchant does not take payments with that provider."""


@dataclass(frozen=True)
class KeyHolder:
    """Who asks: a merchant's software, with which kind of key."""

    merchant_id: UUID
    key_id: UUID
    kind: str


def key_holder(token: str) -> KeyHolder:
    """Whose API key this is. Needs no tenant. Raises UnknownKey."""
    rows = ask_unscoped("SELECT merchant_id, id, kind FROM holdfast_find_key(%s)", token_hash(token))
    if not rows:
        raise UnknownKey
    return KeyHolder(*rows[0])


def of_host(host: str) -> UUID | None:
    """The merchant whose shop browsers reach under this name. Needs no tenant."""
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT holdfast_find_host(%s)", [host.lower()])
        row = cursor.fetchone()
    return row[0] if row else None


def token_hash(token: str) -> str:
    """sha256 of a bearer token, in hex: what the database keeps of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def of_account(provider: str, account_id: UUID) -> UUID:
    """The merchant of an enabled account with a provider. Needs no tenant. Raises NotFound."""
    rows = ask_unscoped("SELECT merchant_id FROM holdfast_find_account(%s, %s)", provider, account_id)
    if not rows:
        raise NotFound(f"There is no such account with {provider!r}.")
    merchant_id: UUID = rows[0][0]
    return merchant_id


def current(merchant_id: UUID) -> Merchant:
    """The merchant of this transaction."""
    merchant = reads.first(Merchant, "WHERE id = %s", merchant_id)
    if merchant is None:
        raise NotFound("There is no such merchant.")
    return merchant


def account_for(provider: str, *, shopper: bool = False) -> Account:
    """The merchant's enabled account with a provider, the oldest where there are several. Raises ProviderNotOffered.

    Once a merchant takes live money anywhere, no test account takes orders; a shopper never chooses the direct gateway.
    """
    enabled = reads.rows(Account, "WHERE enabled ORDER BY id")
    live = any(row.mode == Account.Mode.LIVE for row in enabled)
    offered = [row for row in enabled if row.provider == provider and (row.mode == Account.Mode.LIVE or not live)]
    if not offered or (shopper and provider in NOT_FOR_SHOPPERS):
        raise ProviderNotOffered(f"This merchant does not take payments with {provider!r}.")
    return offered[0]


def account(account_id: UUID) -> Account:
    """An account of this merchant, also a disabled one: money already on its way still has to be asked about."""
    return Account.objects.get(pk=account_id)


def lock_account(account_id: UUID) -> Account:
    """An account under its lock: nobody else records what came into it meanwhile. Raises NotFound, Busy."""
    return lock(Account.objects.all(), account_id, "account")


def accounts(account_ids: Iterable[UUID]) -> dict[UUID, Account]:
    """Accounts of this merchant by id."""
    return {row.pk: row for row in reads.rows(Account, "WHERE id = ANY(%s::uuid[])", [*account_ids])}


def handle(row: Account) -> AccountHandle:
    """What an adapter needs of an account, with its credentials opened."""
    return AccountHandle(
        id=row.pk, provider=row.provider, live=row.mode == Account.Mode.LIVE, credentials=unseal(bytes(row.sealed))
    )


def providers_offered() -> list[str]:
    """Names of the providers this merchant's customers can pay with."""
    enabled = Account.objects.filter(enabled=True).exclude(provider__in=NOT_FOR_SHOPPERS)
    return sorted(set(enabled.values_list("provider", flat=True)))


# -- For staff --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A merchant that a login works for, and as what."""

    merchant_id: UUID
    name: str
    role: str


def memberships(user_id: UUID) -> list[Member]:
    """Whom an active staff login works for, by name. Needs no tenant."""
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT merchant_id, name, role FROM holdfast_find_memberships(%s)", [user_id])
        return [Member(*row) for row in cursor.fetchall()]


def account_ids() -> list[UUID]:
    """All accounts of this merchant, also disabled ones."""
    return list(Account.objects.order_by("id").values_list("pk", flat=True))
