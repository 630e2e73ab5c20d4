"""The narrow SECURITY DEFINER functions that answer before the tenant is known: keys, accounts, due rows, the receiver."""

from django.db import migrations

DOORS = """
-- An API key → its merchant and kind. The caller shows that it has the key by its hash.
CREATE FUNCTION holdfast_find_key(hash text) RETURNS TABLE (merchant_id uuid, id uuid, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT k.merchant_id, k.id, k.kind FROM public.merchants_apikey k WHERE k.token_sha256 = hash AND k.revoked_at IS NULL
$$;

-- A provider account named by a webhook's address → its merchant and sealed credentials.
CREATE FUNCTION holdfast_find_account(provider text, account uuid)
RETURNS TABLE (merchant_id uuid, id uuid, mode text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT a.merchant_id, a.id, a.mode, a.sealed FROM public.merchants_account a
  WHERE a.id = account AND a.provider = holdfast_find_account.provider AND a.enabled
$$;

-- Due rows of a lane, of any merchant: claimed by moving due_at ahead by the lease and counting the try.
CREATE FUNCTION holdfast_claim_due(lane text, batch int, lease_s float8)
RETURNS TABLE (merchant_id uuid, id uuid, attempts int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  target text := CASE lane
    WHEN 'events' THEN 'inbox_event' WHEN 'messages' THEN 'outbox_message' WHEN 'operations' THEN 'payments_operation'
    WHEN 'payments' THEN 'payments_payment' WHEN 'orders' THEN 'orders_order' WHEN 'fulfilments' THEN 'fulfilment_fulfilment'
    WHEN 'carts' THEN 'carts_cart' END;
BEGIN
  IF target IS NULL THEN RAISE EXCEPTION 'there is no lane %', lane; END IF;
  RETURN QUERY EXECUTE format(
    'UPDATE public.%I t SET due_at = public.holdfast_now() + make_interval(secs => $2), attempts = t.attempts + 1
       FROM (SELECT d.id FROM public.%I d WHERE d.due_at <= public.holdfast_now()
             ORDER BY d.due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED) due
      WHERE t.id = due.id RETURNING t.merchant_id, t.id, t.attempts', target, target)
  USING least(batch, 500), lease_s;
END $$;

-- The receiver's one statement: new events with their payloads, and a delivery for each arrival. Takes no lock that a
-- worker holds: an event that is there already is left alone.
CREATE FUNCTION holdfast_receive(
  merchants uuid[], accounts uuid[], providers text[], ids uuid[], event_ids text[], types text[],
  created timestamptz[], payload_ids uuid[], hashes text[], headers jsonb[], bodies bytea[], delivery_ids uuid[]
) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH arrived AS (
    SELECT * FROM unnest(merchants, accounts, providers, ids, event_ids, types, created, payload_ids, hashes, headers, bodies,
                         delivery_ids)
      AS a (merchant_id, account_id, provider, id, event_id, type, created_at, payload_id, hash, headers, body, delivery_id)
  ), fresh AS (
    INSERT INTO public.inbox_event (id, merchant_id, account_id, provider, provider_event_id, type, payload_id, payload_sha256,
        provider_created_at, received_at, state, error, failures, announced, attempts, due_at)
    SELECT id, merchant_id, account_id, provider, event_id, type, payload_id, hash, created_at, public.holdfast_now(),
        'received', '', 0, 0, 0, public.holdfast_now() FROM arrived a
    -- What is there already is not even tried: ON CONFLICT alone would wait for a worker that is just applying it.
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

-- Housekeeping of every merchant: keys whose time is over.
CREATE FUNCTION holdfast_sweep_keys(batch int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH gone AS (
    DELETE FROM public.idempotency_key WHERE id IN (
      SELECT id FROM public.idempotency_key WHERE expires_at < public.holdfast_now() LIMIT least(batch, 10000) FOR UPDATE SKIP LOCKED)
    RETURNING 1)
  SELECT count(*)::int FROM gone
$$;

REVOKE ALL ON FUNCTION holdfast_sweep_keys(int), holdfast_find_key(text), holdfast_find_account(text, uuid), holdfast_claim_due(text, int, float8),
  holdfast_receive(uuid[], uuid[], text[], uuid[], text[], text[], timestamptz[], uuid[], text[], jsonb[], bytea[], uuid[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holdfast_sweep_keys(int), holdfast_find_key(text), holdfast_find_account(text, uuid), holdfast_claim_due(text, int, float8),
  holdfast_receive(uuid[], uuid[], text[], uuid[], text[], text[], timestamptz[], uuid[], text[], jsonb[], bytea[], uuid[])
  TO holdfast_app;

-- Tables of no merchant: logins and Django's own. The application makes nobody staff: it may only note a login and upgrade a hash.
GRANT SELECT, UPDATE (password, last_login) ON customers_user TO holdfast_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON django_session TO holdfast_app;
GRANT SELECT ON customers_user_groups, customers_user_user_permissions, auth_group, auth_group_permissions, auth_permission,
  django_content_type, django_migrations TO holdfast_app;
GRANT SELECT ON django_migrations TO holdfast_check;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO holdfast_app;
"""

UNDO = """
DROP FUNCTION holdfast_sweep_keys(int);
DROP FUNCTION holdfast_find_key(text);
DROP FUNCTION holdfast_find_account(text, uuid);
DROP FUNCTION holdfast_claim_due(text, int, float8);
DROP FUNCTION holdfast_receive(uuid[], uuid[], text[], uuid[], text[], text[], timestamptz[], uuid[], text[], jsonb[], bytea[], uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("db", "0002_history_and_payloads"),
        ("carts", "0002_initial"),
        ("cases", "0002_initial"),
        ("catalog", "0002_initial"),
        ("customers", "0001_initial"),
        ("fulfilment", "0001_initial"),
        ("idempotency", "0001_initial"),
        ("inbox", "0001_initial"),
        ("inventory", "0001_initial"),
        ("ledger", "0001_initial"),
        ("merchants", "0001_initial"),
        ("orders", "0001_initial"),
        ("outbox", "0001_initial"),
        ("payments", "0001_initial"),
        ("sessions", "0001_initial"),
    ]
    operations = [migrations.RunSQL(DOORS, UNDO)]
