"""Carts and their lines, with the lock that the database keeps."""

from django.db import models
from django.db.models import Q

from holdfast.carts.states import CART
from holdfast.db.fields import CurrencyField, DueRow, MinorField, TenantKey, TenantRow, TokenHash
from holdfast.db.laws import Frozen, Moves, Rule

#: The line's cart, and the one it is moved out of, must be active. The row is locked before the question: a checkout in progress
#: decides first, and the question sees what it decided. Names are qualified, so that no temporary table can stand in.
LINE_OF_LOCKED_CART = """
  PERFORM 1 FROM public.carts_cart WHERE id IN (OLD.cart_id, NEW.cart_id) FOR SHARE;
  IF EXISTS (SELECT 1 FROM public.carts_cart WHERE id IN (OLD.cart_id, NEW.cart_id) AND state <> 'active') THEN
    {refuse}
  END IF;
  RETURN coalesce(NEW, OLD);
"""
LOCKED_CART = """
  IF OLD.state <> 'active' AND (NEW.region, NEW.currency, NEW.version, NEW.customer_id, NEW.coupon, NEW.shipping_method,
                              NEW.merged_into_id)
     IS DISTINCT FROM (OLD.region, OLD.currency, OLD.version, OLD.customer_id, OLD.coupon, OLD.shipping_method,
                            OLD.merged_into_id) THEN
    {refuse}
  END IF;
  RETURN NEW;
"""


class Cart(TenantRow, DueRow):
    """A shopper's intent. A guest's is reached by its token, a member's by the login."""

    token_sha256 = TokenHash()
    customer = TenantKey("customers.Customer", null=True)
    state = models.CharField(max_length=10, default="active")
    moved = models.JSONField()
    currency = CurrencyField()
    #: Where it goes: decides tax and shipping before there is an address.
    region = models.CharField(max_length=2)
    #: A promotion's code in its normal form, and the key of a way of shipping; empty for none, and for the cheapest.
    coupon = models.CharField(max_length=40, blank=True, db_default="", default="")
    shipping_method = models.CharField(max_length=40, blank=True, db_default="", default="")
    #: Counts changes; what is paid for is exactly the version that was quoted.
    version = models.PositiveIntegerField(default=1)
    #: The cart this one was reopened from.
    copy_of = TenantKey("carts.Cart", null=True)
    #: Where its lines went when its guest turned out to be a customer who has a cart.
    merged_into = TenantKey("carts.Cart", null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "customer"],
                condition=Q(state="active"),
                name="carts_one_active_per_customer",
            ),
            models.UniqueConstraint(fields=["copy_of"], condition=Q(state="active"), name="carts_one_active_copy"),
            Moves(CART, name="carts_cart_moves"),
            Frozen(name="carts_cart_frozen", columns=["merchant_id", "token_sha256", "copy_of_id"]),
            Rule(
                name="carts_cart_locked",
                when="BEFORE UPDATE",
                sql=LOCKED_CART,
                message="a cart in checkout is locked",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="carts_due")]

    def __str__(self) -> str:
        return str(self.id)


class CartLine(TenantRow):
    """A variant, perhaps on a slot, with the unit price as it was when the line was last priced."""

    app_rights = "SELECT, INSERT, UPDATE, DELETE"

    cart = TenantKey(Cart)
    variant = TenantKey("catalog.Variant")
    slot = TenantKey("inventory.Slot", null=True)
    quantity = models.PositiveIntegerField()
    unit_price_minor = MinorField()
    priced_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cart", "variant", "slot"], nulls_distinct=False, name="carts_line_once"),
            models.CheckConstraint(name="carts_line_quantity", condition=Q(quantity__range=(1, 999))),
            models.CheckConstraint(name="carts_line_price", condition=Q(unit_price_minor__gte=0)),
            Rule(
                name="carts_line_locked",
                when="BEFORE INSERT OR UPDATE OR DELETE",
                sql=LINE_OF_LOCKED_CART,
                message="a cart in checkout is locked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.variant_id}"
