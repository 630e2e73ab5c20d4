"""Orders, their lines and their immutable snapshot."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import CurrencyField, DueRow, MinorField, TenantKey, TenantRow, TokenHash
from holdfast.db.laws import AppendOnly, Frozen, Moves, Permanent, Rule
from holdfast.orders.states import ORDER


#: An order has the lines that were accepted with it, and gets no other ones later, whoever writes.
OF_SNAPSHOT = """
  IF NEW.position < 1
     OR NEW.position > (SELECT jsonb_array_length(snapshot->'lines') FROM public.orders_order WHERE id = NEW.order_id) THEN
    {refuse}
  END IF;
  RETURN NEW;
"""


class Order(TenantRow, DueRow):
    """The business record of a purchase. Amounts in minor units of `currency`; the snapshot never changes.

    Placed by checkout from a cart, or for a shop that keeps its own orders (`external_id`, the direct payment API).
    """

    number = models.CharField(max_length=20)
    token_sha256 = TokenHash()
    cart = TenantKey("carts.Cart", null=True)
    external_id = models.CharField(max_length=120, null=True)  # noqa: DJ001 - unique where present
    customer = TenantKey("customers.Customer", null=True)
    contact = TenantKey("customers.Contact", null=True)
    state = models.CharField(max_length=24, default="payment_pending")
    moved = models.JSONField()
    currency = CurrencyField()
    total_minor = MinorField()
    #: The quote as it was accepted: lines, tax with its basis, shipping, rules (see `pricing.quote`).
    snapshot = models.JSONField()
    quote_sha256 = models.CharField(max_length=64)
    placed_at = models.DateTimeField()
    #: The customer pays until then; `due_at` (see DueRow) is when the expiry loop looks.
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "number"], name="orders_number"),
            models.UniqueConstraint(fields=["cart"], name="orders_one_per_checkout"),
            models.UniqueConstraint(fields=["merchant", "external_id"], name="orders_one_per_external_id"),
            models.CheckConstraint(name="orders_total_not_negative", condition=Q(total_minor__gte=0)),
            Moves(ORDER, name="orders_order_moves"),
            Frozen(
                name="orders_order_frozen",
                columns=[
                    "merchant_id", "number", "token_sha256", "cart_id", "external_id", "contact_id",
                    "currency", "total_minor", "snapshot", "quote_sha256", "placed_at",
                ],
                once=["paid_at"],
            ),
            Permanent(name="orders_order_permanent"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="orders_due"),
            models.Index(fields=["merchant", "-placed_at"], name="orders_newest"),
            # Staff search by e-mail: from the contacts to their orders.
            models.Index(fields=["contact"], condition=Q(contact__isnull=False), name="orders_of_contact"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(TenantRow):
    """One line of the snapshot as a row, for fulfilment, refunds by line and statistics. Never changes."""

    order = TenantKey(Order)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8)
    variant_id = models.UUIDField()
    stock_id = models.UUIDField(null=True)
    slot_id = models.UUIDField(null=True)
    name = models.CharField(max_length=300)
    sku = models.CharField(max_length=60)
    quantity = models.PositiveIntegerField()
    places = models.PositiveIntegerField()
    unit_price_minor = MinorField()
    discount_minor = MinorField()
    tax_minor = MinorField()
    total_minor = MinorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="orders_line_position"),
            models.CheckConstraint(name="orders_line_quantity", condition=Q(quantity__gte=1)),
            models.CheckConstraint(name="orders_line_amounts", condition=Q(unit_price_minor__gte=0, total_minor__gte=0)),
            # Positions are unique, so that there are never more rows than lines were accepted.
            Rule(
                name="orders_line_of_snapshot",
                when="BEFORE INSERT",
                sql=OF_SNAPSHOT,
                message="a line stands in the snapshot of its order",
            ),
            AppendOnly(name="orders_line_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"


class Adjustment(TenantRow):
    """What an order costs less than its total, because less was captured than was authorized. The snapshot never changes."""

    order = TenantKey(Order)
    payment_id = models.UUIDField()
    #: Negative: what is not taken, in minor units of the order's currency.
    amount_minor = MinorField()
    cause = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "payment_id"], name="orders_adjusted_once"),
            models.CheckConstraint(name="orders_adjustment_lowers", condition=Q(amount_minor__lt=0)),
            AppendOnly(name="orders_adjustment_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor}"
