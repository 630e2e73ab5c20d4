"""What a sum of an order's money stands for: to the cent, and the same for the sale and for what undoes it."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.flows import afterwards, paid, shares
from holdfast.ledger.services import Parts
from holdfast.orders.models import Order


def order(net: int = 0, shipping: int = 0, fees: int = 0, tax: int = 0) -> Order:
    named = {"net_minor": net, "shipping_net_minor": shipping, "fees_net_minor": fees, "tax_minor": tax}
    return Order(snapshot={"totals": {"total_minor": net + shipping + fees + tax, **named}})


@pytest.mark.parametrize(
    ("back", "net", "shipping", "tax"),
    [(1000, 703, 138, 159), (2000, 1405, 276, 319), (2990, 2101, 412, 477)],
)
def test_the_example_of_the_ledger_page(back: int, net: int, shipping: int, tax: int) -> None:
    told = shares.of_sale(order(2101, 412, 0, 477), back)
    assert told == Parts(net_minor=net, shipping_minor=shipping, tax_minor=tax)


def test_an_odd_cent_of_equal_shares_goes_to_the_first() -> None:
    """Sale and refund once named the parts in different orders: a part that was captured did not come back to zero."""
    assert shares.of_sale(order(0, 100, 0, 100), 101) == Parts(shipping_minor=51, tax_minor=50)
    for flow in (paid, afterwards):
        assert "shares.of_sale(" in inspect.getsource(flow)


def test_an_order_over_nothing_has_no_parts() -> None:
    assert shares.of_sale(order(), 0) == Parts()


@given(st.tuples(*[st.integers(0, 10**6)] * 4), st.lists(st.integers(0, 10**6), max_size=6))
def test_pieces_sum_to_the_whole(weights: tuple[int, int, int, int], cuts: list[int]) -> None:
    """However it goes back, what went back in all stands for what was sold for it."""
    sold, total = order(*weights), sum(weights)
    wholes = [*sorted(min(cut, total) for cut in cuts), total]
    pieces = [shares.of_sale(sold, b) - shares.of_sale(sold, a) for a, b in zip([0, *wholes], wholes, strict=False)]
    assert [piece.total_minor for piece in pieces] == [b - a for a, b in zip([0, *wholes], wholes, strict=False)]
    net, shipping, fees, tax = weights
    undone = Parts()
    for piece in pieces:
        undone = undone - (Parts() - piece)
    assert undone == Parts(net_minor=net, shipping_minor=shipping, fees_minor=fees, tax_minor=tax)
