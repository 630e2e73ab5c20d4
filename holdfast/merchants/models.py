"""The tenant itself, its keys and its accounts with payment providers."""

from datetime import timedelta

from django.db import models

from holdfast.db.fields import CurrencyField, DueRow, IdField, TenantRow, TokenHash
from holdfast.db.laws import Frozen, TenantWall


class Merchant(models.Model):
    """A shop or tour desk. Everything that makes the engine theirs is data in this row."""

    app_rights = "SELECT"

    id = IdField()
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2, default="DE")
    time_zone = models.CharField(max_length=60, default="Europe/Berlin")
    currency = CurrencyField(default="EUR")
    locale = models.CharField(max_length=10, default="en")
    email_from = models.EmailField(blank=True)
    brand = models.JSONField(default=dict)
    #: Dated tax rates: [{"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2020-01-01"}].
    tax_rates = models.JSONField(default=list)
    prices_include_tax = models.BooleanField(default=True)
    #: Flat shipping per order with something to ship, in minor units by region; "*" is everywhere else.
    shipping_minor = models.JSONField(default=dict)
    #: Ways of shipping instead, by weight, value or flat (`pricing.shipping`), and fees per order (`pricing.fees`).
    shipping_methods = models.JSONField(default=list, db_default=[])
    fees = models.JSONField(default=list, db_default=[])
    price_honoured_s = models.PositiveIntegerField(default=3600)
    payment_window_s = models.PositiveIntegerField(default=1860)
    #: What becomes of money that comes after its order has ended: `honour` it while the goods can still be had, or `refund` it.
    late_money = models.CharField(max_length=6, default="honour", db_default="honour")

    class Meta:
        constraints = [
            models.CheckConstraint(name="merchant_late_money", condition=models.Q(late_money__in=("honour", "refund"))),
            TenantWall(name="merchants_merchant_tenant", column="id", rights="SELECT"),
            models.CheckConstraint(name="merchant_window_fits", condition=models.Q(payment_window_s__range=(60, 86_400))),
        ]

    def __str__(self) -> str:
        return self.name


class Host(TenantRow):
    """A name under which browsers reach the merchant's shop. One name leads to one merchant in the whole deployment."""

    app_rights = "SELECT"

    #: As browsers send it, in lower case, without the port.
    host = models.CharField(max_length=253)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host"], name="merchants_host_once"),
            models.CheckConstraint(name="merchants_host_plain", condition=models.Q(host__regex=r"^[a-z0-9.:\[\]-]+$")),
        ]

    def __str__(self) -> str:
        return self.host


class ApiKey(TenantRow):
    """A key of a merchant's software. Only its sha256 is stored; the key is shown once.

    `publishable` may stand in a browser and does only what a shopper may do; `secret` speaks for the merchant.
    """

    class Kind(models.TextChoices):
        PUBLISHABLE = "publishable"
        SECRET = "secret"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=80, blank=True)
    hint = models.CharField(max_length=12)
    token_sha256 = TokenHash()
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [Frozen(name="merchants_apikey_frozen", columns=["merchant_id", "kind", "token_sha256"])]

    def __str__(self) -> str:
        return f"{self.kind} …{self.hint}"


class Account(TenantRow, DueRow):
    """A merchant's account with a provider: where money is taken and whose webhooks are believed.

    `due_at` is when its provider's books are read again; null never.
    """

    class Mode(models.TextChoices):
        TEST = "test"
        LIVE = "live"

    provider = models.CharField(max_length=20)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    name = models.CharField(max_length=80, blank=True)
    #: Encrypted JSON: keys and webhook secrets (see `merchants.credentials`).
    sealed = models.BinaryField()
    enabled = models.BooleanField(default=True)
    #: Whether money is taken when the customer pays, or held until the merchant takes it.
    capture = models.CharField(max_length=9, default="automatic", db_default="automatic")
    #: How long a customer has to pay with it, in seconds; null: the merchant's `payment_window_s`. Stock is reserved as long.
    window_s = models.PositiveIntegerField(null=True)
    #: The provider's books were read until then.
    books_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="merchants_account_due")]
        constraints = [
            Frozen(name="merchants_account_frozen", columns=["merchant_id", "provider", "mode"]),
            models.CheckConstraint(name="merchants_account_window", condition=models.Q(window_s__range=(60, 2_592_000))),
            models.CheckConstraint(name="merchants_account_capture", condition=models.Q(capture__in=("automatic", "manual"))),
        ]

    def window(self, merchant: Merchant) -> timedelta:
        """How long a customer has to pay with it."""
        return timedelta(seconds=self.window_s or merchant.payment_window_s)

    @property
    def live(self) -> bool:
        return self.mode == self.Mode.LIVE

    def __str__(self) -> str:
        return f"{self.provider} ({self.mode})"


class Membership(TenantRow):
    """A login that works for a merchant, and as what. The owner writes here: the application makes nobody staff."""

    app_rights = "SELECT"

    class Role(models.TextChoices):
        SUPPORT = "support"
        FINANCE = "finance"
        OPERATIONS = "operations"
        ADMIN = "admin"

    user = models.ForeignKey("customers.User", models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="merchants_one_membership"),
            models.CheckConstraint(
                name="merchants_membership_role",
                condition=models.Q(role__in=("support", "finance", "operations", "admin")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"
