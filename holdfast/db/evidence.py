"""What people look at when they ask what happened: the history of moves, and payloads as far as they are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import BinaryField, Func, IntegerField, Value
from django.db.models.functions import Length

from holdfast.db.models import Payload, Transition


@dataclass(frozen=True)
class Head:
    """The first bytes of a payload; `size` is that of the whole."""

    kind: str
    headers: dict[str, str]
    body: bytes
    size: int


def moves(subject_ids: Iterable[UUID], *, limit: int) -> list[Transition]:
    """The moves of these things, oldest first."""
    return list(Transition.objects.filter(subject_id__in=set(subject_ids)).order_by("id")[:limit])


def heads(payload_ids: Iterable[UUID], *, size: int) -> dict[UUID, Head]:
    """The first `size` bytes of each payload, by id: one statement. Those past retention are left out."""
    cut = Func("body", Value(1), Value(size), function="substring", output_field=BinaryField())
    length: Length = Length("body", output_field=IntegerField())
    rows = Payload.objects.filter(pk__in=set(payload_ids)).annotate(cut=cut, length=length)
    return {
        row["pk"]: Head(row["kind"], row["headers"], bytes(row["cut"]), row["length"])
        for row in rows.values("pk", "kind", "headers", "cut", "length")
    }
