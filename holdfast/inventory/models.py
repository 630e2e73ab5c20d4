"""Stock rows, the slots that give some of them a time, reservations, and the movements whose sum is the stock."""

from django.db import models
from django.db.models import F, Q

from holdfast.db.fields import TenantKey, TenantRow
from holdfast.db.laws import AppendOnly, Frozen, Moves, Permanent
from holdfast.inventory.states import RESERVATION


class Stock(TenantRow):
    """One scarce thing: pieces of an item, licences of a pool, or places of a time slot. The row to lock."""

    class Kind(models.TextChoices):
        ITEM = "item"
        POOL = "pool"
        SLOT = "slot"

    #: Its place in the global order of locks, after the counters of promotions.
    lock_rank = 2

    kind = models.CharField(max_length=4, choices=Kind.choices)
    name = models.CharField(max_length=160, blank=True)
    on_hand = models.IntegerField(default=0)
    reserved = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(name="inventory_on_hand_not_negative", condition=Q(on_hand__gte=0)),
            models.CheckConstraint(name="inventory_reserved_not_negative", condition=Q(reserved__gte=0)),
            models.CheckConstraint(name="inventory_available_not_negative", condition=Q(reserved__lte=F("on_hand"))),
            Permanent(name="inventory_stock_permanent"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.on_hand - self.reserved}"


class Slot(TenantRow):
    """A departure of a tour: places (its stock) at a time."""

    product = TenantKey("catalog.Product")
    stock = TenantKey(Stock)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cutoff_at = models.DateTimeField()
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "stock"], name="inventory_slot_stock"),
            models.UniqueConstraint(fields=["product", "starts_at"], name="inventory_slot_start"),
            models.CheckConstraint(name="inventory_slot_times", condition=Q(ends_at__gt=F("starts_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class Reservation(TenantRow):
    """Capacity of one stock row held for one order."""

    order = TenantKey("orders.Order")
    stock = TenantKey(Stock)
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=10, default="held")
    moved = models.JSONField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "stock"], name="inventory_one_reservation"),
            models.CheckConstraint(name="inventory_reservation_quantity", condition=Q(quantity__gte=1)),
            Moves(RESERVATION, name="inventory_reservation_moves"),
            Frozen(
                name="inventory_reservation_frozen",
                columns=["merchant_id", "order_id", "stock_id", "quantity"],
            ),
            Permanent(name="inventory_reservation_permanent"),
        ]
        indexes = [models.Index(fields=["stock"], condition=Q(state="held"), name="inventory_reservation_held")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.state}"


class Movement(TenantRow):
    """A change of on-hand and its cause. The sum of a stock's movements is its on-hand."""

    stock = TenantKey(Stock)
    delta = models.IntegerField()
    cause = models.CharField(max_length=20)
    reservation = TenantKey(Reservation, null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reservation", "cause"],
                condition=Q(reservation__isnull=False),
                name="inventory_moved_once",
            ),
            models.CheckConstraint(name="inventory_movement_moves", condition=~Q(delta=0)),
            AppendOnly(name="inventory_movement_append_only"),
        ]
        indexes = [models.Index(fields=["stock", "id"], name="inventory_movement_stock")]

    def __str__(self) -> str:
        return f"{self.delta:+} {self.cause}"
