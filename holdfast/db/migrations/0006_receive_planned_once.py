"""The receiver's function, planned once per connection, and always by index.

As one SQL statement it was planned anew for every call before PostgreSQL 18, and its plan was made for the table as it was when
the connection was new: almost empty, so that each flush read the whole of it to find out what was there already.
"""

from django.db import migrations

SIGNATURE = """holdfast_receive(
  merchants uuid[], accounts uuid[], providers text[], ids uuid[], event_ids text[], types text[],
  created timestamptz[], payload_ids uuid[], hashes text[], headers jsonb[], bodies bytea[], delivery_ids uuid[]
) RETURNS int"""

RECEIVE = f"""
-- The receiver's one call: new events with their payloads, and a delivery for each arrival. Takes no lock that a worker holds:
-- an event that is there already is left alone. What is there is not even tried: ON CONFLICT alone would wait for a worker that
-- is just applying it. The look is a subquery with a limit, and no sequential scan is allowed, so that the plan that is kept
-- asks the index, however small the table was when it was made.
CREATE OR REPLACE FUNCTION {SIGNATURE}
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET enable_seqscan = off AS $$
DECLARE
  moment timestamptz := public.holdfast_now();
  fresh uuid[];
BEGIN
  WITH stored AS (
    INSERT INTO public.inbox_event (id, merchant_id, account_id, provider, provider_event_id, type, payload_id, payload_sha256,
        provider_created_at, received_at, state, error, failures, announced, attempts, due_at)
    SELECT a.id, a.merchant_id, a.account_id, a.provider, a.event_id, a.type, a.payload_id, a.hash, a.created_at, moment,
        'received', '', 0, 0, 0, moment
      FROM unnest(merchants, accounts, providers, ids, event_ids, types, created, payload_ids, hashes)
        AS a (merchant_id, account_id, provider, id, event_id, type, created_at, payload_id, hash)
     WHERE (SELECT true FROM public.inbox_event e
             WHERE e.account_id = a.account_id AND e.provider_event_id = a.event_id LIMIT 1) IS NULL
    ON CONFLICT (account_id, provider_event_id) DO NOTHING
    RETURNING payload_id
  ) SELECT array_agg(payload_id) FROM stored INTO fresh;
  INSERT INTO public.db_payload (id, merchant_id, kind, headers, body)
    SELECT a.payload_id, a.merchant_id, 'webhook', a.headers, a.body
      FROM unnest(payload_ids, merchants, headers, bodies) AS a (payload_id, merchant_id, headers, body)
     WHERE a.payload_id = ANY (fresh);
  INSERT INTO public.inbox_delivery (id, merchant_id, account_id, provider_event_id, received_at)
    SELECT a.id, a.merchant_id, a.account_id, a.event_id, moment
      FROM unnest(delivery_ids, merchants, accounts, event_ids) AS a (id, merchant_id, account_id, event_id);
  RETURN coalesce(cardinality(fresh), 0);
END $$;
"""

BEFORE = f"""
CREATE OR REPLACE FUNCTION {SIGNATURE}
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH arrived AS (
    SELECT * FROM unnest(merchants, accounts, providers, ids, event_ids, types, created, payload_ids, hashes, headers, bodies,
                         delivery_ids)
      AS a (merchant_id, account_id, provider, id, event_id, type, created_at, payload_id, hash, headers, body, delivery_id)
  ), fresh AS (
    INSERT INTO public.inbox_event (id, merchant_id, account_id, provider, provider_event_id, type, payload_id, payload_sha256,
        provider_created_at, received_at, state, error, failures, announced, attempts, due_at)
    SELECT id, merchant_id, account_id, provider, event_id, type, payload_id, hash, created_at, public.holdfast_now(),
        'received', '', 0, 0, 0, public.holdfast_now() FROM arrived a
    WHERE NOT EXISTS (SELECT 1 FROM public.inbox_event e WHERE e.account_id = a.account_id AND e.provider_event_id = a.event_id)
    ON CONFLICT (account_id, provider_event_id) DO NOTHING
    RETURNING payload_id
  ), stored AS (
    INSERT INTO public.db_payload (id, merchant_id, kind, headers, body)
    SELECT a.payload_id, a.merchant_id, 'webhook', a.headers, a.body FROM arrived a JOIN fresh f USING (payload_id)
  ), noted AS (
    INSERT INTO public.inbox_delivery (id, merchant_id, account_id, provider_event_id, received_at)
    SELECT delivery_id, merchant_id, account_id, event_id, public.holdfast_now() FROM arrived
  )
  SELECT count(*)::int FROM fresh
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("db", "0005_memberships")]
    operations = [migrations.RunSQL(RECEIVE, BEFORE)]
