"""The moves of a payment (one attempt with one provider), of a refund, of a dispute, and of an operation (one thing asked)."""

from holdfast.kernel.machine import Machine, edges

PAYMENT = Machine(
    "payment",
    initial=("created", "captured"),  # captured: money that came to no open attempt (`late_of`)
    edges=edges(
        ("created", "open", "the provider opened a page or a charge"),
        (
            "created",
            "authorized|captured|failed|expired|cancelled",
            "the provider's first word was already final",
        ),
        ("created", "unknown", "we asked and do not know the answer"),
        ("open", "authorized", "the provider holds the money"),
        ("open", "captured", "the provider took the money"),
        ("open", "failed|expired|cancelled", "the provider can no longer take the money"),
        ("open", "unknown", "the provider's word cannot be read"),
        ("authorized", "captured", "captured"),
        ("authorized", "cancelled|expired", "voided or lapsed"),
        ("authorized", "unknown", "we asked and do not know the answer"),
        ("unknown", "created", "it was never sent"),
        ("unknown", "open|authorized|captured|failed|expired|cancelled", "the provider told"),
    ),
)
#: States in which an attempt may still take money: at most one per order (a partial unique index says so).
IN_FLIGHT = ("created", "open", "authorized", "unknown")
#: The provider confirmed that this attempt can no longer take money.
DEAD = ("failed", "expired", "cancelled")

REFUND = Machine(
    "refund",
    initial=("intended", "pending", "succeeded", "failed"),  # the last three: the provider made it without being asked
    edges=edges(
        ("intended", "pending|succeeded|failed", "the provider's word"),
        ("intended", "not_sent", "it certainly never reached the provider"),
        ("intended", "unknown", "we asked and do not know the answer"),
        ("not_sent", "pending|succeeded|failed|unknown", "asked again with the same key"),
        ("unknown", "pending|succeeded|failed", "the provider told"),
        ("pending", "succeeded|failed", "the provider did it, or cannot"),
        ("succeeded", "failed", "it bounced: the money is the merchant's again"),
    ),
)
#: A refund of which more is expected: it is asked about, and its amount cannot be asked for twice.
REFUND_OPEN = ("intended", "not_sent", "unknown", "pending")

DISPUTE = Machine(
    "dispute",
    initial=("open", "reviewed", "won", "lost"),
    edges=edges(
        ("open", "reviewed", "evidence is in, or none is wanted"),
        ("open", "won|lost", "the bank decided"),
        ("reviewed", "open", "more evidence is wanted"),
        ("reviewed", "won|lost", "the bank decided"),
        ("won", "lost", "decided anew after an appeal"),
        ("lost", "won", "decided anew after an appeal"),
    ),
)

OPERATION = Machine(
    "operation",
    initial=("intended",),
    edges=edges(
        ("intended", "succeeded", "the provider did it"),
        ("intended", "declined", "the provider said no"),
        ("intended", "not_sent", "it certainly never reached the provider"),
        ("intended", "unknown", "no answer, or none that can be read"),
        ("unknown", "succeeded|declined|not_sent", "found out later"),
        ("not_sent", "succeeded|declined|unknown", "asked again with the same key"),
    ),
)
