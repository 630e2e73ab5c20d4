"""Whatever providers say of an order's money, in whatever order and however often (S-57, R-J1, R-J2, R-J3, R-F7, R-S1).

The list stays empty, every account of the ledger is explained to the cent, and the order says what its money did.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast import invariants
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, writing
from holdfast.flows import moneyback, reports, shares
from holdfast.flows.dossiers import Dossiers
from holdfast.kernel import ids
from holdfast.payments import queries as payments
from holdfast.payments.models import Fact
from holdfast.providers.contract import Kind, ProviderReport, Source
from tests import build
from tests.build import Shop
from tests.conftest import Database, clone, drop
from tests.integration import driving

#: A mug, a book and shipping, in cents.
TOTAL = 1250 + 900 + 490
#: Some 15 s. Each looks at the whole list, which costs as much as all that was told.
EXAMPLES = 60
THEN = datetime(2026, 5, 1, tzinfo=UTC)
FIRST, SECOND = "ch_first", "ch_second"

#: How a refund may go, as its provider would tell it, oldest first.
LIVES = (
    (Kind.REFUND_PENDING,),
    (Kind.REFUNDED,),
    (Kind.REFUND_FAILED,),
    (Kind.REFUND_PENDING, Kind.REFUNDED),
    (Kind.REFUND_PENDING, Kind.REFUND_FAILED),
    (Kind.REFUNDED, Kind.REFUND_FAILED),
    (Kind.REFUND_PENDING, Kind.REFUNDED, Kind.REFUND_FAILED),
)
FUNDS = ((), (Kind.FUNDS_WITHDRAWN,), (Kind.FUNDS_WITHDRAWN, Kind.FUNDS_REINSTATED))
DECISIONS = ((), (Kind.DISPUTE_REVIEWED,), (Kind.DISPUTE_WON,), (Kind.DISPUTE_REVIEWED, Kind.DISPUTE_LOST), (Kind.DISPUTE_LOST,))


@dataclass(frozen=True)
class Back:
    """A refund: requested here, or made in the dashboard."""

    name: str
    amount: int
    life: tuple[Kind, ...]
    requested: bool


@dataclass(frozen=True)
class Quarrel:
    """A dispute: what it took and returned, and who won; an appeal comes after everything else."""

    name: str
    amount: int
    funds: tuple[Kind, ...]
    decision: tuple[Kind, ...]
    appeal: Kind | None


@dataclass(frozen=True)
class Story:
    """What really happened to one order's money at the provider, and the order in which we hear of it."""

    held: bool
    captured: int
    twice: bool
    own: str
    refunds: tuple[Back, ...]
    disputes: tuple[Quarrel, ...]
    fees: tuple[int, ...]
    #: Which of the things to tell comes when (each at least once), and which comes with its attempt as well, as by a look-up.
    order: tuple[int, ...]
    together: frozenset[int] = frozenset()


def amounts(most: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([1, 2, most - 1 or 1, most]), st.integers(1, most))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    held = draw(st.booleans())
    captured = draw(amounts(TOTAL)) if held else TOTAL
    backs = tuple(
        Back(f"re_{n}", draw(amounts(captured)), draw(st.sampled_from(LIVES)), draw(st.booleans()))
        for n in range(draw(st.integers(0, 4)))
    )
    quarrels = tuple(
        Quarrel(
            f"dp_{n}",
            draw(amounts(captured)),
            draw(st.sampled_from(FUNDS)),
            draw(st.sampled_from(DECISIONS)),
            draw(st.sampled_from([None, None, Kind.DISPUTE_WON, Kind.DISPUTE_LOST])),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    fees = tuple(draw(st.lists(st.integers(1, 99), max_size=2)))
    story = Story(held, captured, not held and draw(st.integers(0, 3)) == 0, draw(st.sampled_from([FIRST, SECOND])),
                  backs, quarrels, fees, ())  # fmt: skip
    number = len(to_tell(story))
    again = draw(st.lists(st.integers(0, number - 1), max_size=number))
    order = tuple(draw(st.permutations([*range(number), *again])))
    return replace(story, order=order, together=frozenset(draw(st.sets(st.integers(0, number - 1), max_size=3))))


def to_tell(story: Story) -> list[tuple[Kind, Any]]:
    """Everything that the provider has to say of it, once."""
    said: list[tuple[Kind, Any]] = [(Kind.CAPTURED, FIRST)]
    said += [(Kind.AUTHORIZED, None)] if story.held else []
    said += [(Kind.CAPTURED, SECOND)] if story.twice else []
    said += [(kind, back) for back in story.refunds for kind in back.life]
    for each in story.disputes:
        said += [(kind, each) for kind in (Kind.DISPUTE_OPENED, *each.funds, *each.decision)]
    return [*said, *((Kind.FEE, n) for n in range(len(story.fees)))]


# -- Telling it -------------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """One order of the shop, and what has been told of it."""

    shop: Shop
    story: Story
    order_id: UUID
    payment_id: UUID
    provider_id: str | None
    #: Unlike those of other orders on the same account.
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    #: Our refunds by the story's names; None: it was refused, so the provider never heard of it.
    asked: dict[str, UUID | None] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)

    def object(self, name: str) -> str:
        return f"{name}_{self.mark}"

    def report(self, kind: Kind, about: Any, source: Source = Source.WEBHOOK) -> ProviderReport | None:
        """What the provider says; None of a refund that it was never asked for."""
        more: dict[str, Any] = {"money_id": self.object(self.money())}
        if isinstance(about, Back):
            refund_id = self.asked.get(about.name)
            if about.requested and refund_id is None:
                return None
            more |= {"object_id": self.object(about.name), "amount_minor": about.amount}
            more |= {"refund_reference": refund_id.hex} if refund_id else {}
        elif isinstance(about, Quarrel):
            more |= {"object_id": self.object(about.name), "amount_minor": about.amount, "due_at": THEN}
        elif kind is Kind.FEE:
            more |= {"object_id": self.object(f"fee_{about}"), "amount_minor": self.story.fees[about]}
        else:
            taken = self.story.captured if kind is Kind.CAPTURED else TOTAL
            more = {"object_id": self.object(about or FIRST), "amount_minor": taken, "reference": self.payment_id.hex}
            more |= {"provider_id": self.provider_id}
        return ProviderReport(
            **{"reference": None, **more},
            provider="stripe",
            account_id=self.shop.account_id,
            live=False,
            kind=kind,
            source=source,
            currency="EUR",
            occurred_at=THEN,
            raw_status=str(kind),
        )

    def money(self) -> str:
        """Refunds, disputes and fees are about this money."""
        return self.story.own if self.story.twice else FIRST

    def tell(self, kind: Kind, about: Any) -> None:
        """One thing is told. Money that was not heard of before is told first, as a look-up of it would."""
        if isinstance(about, Back) and about.requested:
            self.ask(about)
        said = self.report(kind, about)
        if said is None:
            return
        try:
            self.verdicts[reports.apply(said, merchant_id=self.shop.id, now=build.now()).verdict] += 1
        except reports.Early:
            self.verdicts["early"] += 1
            assert not self.knows(self.money())
            self.look(said)

    def look(self, *besides: ProviderReport) -> None:
        """The provider is asked about that money: the attempt's own word, and besides it what belongs to it."""
        said = self.report(Kind.CAPTURED, self.money(), Source.POLL)
        assert said is not None
        reports.apply(replace(said, also=besides), merchant_id=self.shop.id, now=build.now())

    def knows(self, money: str) -> bool:
        """Has this money been heard of as taken? That it is held is not enough for what is told of it."""
        with reading(self.shop.id):
            return Fact.objects.filter(kind="capture", object_id=self.object(money)).exists()

    def ask(self, back: Back) -> None:
        """Request the refund, once, as soon as anything is heard of it; the answer of the provider is what is told."""
        if back.name in self.asked:
            return
        if not self.knows(self.money()):
            self.look()
        with writing(self.shop.id, step="tests.ask"):
            dossiers = Dossiers([self.order_id])
            payment = next(
                row for row in dossiers.payments.values() if dossiers.facts.knows_capture(row, self.object(self.money()))
            )
            if back.amount > moneyback.left_minor(dossiers, payment):
                self.asked[back.name] = None
                return
            refund, _, _ = moneyback.intend(
                dossiers,
                payment,
                amount_minor=back.amount,
                reason="",
                requested_by="tests",
                cause=Cause("a test"),
                now=build.now(),
            )
        self.asked[back.name] = refund.pk


def play(at: Shop, story: Story) -> Told:
    cart = build.basket(at, MUG=1, BOOK=1)
    placed = json.loads(build.check_out(at, cart, manual_capture=story.held).body)
    payment_id = ids.parsed("pay", placed["payment"]["id"])
    told = Told(at, story, ids.parsed("ord", placed["order"]["id"]), payment_id, build.payment(at, payment_id).provider_id)
    said = to_tell(story)
    for number in story.order:
        if number in story.together and told.knows(told.money()):
            besides = [told.report(*said[number])] if said[number][0] not in (Kind.CAPTURED, Kind.AUTHORIZED) else []
            told.look(*[each for each in besides if each is not None])
        told.tell(*said[number])
        told.tell(*said[number]) if number in story.together else None
    for each in story.disputes:
        told.tell(each.appeal, each) if each.appeal else None
    return told


# -- What must have become of it ----------------------------------------------------------------------------------------


@dataclass
class Truth:
    """Sums over what was told, in cents: of the money that paid the order, and of surplus money."""

    own_captured: int = 0
    own_back: int = 0
    lost: int = 0
    surplus_captured: int = 0
    surplus_back: int = 0
    refunded: int = 0
    held: int = 0
    fees: int = 0


def ends(told: Told) -> Truth:
    """Derived from the story alone, and from which money the order took."""
    story, truth = told.story, Truth(fees=sum(told.story.fees))
    with reading(told.shop.id):
        rows = payments.of_order(told.order_id)
        taken = dict(payments.with_money({(told.shop.account_id, told.object(told.money()))}))
    about_surplus = taken[told.shop.account_id, told.object(told.money())].surplus_at is not None
    assert [row.surplus_at is None for row in rows].count(True) == 1 or story.twice
    for back in story.refunds:
        heard = not back.requested or told.asked[back.name] is not None
        truth.refunded += back.amount if heard and back.life[-1] is Kind.REFUNDED else 0
    for each in story.disputes:
        held = each.amount if each.funds == (Kind.FUNDS_WITHDRAWN,) else 0
        decided = each.appeal or (each.decision[-1] if each.decision else None)
        truth.held += held
        truth.lost += held if decided is Kind.DISPUTE_LOST else 0
    truth.own_captured, truth.surplus_captured = story.captured, story.captured if story.twice else 0
    truth.own_back = 0 if about_surplus else truth.refunded + truth.lost
    truth.surplus_back = truth.refunded + truth.lost if about_surplus else 0
    return truth


BALANCES = """
  SELECT g.account, sum(g.debit_minor - g.credit_minor)::int
  FROM ledger_entry e JOIN ledger_posting g ON g.entry_id = e.id AND g.account NOT LIKE 'authorized%%'
  WHERE e.order_id = %s GROUP BY 1 HAVING sum(g.debit_minor - g.credit_minor) <> 0
"""
CONFIRMED = """
  SELECT coalesce(sum(f.amount_minor) FILTER (WHERE f.kind = 'capture'), 0)::int,
         coalesce(sum(CASE f.kind WHEN 'refund' THEN f.amount_minor WHEN 'refund_failed' THEN -f.amount_minor END), 0)::int
  FROM payments_fact f JOIN payments_payment p ON p.id = f.payment_id WHERE p.order_id = %s
"""


def explained(told: Told, truth: Truth) -> dict[str, int]:
    """Every account, from the sums."""
    order = build.order(told.shop, told.order_id)
    sold = shares.of_sale(order, truth.own_captured) - shares.of_sale(order, min(truth.own_back, truth.own_captured))
    excess = max(truth.own_back - truth.own_captured, 0)
    wanted = {
        "receivable:stripe": truth.own_captured + truth.surplus_captured - truth.refunded - truth.held - truth.fees,
        "disputed": truth.held - truth.lost,
        "provider_fees": truth.fees,
        "sales": -sold.net_minor,
        "shipping_income": -sold.shipping_minor,
        "tax_payable": -sold.tax_minor,
        "customer_deposits": excess - (truth.surplus_captured - truth.surplus_back),
    }
    return {account: minor for account, minor in wanted.items() if minor}


def state_of(truth: Truth) -> str:
    if truth.own_back >= truth.own_captured:
        return "refunded"
    return "partially_refunded" if truth.own_back else "paid"


@pytest.fixture(scope="module")
def desk(gateway: Any) -> Iterator[tuple[Database, Shop]]:
    """One database and one shop for all examples: each is an order of its own."""
    database = clone()
    at = build.shop(gateway.url, f"sk_test_{secrets.token_hex(12)}", mugs=100_000)
    yield database, at
    driving.retire(database, at)
    drop(database)


WHOLE = Story(False, TOTAL, False, FIRST, (), (), (), (0,))
BOUNCED = Back("re_0", TOTAL, (Kind.REFUNDED, Kind.REFUND_FAILED), True)
LOST = Quarrel("dp_0", TOTAL, (Kind.FUNDS_WITHDRAWN,), (Kind.DISPUTE_LOST,), None)


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)  # fmt: skip
@given(story=stories())
@example(story=WHOLE)
@example(story=replace(WHOLE, refunds=(BOUNCED,), order=(2, 1, 0, 2)))
@example(story=replace(WHOLE, refunds=(replace(BOUNCED, requested=False),), disputes=(LOST,), order=(5, 4, 3, 2, 1, 0)))
@example(story=replace(WHOLE, disputes=(replace(LOST, appeal=Kind.DISPUTE_WON),), order=(3, 2, 1, 0)))
@example(story=replace(WHOLE, twice=True, own=SECOND, refunds=(replace(BOUNCED, life=(Kind.REFUNDED,)),), order=(2, 1, 0)))
def test_any_sequence_of_money_is_explained(desk: tuple[Database, Shop], story: Story) -> None:
    database, at = desk
    told = play(at, story)
    truth = ends(told)
    assert invariants.check() == []
    assert dict(database.rows(BALANCES, told.order_id)) == explained(told, truth)
    assert build.order(at, told.order_id).state == state_of(truth)
    assert database.rows(CONFIRMED, told.order_id) == [(truth.own_captured + truth.surplus_captured, truth.refunded)]


@pytest.mark.parametrize("kind", [Kind.REFUNDED, Kind.FUNDS_WITHDRAWN, Kind.FEE])
def test_what_comes_by_the_answer_that_tells_of_its_money_is_applied(desk: tuple[Database, Shop], kind: Kind) -> None:
    """A look-up tells of a capture that we never heard of, and besides of what became of it: nothing of it is early."""
    database, at = desk
    about = {Kind.REFUNDED: replace(BOUNCED, requested=False), Kind.FUNDS_WITHDRAWN: LOST, Kind.FEE: 0}[kind]
    told = play(at, replace(WHOLE, fees=(65,), order=()))
    besides = told.report(kind, about)
    assert besides is not None
    told.look(besides)
    facts = (
        "SELECT f.kind, f.amount_minor FROM payments_fact f JOIN payments_payment p ON p.id = f.payment_id WHERE p.order_id = %s"
    )
    learned = {Kind.REFUNDED: ("refund", TOTAL), Kind.FUNDS_WITHDRAWN: ("withdrawn", TOTAL), Kind.FEE: ("fee", 65)}[kind]
    assert sorted(database.rows(facts, told.order_id)) == sorted([("capture", TOTAL), learned])
    assert invariants.check() == []


def test_a_part_that_was_captured_grows_no_more(desk: tuple[Database, Shop]) -> None:
    """What is not taken is let go of: a larger word about the same money is apart from the sale, and a person's to explain."""
    database, at = desk
    told = play(at, replace(WHOLE, held=True, captured=1000, order=(0,)))
    larger = told.report(Kind.CAPTURED, FIRST)
    assert larger is not None
    for _ in range(2):
        reports.apply(replace(larger, amount_minor=1600), merchant_id=at.id, now=build.now())
    payment = build.payment(at, told.payment_id)
    assert (payment.captured_minor, payment.surplus_at, build.order(at, told.order_id).state) == (1000, None, "paid")
    assert dict(database.rows(BALANCES, told.order_id)) == {
        "receivable:stripe": 1600,
        "unapplied_funds": -600,
        "sales": -684,
        "shipping_income": -156,
        "tax_payable": -160,
    }
    assert database.rows("SELECT kind, state FROM cases_case WHERE order_id = %s", told.order_id) == [("amount_conflict", "open")]
    assert invariants.check() == []
