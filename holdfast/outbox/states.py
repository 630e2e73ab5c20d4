"""The moves of a message."""

from holdfast.kernel.machine import Machine, edges

MESSAGE = Machine(
    "message",
    initial=("pending",),
    edges=edges(
        ("pending", "sent", "delivered"),
        ("pending", "parked", "failed too often: a person decides"),
        ("parked", "pending", "a person retries"),
        ("pending", "dropped", "nobody to send it to any more: the contact was erased"),
    ),
)
