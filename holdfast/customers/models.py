"""Logins of the deployment, customers of a merchant, and the erasable rows that hold personal data."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

from holdfast.db.fields import IdField, TenantKey, TenantRow


class UserManager(BaseUserManager):
    """Creates logins by e-mail."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        user = User(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """One login across the deployment, by e-mail; a person is a separate customer of each merchant."""

    id = IdField()
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email


class Contact(TenantRow):
    """Personal data of one order or customer. The only place for it: erasing empties this row and keeps the rest."""

    email = models.EmailField(blank=True)
    email_normalised = models.CharField(max_length=254, blank=True)
    name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    address = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["merchant", "email_normalised"], name="customers_contact_email")]

    def __str__(self) -> str:
        return str(self.id)


class Customer(TenantRow):
    """A merchant's customer: a guest has only a contact, a member also a login, or the name that the merchant's own system
    gives them (`reference`)."""

    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    contact = TenantKey(Contact)
    #: An account number or the like: no personal data, because it stays when the contact is erased.
    reference = models.CharField(max_length=120, null=True)  # noqa: DJ001 - unique where present
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="customers_one_per_login"),
            models.UniqueConstraint(fields=["merchant", "reference"], name="customers_one_per_reference"),
        ]

    def __str__(self) -> str:
        return str(self.id)
