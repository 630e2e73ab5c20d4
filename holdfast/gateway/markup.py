"""The HTML of the hosted pages. Everything that a merchant or payer wrote is escaped."""

from html import escape

from holdfast.gateway import cards
from holdfast.gateway.shapes import words

NO_DECIMALS = frozenset(words("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"))
THREE_DECIMALS = frozenset(words("bhd jod kwd omr tnd"))

STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5b6579; --line: #d9deea; --paper: #fff; --desk: #f3f5fa;
  --act: #1d4ed8; --bad: #b42318; --badpaper: #fef3f2; --onact: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #edf0f7; --soft: #a5aec0; --line: #3a4256; --paper: #1b2030;
  --desk: #11151f; --act: #8ab0ff; --bad: #ffb4ab; --badpaper: #3a1512; --onact: #10131c } }
* { box-sizing: border-box } body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--desk) }
main { max-width: 30rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  margin-bottom: 1rem }
h1 { font-size: 1.125rem; margin: 0 0 .25rem } h2 { font-size: 1rem; margin: 0 0 .5rem }
.badge { font-size: .8125rem; color: var(--soft); margin: 0 0 1rem } .sum { font-size: 2rem; font-weight: 650; margin: 0 }
table { width: 100%; border-collapse: collapse; margin-top: 1rem } td, th { padding: .5rem 0; text-align: left;
  font-weight: 400; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td { text-align: right; white-space: nowrap; padding-left: 1rem } th small { color: var(--soft); display: block }
label { display: block; font-weight: 600; margin-bottom: .25rem }
input { width: 100%; font: inherit; font-size: 1.125rem; padding: .625rem .75rem; border: 1px solid var(--soft);
  border-radius: .5rem; background: var(--paper); color: inherit; font-variant-numeric: tabular-nums }
button { width: 100%; font: inherit; font-weight: 650; padding: .75rem; margin-top: .75rem; border: 0;
  border-radius: .5rem; background: var(--act); color: var(--onact); cursor: pointer; display: block; text-align: center }
button.quiet { background: none; border: 1px solid var(--soft); color: inherit }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.back { display: block; text-align: center; color: var(--soft); padding: .5rem }
.alert { color: var(--bad); background: var(--badpaper); border: 1px solid currentColor; border-radius: .5rem;
  padding: .75rem; margin: 0 0 1rem }
details { color: var(--soft); font-size: .875rem } dl { margin: .5rem 0 0 } summary { padding: .75rem 0; cursor: pointer }
dt button { padding: .5rem; margin-top: .5rem; font-family: ui-monospace, monospace } dd { margin: .125rem 0 .75rem }
"""


def amount(minor: int, currency: str) -> str:
    """`1999, "usd"` → `USD 19.99`."""
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    whole, rest = divmod(minor, 10**places)
    return f"{currency.upper()} {whole:,}" + (f".{rest:0{places}d}" if places else "")


def frame(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        '<p class="badge">Sandbox gateway · no real money moves here</p>'
        f"{body}</main></body></html>"
    )


def pay(session: dict, items: list[dict], *, declined: str = "", card: str = cards.ALL[0].number) -> str:
    sum_ = escape(amount(session["amount_total"], session["currency"]))
    alert = f'<p class="alert" role="alert">{escape(declined)}</p>' if declined else ""
    invalid = ' aria-invalid="true"' if declined else ""
    body = f"""
<section aria-labelledby="order"><h1 id="order">Your order</h1><p class="sum">{sum_}</p>{_items(items)}</section>
<section aria-labelledby="pay"><h2 id="pay">Pay by card</h2>{alert}
<form method="post" action="/pay/{escape(session["id"])}">
<label for="card">Card number</label><p id="hint" class="badge">A test card; others are listed below.</p>
<input id="card" name="card" inputmode="numeric" autocomplete="off" required value="{escape(card)}"
 aria-describedby="hint"{invalid}>
<button>Pay {sum_}</button>{_back(session)}{_magic()}</form></section>"""
    return frame(f"Pay {amount(session['amount_total'], session['currency'])}", body)


def _items(items: list[dict]) -> str:
    def row(item: dict) -> str:
        count = f"<small>{item['quantity']} × {escape(_unit(item))}</small>" if item["quantity"] > 1 else ""
        total = escape(amount(item["amount_total"], item["currency"]))
        return f'<tr><th scope="row">{escape(item["description"])}{count}</th><td>{total}</td></tr>'

    return f"<table>{''.join(map(row, items))}</table>"


def _unit(item: dict) -> str:
    return amount(item["price"]["unit_amount"], item["currency"])


def _back(session: dict) -> str:
    if not session["cancel_url"]:
        return ""
    return f'<a class="back" href="{escape(session["cancel_url"])}">Cancel and go back</a>'


def _magic() -> str:
    """Each pays at one press: its button comes after the text field, and the last `card` of a form counts."""

    def row(card: cards.Card) -> str:
        spaced = " ".join(card.number[i : i + 4] for i in range(0, 16, 4))
        button = f'<button class="quiet" name="card" value="{card.number}">{spaced}</button>'
        return f"<dt>{button}</dt><dd>{escape(card.title)}</dd>"

    rows = "".join(map(row, cards.ALL))
    return f"<details><summary>Pay with another test card</summary><dl>{rows}</dl></details>"


def challenge(session: dict) -> str:
    action = f"/pay/{escape(session['id'])}/3ds"
    sum_ = escape(amount(session["amount_total"], session["currency"]))
    body = f"""
<section aria-labelledby="ask"><h1 id="ask">Your bank asks: is this you?</h1>
<p>3-D Secure check for a payment of {sum_}.</p>
<form method="post" action="{action}"><button name="answer" value="approve">Yes, approve</button>
<button class="quiet" name="answer" value="fail">No, fail the check</button></form></section>"""
    return frame("3-D Secure", body)


def closed(session: dict) -> str:
    if session["status"] == "complete":
        return notice("This order is complete", "The payment was handed over; there is nothing left to pay here.")
    return notice("This payment page has expired", "Nothing was charged. Go back to the shop to start again.", _back(session))


def notice(title: str, text: str, more: str = "") -> str:
    return frame(title, f"<section><h1>{escape(title)}</h1><p>{escape(text)}</p>{more}</section>")
