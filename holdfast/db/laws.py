"""Database laws, declared where a model declares its other constraints and carried by its migrations.

Each law is a Django constraint, so `makemigrations` notices a changed one (a new edge in a table of moves is a migration).
Built-in checks aside, a law raises with ERRCODE 23514 and a constraint name: Python sees an IntegrityError with that name.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BaseConstraint, Model

from holdfast.kernel.machine import Machine


class Law(BaseConstraint):
    """A law made of SQL statements. Subclasses give `statements` and `undo`."""

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name)

    def statements(self, model: type[Model]) -> Iterable[str]:
        raise NotImplementedError

    def undo(self, model: type[Model]) -> Iterable[str]:
        raise NotImplementedError

    def inline(self, model: type[Model]) -> str | None:
        """The part that must stand in CREATE TABLE itself, because other tables refer to it."""
        return None

    def constraint_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str | None:  # type: ignore[override]
        schema_editor.deferred_sql.extend(self.statements(model))
        return self.inline(model)

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        inline = self.inline(model)
        first = [f"ALTER TABLE {_table(model)} ADD {inline};"] if inline else []
        return "\n".join([*first, *self.statements(model)])

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        return "\n".join(self.undo(model))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database is the judge; a form cannot know."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class TriggerLaw(Law):
    """A law that is a trigger function with its triggers."""

    def body(self, model: type[Model]) -> str:
        """The function's PL/pgSQL statements between BEGIN and END."""
        raise NotImplementedError

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        """(suffix, when): `("row", "BEFORE UPDATE")`; a suffix of "statement" is per statement, "deferred" at commit."""
        raise NotImplementedError

    def statements(self, model: type[Model]) -> Iterable[str]:
        yield (f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $law$\nBEGIN\n{self.body(model)}\nEND $law$;")
        for suffix, when in self.triggers(model):
            level = "STATEMENT" if suffix == "statement" else "ROW"
            deferred = suffix == "deferred"
            yield (
                f"CREATE {'CONSTRAINT ' if deferred else ''}TRIGGER {self.name}_{suffix} {when} ON {_table(model)} "
                f"{'DEFERRABLE INITIALLY DEFERRED ' if deferred else ''}"
                f"FOR EACH {level} EXECUTE FUNCTION {self.name}();"
            )

    def undo(self, model: type[Model]) -> Iterable[str]:
        yield f"DROP FUNCTION {self.name}() CASCADE;"

    def refuse(self, message: str, *arguments: str) -> str:
        values = "".join(f", {argument}" for argument in arguments)
        return f"RAISE EXCEPTION '{message}'{values} USING ERRCODE = '23514', CONSTRAINT = '{self.name}';"


class TenantWall(Law):
    """Row-level security by merchant, failing closed; `(merchant_id, id)` unique, so that references can be composite.

    The owner is exempt (migrations, SECURITY DEFINER functions), `holdfast_check` sees all and changes nothing.
    The application has only the rights given here: by default it may not delete.
    """

    def __init__(self, *, name: str, column: str = "merchant_id", rights: str = "SELECT, INSERT, UPDATE") -> None:
        self.column, self.rights = column, rights
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "column": self.column, "rights": self.rights}

    def inline(self, model: type[Model]) -> str | None:
        if self.column == "id":
            return None
        return f"CONSTRAINT {self.name} UNIQUE ({self.column}, {_key(model)})"

    def statements(self, model: type[Model]) -> Iterable[str]:
        table = _table(model)
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        yield (
            f"CREATE POLICY tenant ON {table} TO holdfast_app "
            f"USING ({self.column} = holdfast_merchant()) WITH CHECK ({self.column} = holdfast_merchant());"
        )
        yield f"CREATE POLICY checker ON {table} FOR SELECT TO holdfast_check USING (true);"
        yield f"GRANT {self.rights} ON {table} TO holdfast_app;"
        yield f"GRANT SELECT ON {table} TO holdfast_check;"

    def undo(self, model: type[Model]) -> Iterable[str]:
        table = _table(model)
        yield f"DROP POLICY tenant ON {table}; DROP POLICY checker ON {table};"
        yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        yield f"REVOKE ALL ON {table} FROM holdfast_app, holdfast_check;"
        if self.column != "id":
            yield f"ALTER TABLE {table} DROP CONSTRAINT {self.name};"


class References(Law):
    """A foreign key within one merchant: `(merchant_id, <column>)`. A plain one would look past row-level security."""

    def __init__(self, *, name: str, column: str, to: str) -> None:
        self.column, self.to = column, to
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "column": self.column, "to": self.to}

    def statements(self, model: type[Model]) -> Iterable[str]:
        yield (
            f"ALTER TABLE {_table(model)} ADD CONSTRAINT {self.name} FOREIGN KEY (merchant_id, {self.column}) "
            f"REFERENCES {self.to} (merchant_id, id) DEFERRABLE INITIALLY IMMEDIATE;"
        )

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        """At the end of the migration: the table referred to may get its unique pair only then."""
        schema_editor.deferred_sql.extend(self.statements(model))

    def undo(self, model: type[Model]) -> Iterable[str]:
        yield f"ALTER TABLE {_table(model)} DROP CONSTRAINT {self.name};"


class Moves(TriggerLaw):
    """The table of moves, enforced on INSERT and UPDATE whoever writes; each move appends a row of history.

    A row says in `moved` why it is where it is; a move that does not renew it, or that brings the nonce of an earlier move
    back, is refused, so that history is never without a cause and a stale writer repeats nothing. With `history=False`
    (queues that live by volume) only the edges are enforced.
    """

    def __init__(
        self,
        machine: Machine | None = None,
        *,
        name: str,
        subject: str = "",
        initial: Sequence[str] = (),
        edges: Sequence[tuple[str, str]] = (),
        history: bool = True,
    ) -> None:
        self.subject = machine.name if machine else subject
        self.initial = tuple(machine.initial if machine else initial)
        listed = [(edge.source, edge.target) for edge in machine.edges] if machine else edges
        self.edges = tuple(dict.fromkeys((a, b) for a, b in listed))
        self.history = history
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        own = {"subject": self.subject, "initial": self.initial, "edges": self.edges, "history": self.history}
        return path, args, {**kwargs, **own}

    def body(self, model: type[Model]) -> str:
        births = ", ".join(f"'{state}'" for state in self.initial)
        moves = ", ".join(f"'{a}>{b}'" for a, b in self.edges)
        cause = f"""
          IF NEW.moved IS NULL OR NEW.moved->>'cause' IS NULL OR (TG_OP = 'UPDATE' AND NEW.moved = OLD.moved) THEN
            {self.refuse(f"{self.subject}: a move names its cause")}
          END IF;"""
        return f"""
          IF TG_OP = 'INSERT' THEN
            IF NEW.state NOT IN ({births}) THEN
              {self.refuse(f"{self.subject}: a row cannot begin as %", "NEW.state")}
            END IF;
          ELSIF NEW.state = OLD.state THEN
            RETURN NEW;
          ELSIF OLD.state || '>' || NEW.state NOT IN ({moves}) THEN
            {self.refuse(f"{self.subject}: % to % is not in the table of moves", "OLD.state", "NEW.state")}
          END IF;{cause if self.history else ""}
          RETURN NEW;"""

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("row", "BEFORE INSERT OR UPDATE")]

    def statements(self, model: type[Model]) -> Iterable[str]:
        yield from super().statements(model)
        if self.history:
            yield (
                f"CREATE TRIGGER {self.name}_history AFTER INSERT OR UPDATE OF state ON {_table(model)} "
                f"FOR EACH ROW EXECUTE FUNCTION holdfast_record_move('{self.subject}', '{self.name}');"
            )

    def undo(self, model: type[Model]) -> Iterable[str]:
        if self.history:
            yield f"DROP TRIGGER {self.name}_history ON {_table(model)};"
        yield from super().undo(model)


class AppendOnly(TriggerLaw):
    """Rows are added and never changed or removed, also not by TRUNCATE; the application has no right to try (MerchantKey
    gives it none)."""

    def body(self, model: type[Model]) -> str:
        return self.refuse(f"{_table(model)} is append-only")

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("row", "BEFORE UPDATE OR DELETE"), ("statement", "BEFORE TRUNCATE")]


class Permanent(TriggerLaw):
    """Rows may change as their other laws allow but are never removed, also not by TRUNCATE."""

    def body(self, model: type[Model]) -> str:
        return self.refuse(f"{_table(model)} keeps its rows")

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("row", "BEFORE DELETE"), ("statement", "BEFORE TRUNCATE")]


class Frozen(TriggerLaw):
    """Columns (and the id) that keep the value they were born with; with `once`, those that may be filled in once."""

    def __init__(self, *, name: str, columns: Sequence[str] = (), once: Sequence[str] = ()) -> None:
        self.columns, self.once = tuple(columns), tuple(once)
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "columns": self.columns, "once": self.once}

    def body(self, model: type[Model]) -> str:
        tests = [f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in (_key(model), *self.columns)]
        tests += [f"(OLD.{c} IS NOT NULL AND NEW.{c} IS DISTINCT FROM OLD.{c})" for c in self.once]
        return f"""
          IF {" OR ".join(tests)} THEN
            {self.refuse(f"{_table(model)}: what was agreed does not change")}
          END IF;
          RETURN NEW;"""

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("row", "BEFORE UPDATE")]


class Grows(TriggerLaw):
    """Columns that only ever grow: what we know of money that moved is never unlearned."""

    def __init__(self, *, name: str, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "columns": self.columns}

    def body(self, model: type[Model]) -> str:
        tests = " OR ".join(f"NEW.{column} < OLD.{column}" for column in self.columns)
        return f"""
          IF {tests} THEN
            {self.refuse(f"{_table(model)}: knowledge of money only grows")}
          END IF;
          RETURN NEW;"""

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("row", "BEFORE UPDATE")]


class Rule(TriggerLaw):
    """A law of one table only: PL/pgSQL written out in the model. `{refuse}` in it raises with the law's name."""

    def __init__(self, *, name: str, when: str, sql: str, message: str, deferred: bool = False) -> None:
        self.when, self.sql, self.message, self.deferred = when, sql, message, deferred
        super().__init__(name=name)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        own = {"when": self.when, "sql": self.sql, "message": self.message, "deferred": self.deferred}
        return path, args, {**kwargs, **own}

    def body(self, model: type[Model]) -> str:
        return self.sql.replace("{refuse}", self.refuse(self.message))

    def triggers(self, model: type[Model]) -> Sequence[tuple[str, str]]:
        return [("deferred" if self.deferred else "row", self.when)]


def _table(model: type[Model]) -> str:
    return model._meta.db_table


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.column)
