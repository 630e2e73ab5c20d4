"""The HTML of the hosted pages. Everything that a merchant or payer wrote is escaped."""

from html import escape

from holdfast.gateway import cards
from holdfast.gateway.markup import frame, notice
from holdfast.gateway.mercadopago import words

#: Why a card was refused, as the page says it.
REASONS = {
    "cc_rejected_insufficient_amount": "The card has not enough funds.",
    "cc_rejected_bad_filled_date": "Check the date on which the card expires.",
    "cc_rejected_3ds_challenge": "Your bank did not confirm that it was you.",
}


def money(minor: int, currency: str) -> str:
    """`1999, "BRL"` → `BRL 19.99`."""
    places = words.CURRENCIES[currency]
    whole, rest = divmod(minor, 10**places)
    return f"{currency} {whole:,}" + (f".{rest:0{places}d}" if places else "")


def checkout(preference: dict, total: str, *, declined: str = "", card: str = cards.ALL[0].number, again: bool = False) -> str:
    """`again`: this address was paid already, and takes one more payment, as Mercado Pago's does."""
    sum_ = escape(total)
    alert = f'<p class="alert" role="alert">{escape(declined)}</p>' if declined else ""
    invalid = ' aria-invalid="true"' if declined else ""
    paid = '<p class="alert" role="status">This was paid already. Pressing the button pays once more.</p>' if again else ""
    body = f"""
<section aria-labelledby="order"><h1 id="order">Your order</h1><p class="sum">{sum_}</p>{_items(preference)}</section>
<section aria-labelledby="pay"><h2 id="pay">Pay by card</h2>{paid}{alert}
<form method="post" action="/checkout/v1/redirect?pref_id={escape(preference["id"])}">
<label for="card">Card number</label><p id="hint" class="badge">A test card; others are listed below.</p>
<input id="card" name="card" inputmode="numeric" autocomplete="off" required value="{escape(card)}"
 aria-describedby="hint"{invalid}>
<button>Pay {sum_}</button>{_back(preference)}{_magic()}</form></section>"""
    return frame(f"Pay {total}", body)


def _items(preference: dict) -> str:
    def row(item: dict) -> str:
        currency = item["currency_id"]
        price = words.minor(item["unit_price"], currency) or 0
        count = f"<small>{item['quantity']} × {escape(money(price, currency))}</small>" if item["quantity"] > 1 else ""
        line = escape(money(price * item["quantity"], currency))
        return f'<tr><th scope="row">{escape(str(item["title"]))}{count}</th><td>{line}</td></tr>'

    return f"<table>{''.join(map(row, preference['items']))}</table>"


def _back(preference: dict) -> str:
    failure = preference["back_urls"].get("failure")
    return f'<a class="back" href="{escape(failure)}">Go back to the shop</a>' if failure else ""


def _magic() -> str:
    def row(card: cards.Card) -> str:
        spaced = " ".join(card.number[i : i + 4] for i in range(0, 16, 4))
        button = f'<button class="quiet" name="card" value="{card.number}">{spaced}</button>'
        return f"<dt>{button}</dt><dd>{escape(card.title)}</dd>"

    rows = "".join(row(card) for card in cards.ALL if card.does != "challenge")
    return f"<details><summary>Pay with another test card</summary><dl>{rows}</dl></details>"


def expired(preference: dict) -> str:
    return notice("This payment page has expired", "Go back to the shop to start again.", _back(preference))


def lost() -> str:
    return notice("There is no such payment page", "Check the address, or go back to the shop.")


def ticket(payment: dict) -> str:
    """The page of a Pix: its code, and a button that pays it as if with a phone."""
    total = money(words.minor(payment["transaction_amount"], payment["currency_id"]) or 0, payment["currency_id"])
    if payment["status"] != "pending":
        text = "Thank you. You can close this page." if payment["status"] == "approved" else "Nothing can be paid here any more."
        return notice(f"This Pix is {payment['status'].replace('_', ' ')}", text)
    data = payment["point_of_interaction"]["transaction_data"]
    action = f"/mercadopago/payments/{payment['id']}/ticket"
    body = f"""
<section aria-labelledby="pix"><h1 id="pix">Pay with Pix</h1><p class="sum">{escape(total)}</p>
<p><img src="data:image/png;base64,{escape(data["qr_code_base64"])}" alt="QR code of this Pix" width="220" height="220"></p>
<label for="code">Copy and paste</label><input id="code" readonly value="{escape(data["qr_code"])}">
<form method="post" action="{action}"><button name="answer" value="pay">Pay as if with a phone</button>
<button class="quiet" name="answer" value="cancel">Cancel this Pix</button></form></section>"""
    return frame(f"Pix {total}", body)
