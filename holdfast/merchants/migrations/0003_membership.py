"""Who works for a merchant."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import holdfast.db.laws
import holdfast.kernel.ids

class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0002_hosts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=holdfast.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("support", "Support"),
                            ("finance", "Finance"),
                            ("operations", "Operations"),
                            ("admin", "Admin"),
                        ],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "user"), name="merchants_one_membership"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ("support", "finance", "operations", "admin"))),
                        name="merchants_membership_role",
                    ),
                    holdfast.db.laws.TenantWall(column="merchant_id", name="merchants_membership_tenant", rights="SELECT"),
                ],
            },
        ),
    ]
