"""The ground under every table: the two roles, the tenant, the clock, and the history that the database writes itself."""

from django.db import migrations

ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN CREATE ROLE holdfast_app NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_check') THEN CREATE ROLE holdfast_check NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was just first
END $$;
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'holdfast_app', 'MEMBER') THEN EXECUTE format('GRANT holdfast_app TO %I', current_user); END IF;
  IF NOT pg_has_role(current_user, 'holdfast_check', 'MEMBER') THEN EXECUTE format('GRANT holdfast_check TO %I', current_user); END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO holdfast_app, holdfast_check;
"""

FUNCTIONS = """
-- The tenant of this transaction (SET LOCAL holdfast.merchant). Unset is NULL: every policy then fails closed.
CREATE FUNCTION holdfast_merchant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('holdfast.merchant', true), '')::uuid;

-- The one clock of leases, due rows and expiry: the database's, plus an offset that only tests and drills set.
CREATE FUNCTION holdfast_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
  RETURN now() + make_interval(secs => coalesce(nullif(current_setting('holdfast.clock_offset_s', true), ''), '0')::float8);

-- Every move becomes a row. SECURITY DEFINER, and the application has no INSERT there: history cannot be forged. Nor may it
-- put this trigger on a table of its own. A nonce is used once per thing: a stale writer brings a whole row back as it was
-- read, with the cause of an earlier move, and would otherwise repeat that move.
CREATE FUNCTION holdfast_record_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  previous text := NULL;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.state = OLD.state THEN RETURN NULL; END IF;
    previous := OLD.state;
    IF EXISTS (SELECT 1 FROM public.db_transition WHERE subject_id = NEW.id AND nonce = NEW.moved->>'nonce') THEN
      RAISE EXCEPTION '%: this cause brought an earlier move', TG_ARGV[0] USING ERRCODE = '23514', CONSTRAINT = TG_ARGV[1];
    END IF;
  END IF;
  INSERT INTO public.db_transition
    (merchant_id, subject, subject_id, source, target, cause, actor, process, event_id, nonce, at)
  VALUES (NEW.merchant_id, TG_ARGV[0], NEW.id, previous, NEW.state, NEW.moved->>'cause',
          coalesce(NEW.moved->>'actor', session_user), coalesce(NEW.moved->>'process', 'sql'),
          (NEW.moved->>'event')::uuid, NEW.moved->>'nonce', public.holdfast_now());
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION holdfast_record_move() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    run_before = [("merchants", "0001_initial"), ("customers", "0001_initial")]
    operations = [
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION holdfast_record_move(); DROP FUNCTION holdfast_now(); DROP FUNCTION holdfast_merchant();",
        ),
    ]
