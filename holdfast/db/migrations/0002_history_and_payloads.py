"""The history of moves, and payloads partitioned by month."""

import django.db.models.deletion
from django.db import migrations, models

import holdfast.db.laws
import holdfast.kernel.ids

#: The parent has row-level security; partitions are reached through it only, so the application has no rights on them.
#: `holdfast_payload_months(n)` makes the partitions of this month and the next n; the worker calls it daily, and a default
#: partition catches what a sleeping worker missed. The time of a UUIDv7 is its first 48 bits, so a month is a range of ids.
PAYLOADS = """
CREATE TABLE db_payload (
  id uuid NOT NULL PRIMARY KEY,
  merchant_id uuid NOT NULL REFERENCES merchants_merchant (id),
  kind varchar(16) NOT NULL,
  headers jsonb NOT NULL,
  body bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE db_payload_rest PARTITION OF db_payload DEFAULT;

CREATE FUNCTION holdfast_floor_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE
  RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

CREATE FUNCTION holdfast_payload_months(ahead int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  month timestamptz;
  name text;
  made int := 0;
BEGIN
  FOR i IN 0..least(ahead, 24) LOOP
    month := date_trunc('month', public.holdfast_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(months => i);
    name := 'db_payload_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE public.%I PARTITION OF public.db_payload FOR VALUES FROM (%L) TO (%L)', name,
                     public.holdfast_floor_id(month), public.holdfast_floor_id(month + interval '1 month'));
      made := made + 1;
    EXCEPTION WHEN check_violation OR duplicate_table THEN
      NULL;  -- rows of that month already lie in the default partition, or another worker was first
    END;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION holdfast_payload_months(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holdfast_payload_months(int) TO holdfast_app;
SELECT holdfast_payload_months(2);
"""

PAYLOAD_WALL = holdfast.db.laws.TenantWall(column="merchant_id", name="db_payload_tenant", rights="SELECT, INSERT")


class Migration(migrations.Migration):
    dependencies = [("db", "0001_ground"), ("merchants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            PAYLOADS,
            "DROP TABLE db_payload; DROP FUNCTION holdfast_payload_months(int); DROP FUNCTION holdfast_floor_id(timestamptz);",
            state_operations=[
                migrations.CreateModel(
                    name="Payload",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=holdfast.kernel.ids.new_id,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("kind", models.CharField(max_length=16)),
                        ("headers", models.JSONField(default=dict)),
                        ("body", models.BinaryField()),
                        (
                            "merchant",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="merchants.merchant",
                            ),
                        ),
                    ],
                    options={"abstract": False},
                ),
            ],
        ),
        migrations.AddConstraint("payload", PAYLOAD_WALL),
        migrations.CreateModel(
            name="Transition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject", models.CharField(max_length=32)),
                ("subject_id", models.UUIDField()),
                ("source", models.CharField(max_length=32, null=True)),
                ("target", models.CharField(max_length=32)),
                ("cause", models.CharField(max_length=200)),
                ("actor", models.CharField(max_length=120)),
                ("process", models.CharField(max_length=60)),
                ("event_id", models.UUIDField(null=True)),
                ("nonce", models.CharField(max_length=32, null=True)),
                ("at", models.DateTimeField()),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["subject_id", "id"], name="db_transition_subject")],
                "constraints": [
                    holdfast.db.laws.AppendOnly(name="db_transition_append_only"),
                    holdfast.db.laws.TenantWall(column="merchant_id", name="db_transition_tenant", rights="SELECT"),
                ],
            },
        ),
    ]
