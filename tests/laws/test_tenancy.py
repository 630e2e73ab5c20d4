"""The second wall: no path leads from one merchant to another's rows, on any table (R-M2)."""

from uuid import UUID

import psycopg
import pytest
from django.apps import apps

from holdfast.db.laws import AppendOnly, Permanent, References, TenantWall
from tests.laws.conftest import World
from tests.laws.refusals import FOREIGN_KEY_VIOLATION, NO_RIGHT, refused
from tests.laws.rows import BUILDERS, Rows

MODELS = {model._meta.db_table: model for model in apps.get_models() if model.__module__.startswith("holdfast.")}
#: Logins belong to the deployment; what a person may see is a customer of one merchant.
OF_NO_MERCHANT = {"customers_user"}
WALLED = sorted(set(MODELS) - OF_NO_MERCHANT)
RIGHTS = {table: law.rights for table in WALLED for law in MODELS[table]._meta.constraints if isinstance(law, TenantWall)}
REFERENCES = [
    pytest.param(table, law, id=law.name)
    for table, model in MODELS.items()
    for law in model._meta.constraints
    if isinstance(law, References)
]

#: What keeps another law from answering first: another way, and a refund that the provider made.
OTHERWISE_LEGAL = {"fulfilment_fulfilment": {"way": "voucher"}, "payments_refund": {"origin": "provider"}}

#: Tables of a merchant without row-level security, or without exactly our two policies.
WITHOUT_WALL = """
  SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND (c.relname = 'merchants_merchant' OR EXISTS (
         SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'merchant_id' AND NOT a.attisdropped))
    AND NOT (c.relrowsecurity
      AND EXISTS (SELECT 1 FROM pg_policies p WHERE p.tablename = c.relname AND p.policyname = 'tenant'
                  AND p.roles = '{holdfast_app}' AND p.cmd = 'ALL' AND p.permissive = 'PERMISSIVE'
                  AND p.qual LIKE '(% = holdfast_merchant())' AND p.with_check = p.qual)
      AND EXISTS (SELECT 1 FROM pg_policies p WHERE p.tablename = c.relname AND p.policyname = 'checker'
                  AND p.roles = '{holdfast_check}' AND p.cmd = 'SELECT')
      AND (SELECT count(*) FROM pg_policies p WHERE p.tablename = c.relname) = 2)
"""


def kept(table: str) -> bool:
    """A law of its own keeps every row of it."""
    return any(isinstance(law, Permanent | AppendOnly) for law in MODELS[table]._meta.constraints)


def tenant(table: str) -> str:
    return "id" if table == "merchants_merchant" else "merchant_id"


def test_every_table_of_a_merchant_stands_behind_the_wall(owner: Rows) -> None:
    """Read from the database, so that a table made by any road is seen."""
    assert owner.execute(WITHOUT_WALL).fetchall() == []
    owner.execute("CREATE TABLE forgotten (id uuid, merchant_id uuid)")
    assert owner.execute(WITHOUT_WALL).fetchall() == [("forgotten",)]


def test_every_model_is_a_merchants_or_says_why_not() -> None:
    assert set(RIGHTS) == set(WALLED)
    assert {table for table in MODELS if table not in BUILDERS} == {"db_transition"}, "a new table needs a builder in rows.py"


@pytest.mark.parametrize("table", WALLED)
def test_only_ones_own_rows_are_seen(app: Rows, world: World, table: str) -> None:
    column = tenant(table)
    assert world.database.count(table, f"{column} = %s", world.other_id) > 0
    assert app.value(f"SELECT count(*) FROM {table}") == world.database.count(table, f"{column} = %s", world.merchant_id) > 0
    assert app.value(f"SELECT count(*) FROM {table} WHERE {column} = %s", world.other_id) == 0


@pytest.mark.parametrize("nobody", ["", None])
@pytest.mark.parametrize("table", WALLED)
def test_without_a_tenant_nothing_is_seen(world: World, table: str, nobody: str | None) -> None:
    with world.database.as_app(nobody) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        if "INSERT" in RIGHTS[table]:
            with refused(connection, None, NO_RIGHT):
                Rows(connection, world.merchant_id, world.ours).insert(table)


@pytest.mark.parametrize("table", [table for table in WALLED if "INSERT" in RIGHTS[table]])
def test_no_row_is_written_for_another_merchant(app: Rows, world: World, table: str) -> None:
    """Neither a row of theirs made of our parents, nor one made of theirs."""
    app.insert(table)
    before = world.database.count(table)
    with refused(app.connection, None, NO_RIGHT):
        app.insert(table, merchant_id=world.other_id)
    theirs = Rows(app.connection, world.other_id, world.theirs)
    with refused(app.connection, None, NO_RIGHT):
        theirs.insert(table)
    assert world.database.count(table) == before


@pytest.mark.parametrize("table", [table for table in WALLED if "UPDATE" in RIGHTS[table]])
def test_no_row_of_another_merchant_is_changed(app: Rows, world: World, table: str) -> None:
    their_id = world.theirs[table]
    assert app.update(table, their_id, id=their_id) == 0
    assert app.value(f"WITH u AS (UPDATE {table} SET id = id RETURNING merchant_id) SELECT count(*) FROM u WHERE "
                     "merchant_id <> holdfast_merchant()") == 0  # fmt: skip


@pytest.mark.parametrize("table", [table for table in WALLED if "UPDATE" in RIGHTS[table]])
def test_no_row_is_given_to_another_merchant(app: Rows, world: World, table: str) -> None:
    """By the wall, or by a law that answers before it."""
    before = app.value(f"SELECT count(*) FROM {table}")
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)) as caught:
        with app.connection.transaction():
            app.update(table, app.first[table], merchant_id=world.other_id)
    assert caught.value.diag.constraint_name in (None, f"{table}_frozen")
    assert app.value(f"SELECT count(*) FROM {table}") == before


@pytest.mark.parametrize("table", [table for table in WALLED if "DELETE" in RIGHTS[table]])
def test_no_row_of_another_merchant_is_deleted(app: Rows, world: World, table: str) -> None:
    assert app.delete(table, world.theirs[table]) == 0
    app.execute(f"DELETE FROM {table}")
    assert world.database.count(table, "merchant_id = %s", world.other_id) > 0


@pytest.mark.parametrize(("table", "law"), REFERENCES)
def test_a_reference_to_another_merchants_row_is_refused(
    owner: Rows, app: Rows, world: World, table: str, law: References
) -> None:
    """As owner, whom no policy holds, and as the application: by the named foreign key, because both are compared."""
    for rows in (owner, app):
        with refused(rows.connection, law.name, FOREIGN_KEY_VIOLATION):
            rows.insert(table, **OTHERWISE_LEGAL.get(table, {}), **{law.column: world.theirs[law.to]})


@pytest.mark.parametrize(("table", "law"), [case for case in REFERENCES if not kept(case.values[1].to)])
def test_a_row_that_others_refer_to_stays(owner: Rows, table: str, law: References) -> None:
    referred = owner.insert(law.to)
    owner.insert(table, **{law.column: referred})
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        owner.delete(law.to, referred)


PLAIN_KEYS = """
  SELECT c.conname, c.conrelid::regclass::text, a.attname FROM pg_constraint c
  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND c.connamespace = 'public'::regnamespace AND c.conparentid = 0
  AND c.conrelid::regclass::text !~ '^(auth|django)_' AND c.conrelid::regclass::text !~ '^customers_user'
"""


def test_plain_keys_lead_only_to_merchants_and_logins(owner: Rows) -> None:
    """A plain key looks past row-level security; these two lead to rows that are no merchant's secret."""
    keys = owner.execute(PLAIN_KEYS).fetchall()
    assert {column for _, _, column in keys} == {"merchant_id", "user_id", "owner_id"}


def test_a_row_needs_a_merchant_that_is_there(owner: Rows) -> None:
    for name, table, column in owner.execute(PLAIN_KEYS).fetchall():
        if table not in ("db_transition", "db_payload"):
            with refused(owner.connection, name, FOREIGN_KEY_VIOLATION):
                owner.execute("SET CONSTRAINTS ALL DEFERRED")
                columns = {**BUILDERS[table](owner), column: UUID(int=7)}
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                owner.insert(table, **columns)
                owner.execute(f'SET CONSTRAINTS "{name}" IMMEDIATE')
