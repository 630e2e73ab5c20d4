"""A customer by the name that the merchant's own system gives them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_references")]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="reference",
            field=models.CharField(max_length=120, null=True),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(fields=("merchant", "reference"), name="customers_one_per_reference"),
        ),
    ]
