"""The moves of a fulfilment: the part of an order that is handed over in one way."""

from holdfast.kernel.machine import Machine, edges

FULFILMENT = Machine(
    "fulfilment",
    initial=("pending",),
    edges=edges(
        ("pending", "partially_done", "a part was handed over"),
        ("pending", "done", "handed over"),
        ("partially_done", "done", "the rest was handed over"),
        ("pending", "parked", "failed too often: a person decides"),
        ("parked", "pending", "a person retries"),
        ("pending", "cancelled", "refunded or cancelled before it was handed over"),
        ("parked", "cancelled", "refunded or cancelled before it was handed over"),
        ("partially_done", "cancelled", "the rest was cancelled"),
    ),
)
