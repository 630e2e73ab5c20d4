"""One transaction on the books: objects by id, lists by account, alarms, switches."""

import json
import sqlite3
import time

from holdfast.gateway.errors import missing

KINDS = {  # How an id's prefix names its kind, and how errors call it.
    "cs": ("checkout.session", "checkout.session"),
    "pi": ("payment_intent", "payment_intent"),
    "ch": ("charge", "charge"),
    "re": ("refund", "refund"),
    "txn": ("balance_transaction", "balance transaction"),
    "evt": ("event", "event"),
    "we": ("webhook_endpoint", "webhook endpoint"),
    "du": ("dispute", "dispute"),
    "po": ("payout", "payout"),
}
TITLES = dict(KINDS.values())


def kind_of(id_: str) -> str:
    """The kind that an id's prefix tells, or an empty string."""
    return KINDS.get(id_.split("_", 1)[0], ("", ""))[0]


class Tx:
    """Handed to every piece of work by the books. Lives only as long as that work."""

    def __init__(self, connection: sqlite3.Connection, world):
        self._db = connection
        self.world = world
        self.now = time.time()

    def execute(self, sql: str, values=()) -> sqlite3.Cursor:
        return self._db.execute(sql, values)

    def add(self, obj: dict, *, account: str, private: dict | None = None) -> dict:
        self.execute(
            "INSERT INTO objects (id, kind, account, created, type, payment_intent, charge, source, body, private)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [obj["id"], obj["object"], account, obj["created"], *_columns(obj), json.dumps(private or {})],
        )
        return obj

    def save(self, obj: dict) -> dict:
        self.execute(
            "UPDATE objects SET type = ?, payment_intent = ?, charge = ?, source = ?, body = ? WHERE id = ?",
            [*_columns(obj), obj["id"]],
        )
        return obj

    def get(self, kind: str, id_: str, *, account: str | None = None, param: str = "id") -> dict:
        """The object, or 404. Another account's objects do not exist; only control calls come without an account."""
        row = self.execute("SELECT account, kind, body FROM objects WHERE id = ?", [id_]).fetchone()
        if row is None or row["kind"] != kind or account not in (None, row["account"]):
            raise missing(TITLES[kind], id_, param)
        return json.loads(row["body"])

    def livemode(self, account: str) -> bool:
        return bool(self.execute("SELECT livemode FROM accounts WHERE id = ?", [account]).fetchone()["livemode"])

    def account_of(self, id_: str) -> str:
        return self.execute("SELECT account FROM objects WHERE id = ?", [id_]).fetchone()["account"]

    def private(self, id_: str) -> dict:
        row = self.execute("SELECT private FROM objects WHERE id = ?", [id_]).fetchone()
        return json.loads(row["private"])

    def keep_private(self, id_: str, **values) -> None:
        private = {**self.private(id_), **values}
        self.execute("UPDATE objects SET private = ? WHERE id = ?", [json.dumps(private), id_])

    def muted(self, id_: str | None) -> bool:
        """Whether this object's events are recorded but never delivered."""
        return id_ is not None and self.private(id_).get("mute", False)

    def find(self, kind: str, *, account: str | None = None, **columns) -> list[dict]:
        """All objects of a kind with these column values, oldest first."""
        wanted = {"kind": kind, **({"account": account} if account else {}), **columns}
        where = " AND ".join(f"{name} = ?" for name in wanted)
        rows = self.execute(f"SELECT body FROM objects WHERE {where} ORDER BY seq", list(wanted.values()))
        return [json.loads(row["body"]) for row in rows]

    def set_alarm(self, object_id: str, action: str, after_s: float) -> None:
        self.execute("REPLACE INTO alarms VALUES (?, ?, ?)", [object_id, action, self.now + after_s])

    def stop_alarm(self, object_id: str, action: str) -> None:
        self.execute("DELETE FROM alarms WHERE object = ? AND action = ?", [object_id, action])

    def switch(self, name: str, default: str = "") -> str:
        row = self.execute("SELECT value FROM switches WHERE name = ?", [name]).fetchone()
        return row["value"] if row else default

    def set_switch(self, name: str, value: str) -> None:
        self.execute("REPLACE INTO switches VALUES (?, ?)", [name, value])


def _columns(obj: dict) -> list:
    names = ("type", "payment_intent", "charge", "source")
    return [*(obj.get(name) for name in names), encode(obj)]


def encode(obj: dict | list) -> str:
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":"))
