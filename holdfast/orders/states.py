"""The moves of an order (R-C2). `paid` never returns to pending or failed."""

from holdfast.kernel.machine import Machine, edges

ORDER = Machine(
    "order",
    initial=("draft", "payment_pending"),
    edges=edges(
        ("draft", "payment_pending", "checkout placed it"),
        ("draft", "cancelled", "abandoned before it was placed"),
        ("payment_pending", "payment_authorized", "the provider holds the money for us"),
        ("payment_pending", "paid", "the provider confirmed the money"),
        ("payment_pending", "payment_failed", "the provider confirmed that it can no longer take the money"),
        (
            "payment_pending",
            "expired",
            "the payment window passed and the provider closed, or the grace was over",
        ),
        (
            "payment_pending",
            "cancelled",
            "customer or merchant, once the provider cannot take the money any more",
        ),
        ("payment_authorized", "paid", "captured"),
        ("payment_authorized", "cancelled", "voided"),
        ("payment_authorized", "capture_failed", "the capture was declined"),
        ("payment_authorized", "expired", "the authorization lapsed"),
        ("capture_failed", "payment_authorized", "authorized again"),
        ("capture_failed", "paid", "a later capture succeeded"),
        ("capture_failed", "cancelled", "given up"),
        ("paid", "fulfillment_pending", "there is something to hand over"),
        ("paid", "partially_refunded|refunded", "refunded before fulfilment began"),
        ("fulfillment_pending", "partially_fulfilled|fulfilled", "handed over"),
        ("fulfillment_pending", "partially_refunded", "a part was refunded"),
        ("fulfillment_pending", "cancelled_with_refund", "cancelled before anything was handed over"),
        ("partially_fulfilled", "fulfilled", "the rest was handed over"),
        ("partially_fulfilled", "partially_refunded", "a part was refunded"),
        ("partially_fulfilled", "cancelled_with_refund", "the rest was cancelled"),
        ("fulfilled", "partially_refunded|refunded", "refunded after fulfilment"),
        ("fulfilled", "closed", "nothing more is expected"),
        ("partially_refunded", "fulfillment_pending", "the rest is still to be handed over"),
        ("partially_refunded", "refunded", "the rest was refunded"),
        ("partially_refunded", "closed", "nothing more is expected"),
        ("partially_refunded", "paid|fulfilled", "a refund failed after success"),
        ("refunded", "partially_refunded|paid|fulfilled", "a refund failed after success"),
        ("payment_failed", "payment_pending", "another attempt"),
        ("payment_failed", "cancelled", "given up"),
        ("expired", "payment_pending", "another attempt, or late money that is honoured"),
        ("expired", "cancelled", "given up"),
        ("refunded", "closed", "nothing more is expected"),
        ("cancelled_with_refund", "closed", "nothing more is expected"),
    ),
)

#: What a shopper is told (R-C5), when money says nothing else.
PUBLIC = {
    **dict.fromkeys(("draft", "payment_pending", "payment_authorized", "capture_failed"), "pending"),
    **dict.fromkeys(("paid", "fulfillment_pending", "partially_fulfilled", "fulfilled", "partially_refunded"), "paid"),
    **dict.fromkeys(("payment_failed", "expired"), "failed"),
    "cancelled": "cancelled",
    **dict.fromkeys(("cancelled_with_refund", "refunded"), "refunded"),
}
#: States in which the money is durably ours.
PAID = ("paid", "fulfillment_pending", "partially_fulfilled", "fulfilled", "partially_refunded")
