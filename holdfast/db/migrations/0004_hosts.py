"""The door of the storefront: which merchant's shop a Host header means, before the tenant is known."""

from django.db import migrations

DOOR = """
CREATE FUNCTION holdfast_find_host(name text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT h.merchant_id FROM public.merchants_host h WHERE h.host = name
$$;
REVOKE ALL ON FUNCTION holdfast_find_host(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holdfast_find_host(text) TO holdfast_app;
"""


class Migration(migrations.Migration):
    dependencies = [("db", "0003_doors"), ("merchants", "0002_hosts")]
    operations = [migrations.RunSQL(DOOR, "DROP FUNCTION holdfast_find_host(text);")]
