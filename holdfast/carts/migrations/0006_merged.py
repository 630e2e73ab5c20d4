"""A guest's cart whose lines went into the customer's ends `merged`, and says where they went."""

import django.db.models.deletion
from django.db import migrations, models

import holdfast.db.laws
import holdfast.db.operations

LOCKED = """
  IF OLD.state <> 'active' AND (NEW.region, NEW.currency, NEW.version, NEW.customer_id, NEW.coupon, NEW.shipping_method,
                              NEW.merged_into_id)
     IS DISTINCT FROM (OLD.region, OLD.currency, OLD.version, OLD.customer_id, OLD.coupon, OLD.shipping_method,
                            OLD.merged_into_id) THEN
    {refuse}
  END IF;
  RETURN NEW;
"""


class Migration(migrations.Migration):
    dependencies = [("carts", "0005_coupon_and_shipping")]

    operations = [
        migrations.RemoveConstraint(model_name="cart", name="carts_cart_moves"),
        migrations.RemoveConstraint(model_name="cart", name="carts_cart_locked"),
        migrations.AddField(
            model_name="cart",
            name="merged_into",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="carts.cart",
            ),
        ),
        holdfast.db.operations.AddLaw(
            model_name="cart",
            constraint=holdfast.db.laws.Moves(
                edges=(("active", "locked"), ("active", "merged"), ("active", "abandoned")),
                history=True,
                initial=("active",),
                name="carts_cart_moves",
                subject="cart",
            ),
        ),
        holdfast.db.operations.AddLaw(
            model_name="cart",
            constraint=holdfast.db.laws.Rule(
                deferred=False,
                message="a cart in checkout is locked",
                name="carts_cart_locked",
                sql=LOCKED,
                when="BEFORE UPDATE",
            ),
        ),
        holdfast.db.operations.AddLaw(
            model_name="cart",
            constraint=holdfast.db.laws.References(column="merged_into_id", name="carts_cart_merged_into_fk", to="carts_cart"),
        ),
    ]
