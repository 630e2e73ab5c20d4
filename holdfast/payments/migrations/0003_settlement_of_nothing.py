"""An order that costs nothing is paid by a settlement of zero, of provider `none`; every other attempt takes money."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_references")]

    operations = [
        migrations.RemoveConstraint(model_name="payment", name="payments_amount_positive"),
        migrations.RemoveConstraint(model_name="payment", name="payments_captured_has_money"),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor__gt", 0), models.Q(("provider", "none"), _negated=True)),
                    models.Q(("amount_minor", 0), ("provider", "none")),
                    _connector="OR",
                ),
                name="payments_amount_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "captured"), _negated=True),
                    ("captured_minor__gt", 0),
                    models.Q(("captured_minor", 0), ("provider", "none")),
                    _connector="OR",
                ),
                name="payments_captured_has_money",
            ),
        ),
    ]
