"""Products and their priced variants."""

from django.db import models

from holdfast.db.fields import CurrencyField, MinorField, TenantKey, TenantRow


class Product(TenantRow):
    """Something a merchant sells: a good to ship, a digital thing to hand over, a booking on a time slot."""

    class Kind(models.TextChoices):
        GOOD = "good"
        DIGITAL = "digital"
        BOOKING = "booking"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    #: Of a booking: where to be. Shown on the product and on the voucher.
    meeting_point = models.CharField(max_length=200, blank=True, default="", db_default="")
    tax_class = models.CharField(max_length=20, default="standard")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "slug"], name="catalog_product_slug")]

    def __str__(self) -> str:
        return self.name


class Variant(TenantRow):
    """What a cart line points to: a size of a good, an edition of a file, a participant type of a tour."""

    product = TenantKey(Product)
    sku = models.CharField(max_length=60)
    name = models.CharField(max_length=120, blank=True)
    price_minor = MinorField()
    currency = CurrencyField()
    #: The stock a good draws from; a booking draws from its slot; a digital thing may be endless.
    stock = TenantKey("inventory.Stock", null=True)
    #: Places that one unit takes: a family ticket takes four.
    places = models.PositiveSmallIntegerField(default=1)
    weight_g = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "sku"], name="catalog_variant_sku"),
            models.CheckConstraint(name="catalog_variant_price", condition=models.Q(price_minor__gte=0)),
            models.CheckConstraint(name="catalog_variant_places", condition=models.Q(places__gte=1)),
        ]
        indexes = [models.Index(fields=["product", "position"], name="catalog_variant_product")]

    def __str__(self) -> str:
        return self.sku
