"""Promotions with their counters, what orders redeem of them, and how often somebody tried a code."""

from django.db import models
from django.db.models import F, Q

from holdfast.db.fields import MinorField, TenantKey, TenantRow
from holdfast.db.laws import Frozen, Moves, Permanent
from holdfast.promotions.states import REDEMPTION


class Promotion(TenantRow):
    """Merchant data: the rules (see `pricing.promotions.from_json`), and how often they may be used. The row to lock, if counted.

    One that is not counted has no limits and no counters: orders that use it wait for nobody.
    """

    #: Its place in the global order of locks, before stock.
    lock_rank = 1

    name = models.CharField(max_length=120)
    #: As it is typed, in capitals; empty for one that applies by itself.
    code = models.CharField(max_length=40, blank=True)
    active = models.BooleanField(default=True)
    rules = models.JSONField()
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    counted = models.BooleanField()
    total_limit = models.PositiveIntegerField(null=True)
    customer_limit = models.PositiveIntegerField(null=True)
    #: Orders that may still be paid, and those that were.
    reserved = models.IntegerField(default=0)
    redeemed = models.IntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "code"], condition=~Q(code=""), name="promotions_code_once"),
            models.CheckConstraint(name="promotions_code_plain", condition=Q(code__regex=r"^([A-Z0-9_-]{3,40})?$")),
            models.CheckConstraint(name="promotions_reserved_not_negative", condition=Q(reserved__gte=0)),
            models.CheckConstraint(name="promotions_redeemed_not_negative", condition=Q(redeemed__gte=0)),
            models.CheckConstraint(
                name="promotions_within_limit",
                condition=Q(total_limit__isnull=True) | Q(total_limit__gte=F("reserved") + F("redeemed")),
            ),
            models.CheckConstraint(
                name="promotions_limits_are_counted",
                condition=Q(counted=True) | Q(total_limit__isnull=True, customer_limit__isnull=True, reserved=0, redeemed=0),
            ),
            Frozen(name="promotions_promotion_frozen", columns=["merchant_id", "code", "counted"]),
            Permanent(name="promotions_promotion_permanent"),
        ]
        indexes = [
            models.Index(fields=["merchant"], condition=Q(active=True, code=""), name="promotions_automatic"),
        ]

    def __str__(self) -> str:
        return self.code or self.name


class Redemption(TenantRow):
    """One use of a promotion by one order."""

    order = TenantKey("orders.Order")
    promotion = TenantKey(Promotion)
    #: Who used it, for the limit per customer: a sha256, of a guest's e-mail or of the customer.
    customer_key = models.CharField(max_length=64)
    gave_minor = MinorField()
    counted = models.BooleanField()
    state = models.CharField(max_length=10, default="reserved")
    moved = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "promotion"], name="promotions_one_redemption"),
            models.CheckConstraint(name="promotions_redemption_gives", condition=Q(gave_minor__gte=1)),
            Moves(REDEMPTION, name="promotions_redemption_moves"),
            Frozen(
                name="promotions_redemption_frozen",
                columns=["merchant_id", "order_id", "promotion_id", "customer_key", "gave_minor", "counted"],
            ),
            Permanent(name="promotions_redemption_permanent"),
        ]
        indexes = [
            models.Index(
                fields=["promotion", "customer_key"], condition=~Q(state="released"), name="promotions_redemption_customer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} {self.state}"


class Tries(TenantRow):
    """How often somebody (a sha256 of a cart or of an address) tried a code since the window began."""

    app_rights = "SELECT, INSERT, UPDATE, DELETE"

    who = models.CharField(max_length=64)
    began_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "who"], name="promotions_tries_who")]
        indexes = [models.Index(fields=["began_at"], name="promotions_tries_began")]

    def __str__(self) -> str:
        return f"{self.count}"
