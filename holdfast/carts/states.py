"""The moves of a cart. `locked` is for good: going back opens a new cart with the same content."""

from holdfast.kernel.machine import Machine, edges

CART = Machine(
    "cart",
    initial=("active",),
    edges=edges(
        ("active", "locked", "checkout"),
        ("active", "merged", "its lines went into the cart of the customer who logged in"),
        ("active", "abandoned", "nobody touched it for long, or a newer one replaced it"),
    ),
)
