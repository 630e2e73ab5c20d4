"""Staff search by e-mail: from the contacts to their orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_references")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(condition=models.Q(("contact__isnull", False)), fields=["contact"], name="orders_of_contact"),
        ),
    ]
