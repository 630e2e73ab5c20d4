"""What a sum of an order's money stands for. One function, because the sale and what undoes it must agree to the cent."""

from holdfast.kernel.money import allocate
from holdfast.ledger.services import Parts
from holdfast.orders.models import Order


def of_sale(order: Order, amount_minor: int) -> Parts:
    """The goods, shipping, fees and tax in `amount_minor` of an order's money, in proportion to its total.

    The odd cents go to the largest remainders, and of equal ones to the first: here, always in the same order.
    """
    totals = order.snapshot["totals"]
    weights = [totals.get(name, 0) for name in ("net_minor", "shipping_net_minor", "fees_net_minor", "tax_minor")]
    net, shipping, fees, tax = allocate(amount_minor, weights) if sum(weights) else (0, 0, 0, 0)
    return Parts(net_minor=net, shipping_minor=shipping, fees_minor=fees, tax_minor=tax)
