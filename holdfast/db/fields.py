"""The columns every tenant-owned table has, and the walls that come with them."""

from typing import Any

from django.db import models

from holdfast.db.laws import AppendOnly, References, TenantWall
from holdfast.kernel.ids import new_id

__all__ = [
    "CurrencyField",
    "DueRow",
    "IdField",
    "MerchantKey",
    "MinorField",
    "TenantKey",
    "TenantRow",
    "TokenHash",
]


class IdField(models.UUIDField):
    """A UUIDv7 primary key, made in Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"primary_key": True, "default": new_id, "editable": False, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.UUIDField", args, kwargs


class MinorField(models.BigIntegerField):
    """An amount in minor units of the row's currency."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BigIntegerField", args, kwargs


class CurrencyField(models.CharField):
    """An ISO 4217 code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 3, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class TokenHash(models.CharField):
    """The sha256 of a bearer token, in hex: the token itself is never stored."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 64, "unique": True, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class MerchantKey(models.ForeignKey):
    """The owner of the row. Declaring it raises the tenant wall."""

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, private_only, **kwargs)
        if not cls._meta.abstract:
            appended = any(isinstance(law, AppendOnly) for law in cls._meta.constraints)
            rights = getattr(cls, "app_rights", "SELECT, INSERT" if appended else "SELECT, INSERT, UPDATE")
            _declare(cls, TenantWall(name=f"{cls._meta.db_table}_tenant", rights=rights))

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs


class TenantKey(models.ForeignKey):
    """A reference to a row of the same merchant: the database compares both (see `laws.References`).

    Has no index of its own: each table declares those its queries need.
    """

    def __init__(self, to: Any, **kwargs: Any) -> None:
        own = {"on_delete": models.PROTECT, "related_name": "+", "db_constraint": False, "db_index": False}
        super().__init__(to, **{**own, **kwargs})

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, private_only, **kwargs)
        if not cls._meta.abstract:
            model = self.remote_field.model
            target = (model if isinstance(model, str) else model._meta.label).lower().replace(".", "_")
            law = References(name=f"{cls._meta.db_table}_{name}_fk", column=f"{name}_id", to=target)
            _declare(cls, law)

    def deconstruct(self) -> Any:
        # Old migrations see a plain key, so that the law is declared once: by the migration that adds it.
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs


def _declare(cls: type[models.Model], law: Any) -> None:
    meta: Any = cls._meta
    meta.constraints = [*meta.constraints, law]
    meta.original_attrs["constraints"] = meta.constraints


class TenantRow(models.Model):
    """A row that belongs to one merchant."""

    id = IdField()
    merchant = MerchantKey("merchants.Merchant", on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        abstract = True


class DueRow(models.Model):
    """A row that a worker loop picks up: due at a time, claimed by moving that time (see `db.due`)."""

    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
