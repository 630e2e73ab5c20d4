"""What the two roles may do, read from the catalogue, and tried (R-M2, the application owns nothing)."""

import psycopg
import pytest

from tests.laws.conftest import World
from tests.laws.refusals import NO_RIGHT, refused
from tests.laws.rows import BUILDERS, Rows
from tests.laws.test_what_never_changes import AppendOnly, Permanent, laws_of

APPEND_ONLY = {model._meta.db_table for model, _ in laws_of(AppendOnly)}
PERMANENT = {model._meta.db_table for model, _ in laws_of(Permanent)}
#: The only tables of which the application may remove rows.
MAY_DELETE = {"carts_cartline", "idempotency_key", "django_session", "promotions_tries"}
GRANTS = """
  SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
  WHERE c.relkind IN ('r', 'p', 'v', 'm') AND r.rolname = %s
"""
DEFINERS = """
  SELECT p.proname, coalesce(array_to_string(p.proconfig, ' '), ''), p.prosrc,
         EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                 WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
"""


@pytest.mark.parametrize("role", ["holdfast_app", "holdfast_check"])
def test_a_role_is_no_superuser_and_owns_nothing(owner: Rows, role: str) -> None:
    powers = "rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication"
    assert owner.value(f"SELECT {powers} FROM pg_roles WHERE rolname = %s", role) is False
    assert owner.value("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", role) == 0
    for catalogue, column in (("pg_class", "relowner"), ("pg_proc", "proowner"), ("pg_namespace", "nspowner")):
        assert owner.value(f"SELECT count(*) FROM {catalogue} WHERE {column} = %s::regrole", role) == 0
    assert owner.value("SELECT has_schema_privilege(%s, 'public', 'CREATE')", role) is False


def test_the_application_has_no_more_rights_than_it_needs(owner: Rows) -> None:
    grants = set(owner.execute(GRANTS, "holdfast_app").fetchall())
    assert {right for _, right in grants} == {"SELECT", "INSERT", "UPDATE", "DELETE"}, (
        "no TRUNCATE, TRIGGER, REFERENCES, MAINTAIN"
    )
    assert {table for table, right in grants if right == "DELETE"} == MAY_DELETE
    assert {table for table, right in grants if right == "UPDATE"} & APPEND_ONLY == set()
    assert {table for table, right in grants if right == "DELETE"} & (APPEND_ONLY | PERMANENT) == set()
    assert {right for table, right in grants if table == "db_transition"} == {"SELECT"}
    assert {right for table, right in grants if table == "merchants_merchant"} == {"SELECT"}


def test_a_partition_is_reached_through_the_wall_only(owner: Rows, app: Rows) -> None:
    partitions = [
        name for (name,) in owner.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'").fetchall()
    ]
    assert len(partitions) >= 4
    granted = {table for role in ("holdfast_app", "holdfast_check") for table, _ in owner.execute(GRANTS, role).fetchall()}
    assert granted.isdisjoint(partitions)
    for name in partitions:
        with refused(app.connection, None, NO_RIGHT):
            app.execute(f"SELECT * FROM {name}")


def test_everyone_has_no_right_on_any_table(owner: Rows) -> None:
    public = """SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND a.grantee = 0"""
    assert owner.execute(public).fetchall() == []


def test_functions_that_run_as_their_owner_are_pinned_and_not_for_everyone(owner: Rows) -> None:
    functions = owner.execute(DEFINERS).fetchall()
    assert {name for name, *_ in functions} == {
        "holdfast_record_move", "holdfast_payload_months", "holdfast_find_key", "holdfast_find_account", "holdfast_claim_due",
        "holdfast_receive", "holdfast_sweep_keys", "holdfast_find_host", "holdfast_find_memberships",
    }  # fmt: skip
    for name, settings, _, for_everyone in functions:
        assert "search_path=pg_catalog, public" in settings, name
        assert not for_everyone, name


def test_no_function_of_the_house_can_be_led_to_a_temporary_table(owner: Rows) -> None:
    """Temporary tables come before all others, also before a pinned path: every table is named with its schema."""
    source = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc <> ''"
    tables = set(BUILDERS) | {"db_transition"}
    bare = []
    for name, text in owner.execute(source).fetchall():
        code = [line.split("RAISE EXCEPTION")[0] for line in text.split("\n")]
        words = " ".join(code).replace("(", " ").replace(")", " ").replace(";", " ").replace(",", " ").split()
        bare += [(name, word) for word in words if word in tables]
    assert bare == []


@pytest.mark.parametrize("table", sorted({*BUILDERS, "db_transition"} - {"customers_user"}))  # logins are no part of the list
def test_the_checker_sees_every_merchant_and_writes_nothing(world: World, owner: Rows, table: str) -> None:
    with psycopg.connect(world.database.environment["DATABASE_CHECK_URL"], autocommit=True) as connection:
        seen = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert seen == (world.database.count(table),)
        assert seen >= (2,)
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with refused(connection, None, NO_RIGHT):
                connection.execute(statement)
        with refused(connection, None, NO_RIGHT):
            connection.execute(f"INSERT INTO {table} SELECT * FROM {table}")


def test_the_checker_has_only_the_right_to_look(owner: Rows) -> None:
    assert {right for _, right in owner.execute(GRANTS, "holdfast_check").fetchall()} == {"SELECT"}
    for function in ("holdfast_claim_due(text, int, float8)", "holdfast_sweep_keys(int)", "holdfast_find_key(text)"):
        assert owner.value("SELECT has_function_privilege('holdfast_check', %s, 'EXECUTE')", f"public.{function}") is False


@pytest.mark.parametrize("setting", ["session_replication_role = replica", "role = holdfast_owner", "row_security = off"])
def test_the_application_cannot_switch_the_laws_off(app: Rows, setting: str) -> None:
    if setting.startswith("row_security"):
        app.execute(f"SET LOCAL {setting}")
        with refused(app.connection, None, NO_RIGHT):  # off means: refuse rather than filter
            app.execute("SELECT * FROM orders_order")
    else:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
            app.execute(f"SET {setting}")
    with pytest.raises(psycopg.Error):
        app.execute("ALTER TABLE orders_order DISABLE TRIGGER ALL")


@pytest.mark.parametrize("column", ["is_staff", "is_superuser", "email"])
def test_the_application_can_make_nobody_staff(app: Rows, column: str) -> None:
    with refused(app.connection, None, NO_RIGHT):
        app.connection.execute(f"UPDATE customers_user SET {column} = {column} WHERE id = %s", [app.first["customers_user"]])
