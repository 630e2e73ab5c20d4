"""A door of the console: whom a login works for, before a merchant is chosen."""

from django.db import migrations

#: A login's memberships, for as long as it is active staff. The caller has shown who it is by its session.
DOOR = """
CREATE FUNCTION holdfast_find_memberships(person uuid) RETURNS TABLE (merchant_id uuid, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT m.merchant_id, t.name, m.role FROM public.merchants_membership m
  JOIN public.merchants_merchant t ON t.id = m.merchant_id
  JOIN public.customers_user u ON u.id = m.user_id
  WHERE m.user_id = person AND u.is_active AND u.is_staff ORDER BY t.name, t.id
$$;
REVOKE ALL ON FUNCTION holdfast_find_memberships(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holdfast_find_memberships(uuid) TO holdfast_app;
"""


class Migration(migrations.Migration):
    dependencies = [("db", "0004_hosts"), ("merchants", "0003_membership"), ("customers", "0001_initial")]
    operations = [migrations.RunSQL(DOOR, "DROP FUNCTION holdfast_find_memberships(uuid);")]
