"""What becomes of a payment: approved, rejected, held for a look, paid late, cancelled."""

from holdfast.gateway import cards
from holdfast.gateway.mercadopago import notices, store, words
from holdfast.gateway.mercadopago.problems import wrong_state
from holdfast.gateway.tx import Tx

RELEASED_AFTER_S = 14 * 24 * 60 * 60
#: In hundredths of a per cent.
FEES = {"pix": 99, "card": 499}
REJECTIONS = {
    "insufficient_funds": "cc_rejected_insufficient_amount",
    "expired_card": "cc_rejected_bad_filled_date",
}
#: States in which nothing is decided, and those in which money was taken (whatever became of it later).
OPEN = ("pending", "in_process", "authorized")
TAKEN = ("approved", "in_mediation", "charged_back", "refunded")


def present(tx: Tx, payment: dict, card: cards.Card, *, account: str, capture: bool = True, review: bool = False) -> dict:
    """A payer presents a card. `review`: Mercado Pago wants to look at it first, as it may even in binary mode."""
    mute = card.muted or card.does == "silence"
    store.keep_private(tx, store.PAYMENT, payment["id"], card=card.number, mute=mute)
    payment["card"] = {"first_six_digits": card.number[:6], "last_four_digits": card.last4, "cardholder": {"name": "APRO"}}
    slow = card.does in ("settle", "fail_later", "silence")
    if card.does in ("decline", "challenge") or (slow and payment["binary_mode"] and not review):
        payment |= {"status": "rejected", "status_detail": _rejection(card)}
    elif slow or review:
        _hold(tx, payment, card)
    elif not capture:
        payment |= {"status": "authorized", "status_detail": "pending_capture", "captured": False}
    else:
        take(tx, payment)
    store.touch(tx, payment)
    notices.of_payment(tx, payment, account=account, action="created", mute=mute)
    if payment["status"] == "approved":
        _what_comes_later(tx, payment, card)
    return payment


def _rejection(card: cards.Card) -> str:
    if card.does == "challenge":  # There is nobody here to answer the bank.
        return "cc_rejected_3ds_challenge"
    return REJECTIONS.get(card.decline_code or card.code, "cc_rejected_other_reason")


def _hold(tx: Tx, payment: dict, card: cards.Card) -> None:
    payment |= {"status": "in_process", "status_detail": "pending_review_manual"}
    if card.does in ("settle", "fail_later"):
        action = "settle" if card.does == "settle" else "fail"
        tx.set_alarm(f"{store.ALARM}{payment['id']}", action, tx.world.moods.settings["async_after_s"])


def take(tx: Tx, payment: dict) -> None:
    """The money is the account's, less the fee."""
    currency = payment["currency_id"]
    minor = words.minor(payment["transaction_amount"], currency) or 0
    fee = fee_of(minor, payment["payment_method_id"])
    payment |= {
        "status": "approved",
        "status_detail": "accredited",
        "captured": True,
        "date_approved": words.written(tx.now),
        "money_release_date": words.written(tx.now + RELEASED_AFTER_S),
        "fee_details": [{"type": "mercadopago_fee", "amount": words.amount(fee, currency), "fee_payer": "collector"}],
    }
    payment["transaction_details"]["net_received_amount"] = words.amount(minor - fee, currency)


def fee_of(minor: int, method: str) -> int:
    """Half up."""
    return (minor * FEES["pix" if method == "pix" else "card"] + 5000) // 10_000


def _what_comes_later(tx: Tx, payment: dict, card: cards.Card | None) -> None:
    later = (card.after if card else "") or tx.world.moods.for_money("payment")
    if later in ("dispute", "dashboard_refund"):
        tx.world.count_mood(later, "payment")
        tx.set_alarm(f"{store.ALARM}{payment['id']}", later, tx.world.moods.settings["async_after_s"])


def settle(tx: Tx, payment: dict, *, succeeded: bool) -> dict:
    """The end of a review, or a Pix that is paid; heard even where nothing was before. Raises Problem."""
    if payment["status"] not in ("pending", "in_process"):
        raise wrong_state()
    return _decide(tx, payment, succeeded=succeeded)


def pay_late(tx: Tx, payment: dict) -> dict:
    """A Pix whose time was over is paid all the same: the payer's bank had it on its way. Raises Problem."""
    if payment["payment_method_id"] != "pix" or payment["status"] not in (*OPEN, "cancelled"):
        raise wrong_state()
    tx.world.count("mercadopago pix paid late")
    return _decide(tx, payment, succeeded=True)


def _decide(tx: Tx, payment: dict, *, succeeded: bool) -> dict:
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    _stop_alarms(tx, payment)
    store.keep_private(tx, store.PAYMENT, payment["id"], mute=False)
    if succeeded:
        take(tx, payment)
    else:
        payment |= {"status": "rejected", "status_detail": "cc_rejected_other_reason"}
    store.touch(tx, payment)
    notices.of_payment(tx, payment, account=account, action="updated")
    if succeeded:
        _what_comes_later(tx, payment, None)
    return payment


def cancel(tx: Tx, payment: dict, *, detail: str) -> dict:
    """`by_collector`, `by_payer` or `expired`. Raises Problem."""
    if payment["status"] not in OPEN:
        raise wrong_state()
    _stop_alarms(tx, payment)
    payment |= {"status": "cancelled", "status_detail": detail}
    store.touch(tx, payment)
    tell(tx, payment)
    return payment


def tell(tx: Tx, payment: dict) -> None:
    """That it was updated."""
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    mute = store.private(tx, store.PAYMENT, payment["id"]).get("mute", False)
    notices.of_payment(tx, payment, account=account, action="updated", mute=mute)


def _stop_alarms(tx: Tx, payment: dict) -> None:
    for action in ("expire", "settle", "fail"):
        tx.stop_alarm(f"{store.ALARM}{payment['id']}", action)
