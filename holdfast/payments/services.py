"""Writes of payments. Callers hold the order's lock; what we know of money only grows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db import due, payloads, writes
from holdfast.db.moves import Cause, move
from holdfast.kernel import limits
from holdfast.kernel.ids import new_id
from holdfast.payments.facts import Facts
from holdfast.payments.models import Fact, Operation, Payment, Refund
from holdfast.payments.states import OPERATION, PAYMENT

#: Outcomes of an operation that nothing changes any more.
FINAL = ("succeeded", "declined")


def start(
    *,
    id: UUID,
    merchant_id: UUID,
    order_id: UUID,
    account_id: UUID,
    provider: str,
    amount_minor: int,
    currency: str,
    capture: str,
    expires_at: datetime,
    metadata_sha256: str,
    cause: Cause,
    now: datetime,
    method: str = "",
) -> Payment:
    """A new attempt. The database allows one in flight per order (`payments_one_in_flight`)."""
    payment = Payment(
        id=id,
        merchant_id=merchant_id,
        order_id=order_id,
        account_id=account_id,
        provider=provider,
        method=method,
        amount_minor=amount_minor,
        currency=currency,
        capture=capture,
        expires_at=expires_at,
        metadata_sha256=metadata_sha256,
        moved=cause.as_json(),
        created_at=now,
    )
    writes.insert(payment)
    return payment


def intend(
    payment: Payment,
    *,
    kind: str,
    request: Mapping[str, Any],
    now: datetime,
    id: UUID | None = None,
    key: str = "",
    refund: Refund | None = None,
) -> Operation:
    """Commit to asking the provider something: the key and the exact request are on disk before it is asked.

    The key comes from the attempt's or the refund's own id, so that no retry can mean a second one. A capture that was declined
    may be tried again: it brings a `key` of its own.
    """
    exact = payloads.store(payment.merchant_id, "request", payloads.canonical(request))
    operation = Operation(
        id=id or new_id(),
        merchant_id=payment.merchant_id,
        payment=payment,
        refund=refund,
        kind=kind,
        key=key or operation_key(refund.pk if refund else payment.pk, kind),
        request_id=exact.id,
        request_sha256=exact.sha256,
        intended_at=now,
        due_at=due.after(limits.RECOVERY_AFTER),
    )
    writes.insert(operation)
    return operation


def operation_key(subject_id: UUID, kind: str) -> str:
    """`<payment hex>:open`, `<refund hex>:refund`: one per attempt or refund and kind."""
    return f"{subject_id.hex}:{kind}"


def settle(operation: Operation, outcome: str, *, error: str = "", now: datetime) -> None:
    """Note how a try of an operation ended. succeeded and declined are final; the others are asked about again.

    A try that was certainly not sent says nothing about an earlier one that stayed without an answer. When another process has
    settled it since it was read, that stands.
    """
    if operation.state in FINAL:
        return
    if operation.state == "unknown" and outcome == "not_sent":
        outcome = "unknown"
    if operation.state != outcome:
        OPERATION.check(operation.state, outcome)
    final = outcome in FINAL
    writes.change(
        operation,
        was=operation.state,
        or_leave=True,
        state=outcome,
        error=error[:2000],
        answered_at=now if final else None,
        due_at=None if final else due.after(limits.backoff(operation.attempts + 1)),
    )


def go(payment: Payment, target: str, *, cause: Cause, **changes: Any) -> None:
    """Move an attempt along its table; once nothing more can come, it is no longer asked about."""
    pause = None if target in ("captured", "failed", "expired", "cancelled") else due.after(limits.poll_after(0))
    move(payment, target, machine=PAYMENT, cause=cause, **{"due_at": pause, "attempts": 0, **changes})


def learn(payment: Payment, **known: Any) -> None:
    """Note what the provider told of an attempt besides its state (its id, where to pay, its own word)."""
    changed = {name: value for name, value in known.items() if getattr(payment, name) != value}
    if changed:
        writes.change(payment, **changed)


def record_fact(
    payment: Payment,
    facts: Facts,
    *,
    kind: str,
    object_id: str,
    amount_minor: int,
    currency: str,
    source: str,
    event_id: UUID | None,
    occurred_at: datetime,
    now: datetime,
) -> int:
    """What the provider confirmed of one object so far. Returns by how much our knowledge grew (0: nothing new)."""
    known = facts.find(payment, kind, object_id)
    if known is None:
        known = Fact(
            merchant_id=payment.merchant_id,
            payment=payment,
            account_id=payment.account_id,
            kind=kind,
            object_id=object_id,
            amount_minor=amount_minor,
            currency=currency,
            source=source,
            event_id=event_id,
            occurred_at=occurred_at,
            learned_at=now,
        )
        writes.insert(known)
        facts.add(known)
        return amount_minor
    growth = amount_minor - known.amount_minor
    if growth <= 0:
        return 0
    writes.change(known, amount_minor=amount_minor)
    return growth


def late_money(dead: Payment, *, object_id: str, amount_minor: int, cause: Cause, now: datetime) -> Payment:
    """Money that came for an attempt which had ended is a payment of its own, known by the provider's object."""
    known = Payment.objects.filter(account_id=dead.account_id, provider_id=object_id).first()
    if known is not None:
        return known
    payment = Payment(
        id=new_id(),
        merchant_id=dead.merchant_id,
        order_id=dead.order_id,
        account_id=dead.account_id,
        provider=dead.provider,
        method=dead.method,
        provider_id=object_id,
        amount_minor=amount_minor,
        currency=dead.currency,
        capture=dead.capture,
        state="captured",
        captured_minor=amount_minor,
        moved=cause.as_json(),
        late_of=dead,
        metadata_sha256=dead.metadata_sha256,
        expires_at=dead.expires_at,
        created_at=now,
    )
    writes.insert(payment)
    return payment


def surplus(payment: Payment, *, now: datetime) -> None:
    """Its order has no place for this money: it goes back."""
    if payment.surplus_at is None:
        writes.change(payment, surplus_at=now)


def supersede(payment: Payment, *, now: datetime) -> None:
    """Another attempt may begin beside this one in doubt; it is asked about all the same."""
    if payment.superseded_at is None:
        writes.change(payment, superseded_at=now)


def ask_again(payment_id: UUID, *, attempts: int) -> None:
    """Plan the next question about an attempt in doubt."""
    Payment.objects.filter(pk=payment_id, due_at__isnull=False).update(due_at=due.after(limits.poll_after(attempts)))


def ask_now(payment: Payment, *, now: datetime) -> None:
    """Somebody looks at an attempt in doubt: ask at once, but not more often than `limits.REFRESH_EVERY`."""
    if payment.last_asked_at is None or now - payment.last_asked_at >= limits.REFRESH_EVERY:
        Payment.objects.filter(pk=payment.pk, due_at__isnull=False).update(due_at=due.DatabaseNow(), last_asked_at=now)


def rest_operation(operation_id: UUID, *, attempts: int) -> None:
    """Recovery has nothing to do here; what has no outcome is looked at again, ever more rarely."""
    rows = Operation.objects.filter(pk=operation_id)
    rows.filter(state__in=FINAL).update(due_at=None)
    rows.exclude(state__in=FINAL).update(due_at=due.after(limits.backoff(attempts)))
