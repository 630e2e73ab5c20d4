"""The moves of a redemption."""

from holdfast.kernel.machine import Machine, edges

REDEMPTION = Machine(
    "redemption",
    initial=("reserved",),
    edges=edges(
        ("reserved", "redeemed", "payment confirmed"),
        ("reserved", "released", "the order failed, expired or was cancelled"),
        ("released", "reserved", "another attempt, or late money, and it could be had again"),
    ),
)
