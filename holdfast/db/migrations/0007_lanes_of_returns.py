"""Two more lanes: refunds that are pending, and events that only say where to look.

The second is apart from the first events, so that a provider that is slow to answer holds up nobody who need not ask it.
"""

from django.db import migrations

CLAIM = """
CREATE OR REPLACE FUNCTION holdfast_claim_due(lane text, batch int, lease_s float8)
RETURNS TABLE (merchant_id uuid, id uuid, attempts int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  target text := CASE lane
    WHEN 'events' THEN 'inbox_event' WHEN 'messages' THEN 'outbox_message' WHEN 'operations' THEN 'payments_operation'
    WHEN 'payments' THEN 'payments_payment' WHEN 'orders' THEN 'orders_order' WHEN 'fulfilments' THEN 'fulfilment_fulfilment'
    WHEN 'carts' THEN 'carts_cart'{more} END;
  which text := CASE lane WHEN 'events' THEN {events} WHEN 'lookups' THEN 'd.points' ELSE 'true' END;
BEGIN
  IF target IS NULL THEN RAISE EXCEPTION 'there is no lane %', lane; END IF;
  RETURN QUERY EXECUTE format(
    'UPDATE public.%I t SET due_at = public.holdfast_now() + make_interval(secs => $2), attempts = t.attempts + 1
       FROM (SELECT d.id FROM public.%I d WHERE d.due_at <= public.holdfast_now() AND %s
             ORDER BY d.due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED) due
      WHERE t.id = due.id RETURNING t.merchant_id, t.id, t.attempts', target, target, which)
  USING least(batch, 500), lease_s;
END $$;
"""

MORE = " WHEN 'refunds' THEN 'payments_refund' WHEN 'lookups' THEN 'inbox_event'"


class Migration(migrations.Migration):
    dependencies = [
        ("db", "0006_receive_planned_once"),
        ("inbox", "0003_returns"),
        ("payments", "0004_returns"),
    ]

    operations = [
        migrations.RunSQL(
            CLAIM.replace("{more}", MORE).replace("{events}", "'NOT d.points'"),
            CLAIM.replace("{more}", "").replace("{events}", "'true'"),
        )
    ]
