"""The moves of a reservation."""

from holdfast.kernel.machine import Machine, edges

RESERVATION = Machine(
    "reservation",
    initial=("held",),
    edges=edges(
        ("held", "committed", "payment confirmed: on-hand falls"),
        ("held", "released", "the order failed or was cancelled"),
        ("held", "expired", "the payment window passed"),
        ("released", "held", "late money, and the goods could be reserved again"),
        ("expired", "held", "late money, and the goods could be reserved again"),
        ("committed", "restocked", "refund or cancellation with restock chosen"),
    ),
)
