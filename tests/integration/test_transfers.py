"""Bank transfers from end to end: what came in, what it paid, what the ledger says of each cent (R-D5, R-D6, S-35)."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from holdfast import cli
from holdfast.db.tenancy import reading
from holdfast.flows import entries, expiry, payouts, recovery, statements
from holdfast.kernel import limits
from holdfast.ledger import queries as ledger
from holdfast.providers.transfer import reference
from holdfast.providers.transfer.statement import BadStatement
from tests import build
from tests.crash.world import World
from tests.integration import driving
from tests.integration.bank import PAID, TOTAL, Desk, named, open_desk, pay_out, refund

MAIL = "Still missing: "


@pytest.fixture
def desk(world: World) -> Desk:
    return open_desk(world)


def late(desk: Desk, *, order_id: UUID) -> None:
    """The window passes, and nobody has heard of any money."""
    order = build.order(desk.shop, order_id)
    driving.travel(desk.world.database, seconds=order.expires_at.timestamp() - build.now().timestamp() + 1)
    driving.all_due(desk.world.database, desk.shop, "orders")
    expiry.work()
    assert desk.state(order_id) == "payment_failed"


# -- The window and what is shown -------------------------------------------------------------------------------------


def test_a_transfer_has_days_and_the_stock_waits_as_long(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    order, payment = build.order(desk.shop, order_id), desk.payment(payment_id)
    assert timedelta(days=4, hours=23) < order.expires_at - build.now() <= limits.TRANSFER_WINDOW
    assert payment.expires_at == order.expires_at
    assert desk.world.database.value("SELECT expires_at FROM inventory_reservation") == order.expires_at
    assert (payment.state, payment.provider_id) == ("open", reference.of(payment_id))
    assert payment.show["transfer"]["reference"] == named(payment_id)
    assert payment.show["transfer"]["amount"] == "26.40 EUR"


def test_asking_changes_nothing(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    driving.all_due(desk.world.database, desk.shop, "payments")
    recovery.work_payments()
    assert (desk.state(order_id), desk.payment(payment_id).state) == ("payment_pending", "open")


# -- It comes in as it should -----------------------------------------------------------------------------------------


def test_a_statement_pays_what_it_names(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    assert desk.bring(("T1", "26.40", f"Order {named(payment_id)} thanks"), ("T2", "-5.00", "fee")) == ["allocated"]
    assert (desk.state(order_id), desk.payment(payment_id).captured_minor) == ("paid", TOTAL)
    assert (desk.ledger(), desk.cases()) == (PAID, [])
    kind = "SELECT kind FROM ledger_entry WHERE merchant_id = %s ORDER BY id"
    assert [row[0] for row in desk.world.database.rows(kind, desk.shop.id)] == ["receipt", "receipt_allocated", "capture", "sale"]
    fact = desk.world.database.rows("SELECT object_id, amount_minor, source FROM payments_fact WHERE payment_id = %s", payment_id)
    assert fact == [(f"transfer:{payment_id.hex}", TOTAL, "statement")]


def test_the_same_file_again_or_one_that_overlaps_changes_nothing(desk: Desk) -> None:
    _, first = desk.order()
    _, second = desk.order()
    one, two = ("T1", "26.40", named(first)), ("T2", "26.40", named(second))
    assert desk.bring(one) == ["allocated"]
    before = desk.ledger(), desk.world.count("ledger_entry"), desk.world.count("db_transition")
    assert desk.bring(one) == ["known"]
    assert (desk.ledger(), desk.world.count("ledger_entry"), desk.world.count("db_transition")) == before
    assert desk.bring(one, two) == ["known", "allocated"]
    assert desk.ledger() == {account: 2 * minor for account, minor in PAID.items()}


def test_a_dry_run_tells_the_same_and_writes_nothing(desk: Desk) -> None:
    """Also where two lines together make a payment."""
    order_id, payment_id = desk.order()
    lines = ("T1", "20.00", named(payment_id)), ("T2", "6.40", named(payment_id)), ("T3", "1.00", "a gift")
    tables = ("receipts_receipt", "ledger_entry", "cases_case", "outbox_message", "receipts_allocation")
    before = [desk.world.count(table) for table in tables]
    assert desk.bring(*lines, dry_run=True) == ["matched", "allocated", "unmatched"]
    assert [desk.world.count(table) for table in tables] == before
    assert desk.state(order_id) == "payment_pending"
    assert desk.bring(*lines) == ["matched", "allocated", "unmatched"]
    assert desk.state(order_id) == "paid"


def test_a_file_with_one_bad_line_leaves_nothing(desk: Desk) -> None:
    _, payment_id = desk.order()
    with pytest.raises(BadStatement):
        desk.bring(("T1", "26.40", named(payment_id)), ("T2", "x", ""))
    assert (desk.states(), desk.ledger()) == ([], {})


def test_a_statement_of_another_account_is_refused(desk: Desk) -> None:
    text = (
        "<OFX><STMTRS><CURDEF>EUR</CURDEF><BANKACCTFROM><ACCTID>{}</ACCTID></BANKACCTFROM><BANKTRANLIST></BANKTRANLIST>"
        "</STMTRS></OFX>"
    )
    more: dict[str, Any] = {"merchant_id": desk.shop.id, "format": "ofx", "by": "ada", "now": build.now()}
    with pytest.raises(BadStatement):
        statements.bring(content=text.format("4711"), **more)
    assert statements.bring(content=text.format("0532013000"), **more).lines == []


def test_an_id_that_the_bank_gave_twice_is_a_case_and_no_money(desk: Desk) -> None:
    _, payment_id = desk.order()
    desk.bring(("T1", "26.40", named(payment_id)))
    assert desk.bring(("T1", "9.00", "other money")) == ["contradicts"]
    assert (desk.ledger(), desk.cases()) == (PAID, [("unplaced_money", "open")])


# -- Too little, too much, in two -------------------------------------------------------------------------------------


def test_too_little_is_kept_apart_and_the_customer_is_told_what_is_missing(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    assert desk.bring(("T1", "20.00", named(payment_id))) == ["matched"]
    assert (desk.state(order_id), desk.payment(payment_id).state) == ("payment_pending", "open")
    assert desk.ledger() == {"receivable:transfer": 2000, "unapplied_funds": -2000}
    assert desk.cases() == [("underpaid", "open")]
    assert desk.payment(payment_id).show["transfer"]["missing"] == "6.40 EUR"
    build.work()
    (letter,) = [each for each in desk.mails() if MAIL in each]
    assert f"{MAIL}6.40 EUR. " in letter
    assert f"the same reference: {named(payment_id)}." in letter


def test_two_transfers_that_reach_the_total_pay_it(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    assert desk.bring(("T1", "20.00", named(payment_id))) == ["matched"]
    assert desk.bring(("T2", "6.40", named(payment_id))) == ["allocated"]
    assert (desk.state(order_id), desk.states()) == ("paid", ["allocated", "allocated"])
    assert (desk.ledger(), desk.cases()) == (PAID, [("underpaid", "resolved")])
    told = desk.world.database.rows("SELECT amount_minor FROM receipts_allocation WHERE payment_id = %s ORDER BY id", payment_id)
    assert told == [(2000,), (640,)]
    build.work()
    assert [each for each in desk.mails() if MAIL in each] == []


def test_too_much_pays_the_order_and_the_rest_waits_to_be_sent_back(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    (line,) = desk.brought(("T1", "30.00", named(payment_id))).lines
    assert line.outcome == "excess"
    assert (desk.state(order_id), desk.payment(payment_id).captured_minor) == ("paid", TOTAL)
    assert desk.ledger() == {**PAID, "receivable:transfer": 3000, "unapplied_funds": -360}
    assert desk.cases() == [("overpaid", "open")]
    told = desk.decide(entries.give_back, line.transfer, note="sent back on Monday")
    assert (told["state"], told["returned_minor"], told["left_minor"]) == ("returned", 360, 0)
    assert (desk.ledger(), desk.cases()) == (PAID, [("overpaid", "resolved")])


def test_a_second_transfer_of_the_whole_is_never_a_second_sale(desk: Desk) -> None:
    """D6."""
    order_id, payment_id = desk.order()
    assert desk.bring(("T1", "26.40", named(payment_id)), ("T2", "26.40", named(payment_id))) == ["allocated", "excess"]
    assert desk.ledger() == {**PAID, "receivable:transfer": 2 * TOTAL, "unapplied_funds": -TOTAL}
    assert desk.cases() == [("overpaid", "open")]
    assert desk.state(order_id) == "paid"


def test_the_rest_of_one_transfer_pays_another_order(desk: Desk) -> None:
    first_order, first = desk.order()
    second_order, second = desk.order()
    (line,) = desk.brought(("T1", "52.80", named(first))).lines
    told = desk.decide(entries.attach, line.transfer, payment_id=second)
    assert (told["state"], told["left_minor"]) == ("allocated", 0)
    assert [each["amount_minor"] for each in told["allocations"]] == [TOTAL, TOTAL]
    assert (desk.state(first_order), desk.state(second_order)) == ("paid", "paid")
    assert desk.ledger() == {account: 2 * minor for account, minor in PAID.items()}
    assert desk.cases() == [("overpaid", "resolved")]


# -- What fits nothing ------------------------------------------------------------------------------------------------


def test_an_unknown_reference_waits_until_a_person_says_what_it_is_for(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    (line,) = desk.brought(("T1", "26.40", "for the mug")).lines
    assert line.outcome == "unmatched"
    assert (desk.ledger(), desk.cases()) == (
        {"receivable:transfer": TOTAL, "unapplied_funds": -TOTAL},
        [("unplaced_money", "open")],
    )
    told = desk.decide(entries.attach, line.transfer, payment_id=payment_id, key="once")
    assert told["state"] == "allocated"
    assert desk.decide(entries.attach, line.transfer, payment_id=payment_id, key="once") == told
    assert (desk.state(order_id), desk.ledger(), desk.cases()) == ("paid", PAID, [("unplaced_money", "resolved")])
    with pytest.raises(entries.Decided):
        desk.decide(entries.attach, line.transfer, payment_id=payment_id)


def test_one_wrong_letter_names_nothing(desk: Desk) -> None:
    _, payment_id = desk.order()
    right = reference.of(payment_id)
    wrong = right[:-1] + ("B" if right[-1] != "B" else "C")
    assert desk.bring(("T1", "26.40", wrong)) == ["unmatched"]


def test_two_references_in_one_transfer_are_a_persons_to_share_out(desk: Desk) -> None:
    _, first = desk.order()
    _, second = desk.order()
    (line,) = desk.brought(("T1", "52.80", f"{named(first)} and {named(second)}")).lines
    assert line.outcome == "unmatched"
    assert desk.decide(entries.attach, line.transfer, payment_id=first)["state"] == "excess"
    assert desk.decide(entries.attach, line.transfer, payment_id=second)["state"] == "allocated"


def test_another_currency_is_kept_apart(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    (line,) = desk.brought(("T1", "26.40", named(payment_id), "USD")).lines
    assert (line.outcome, desk.state(order_id), desk.cases()) == ("unmatched", "payment_pending", [("unplaced_money", "open")])
    with pytest.raises(entries.OtherCurrency):
        desk.decide(entries.attach, line.transfer, payment_id=payment_id)
    desk.decide(entries.give_back, line.transfer, note="")
    assert (desk.ledger(), desk.states()) == ({}, ["returned"])


def test_money_that_is_no_customers_leaves_the_ledger_by_a_named_person(desk: Desk) -> None:
    (line,) = desk.brought(("T1", "500.00", "owner's deposit")).lines
    told = desk.decide(entries.ignore, line.transfer, note="the owner's own")
    assert (told["state"], desk.ledger(), desk.cases()) == ("ignored", {}, [("unplaced_money", "resolved")])
    with pytest.raises(entries.Decided):
        desk.decide(entries.give_back, line.transfer, note="")
    assert desk.bring(("T1", "500.00", "owner's deposit")) == ["known"]


def test_only_a_payment_by_transfer_takes_a_transfer(desk: Desk) -> None:
    """R-D5: a payment of another account is never paid by this one."""
    card_order, by_card = build.buy(desk.shop, MUG=1)
    (line,) = desk.brought(("T1", "17.40", "card")).lines
    with pytest.raises(entries.NoSuchTransferPayment):
        desk.decide(entries.attach, line.transfer, payment_id=by_card)
    assert desk.payment(by_card).captured_minor == 0
    expiry.cancel(merchant_id=desk.shop.id, order_id=card_order, actor="shopper", now=build.now())


# -- Entered by people ------------------------------------------------------------------------------------------------


def test_a_small_transfer_is_entered_by_one_person_and_once_for_a_key(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    told = desk.enter(TOTAL, named(payment_id), key="k")
    assert desk.enter(TOTAL, named(payment_id), key="k") == told
    assert (told["state"], told["source"], told["confirmed_by"]) == ("allocated", "operator", None)
    assert (desk.state(order_id), desk.ledger(), desk.states()) == ("paid", PAID, ["allocated"])
    assert desk.world.database.value("SELECT source FROM payments_fact WHERE payment_id = %s", payment_id) == "operator"


def test_beyond_the_limit_a_second_person_confirms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTERED_ALONE_MINOR", TOTAL - 1)
    order_id, payment_id = desk.order()
    told = desk.enter(TOTAL, payment_id=payment_id, by="Ada Lovelace")
    assert (told["state"], desk.ledger(), desk.state(order_id)) == ("unconfirmed", {}, "payment_pending")
    for same in ("Ada Lovelace", " ada  LOVELACE", "Ａda Lovelace"):
        with pytest.raises(entries.SamePerson):
            desk.decide(entries.confirm, told["id"], came_in=True, by=same)
    assert desk.ledger() == {}
    assert desk.decide(entries.confirm, told["id"], came_in=True, by="Bob")["state"] == "allocated"
    assert (desk.state(order_id), desk.ledger()) == ("paid", PAID)
    with pytest.raises(entries.NothingToConfirm):
        desk.decide(entries.confirm, told["id"], came_in=True, by="Carol")


def test_many_small_entries_are_not_a_way_round(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTERED_ALONE_MINOR", 2000)
    order_id, payment_id = desk.order()
    assert desk.enter(1400, payment_id=payment_id)["state"] == "matched"
    assert desk.enter(1240, payment_id=payment_id)["state"] == "unconfirmed"
    unmatched = desk.enter(1241)
    with pytest.raises(entries.SecondPersonNeeded):
        desk.decide(entries.attach, unmatched["id"], payment_id=payment_id, by="ada")
    desk.decide(entries.confirm, unmatched["id"], came_in=True)
    desk.decide(entries.attach, unmatched["id"], payment_id=payment_id, by="ada")
    assert desk.state(order_id) == "paid"


def test_an_entry_that_did_not_come_in_never_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTERED_ALONE_MINOR", 1)
    _, payment_id = desk.order()
    told = desk.enter(TOTAL, payment_id=payment_id)
    assert desk.decide(entries.confirm, told["id"], came_in=False)["state"] == "rejected"
    assert (desk.ledger(), desk.cases()) == ({}, [("unplaced_money", "resolved")])


def test_what_a_person_entered_the_statement_recognises(desk: Desk) -> None:
    _, payment_id = desk.order()
    desk.enter(TOTAL, named(payment_id))
    assert desk.bring(("T1", "26.40", named(payment_id))) == ["recognised"]
    assert desk.bring(("T1", "26.40", named(payment_id))) == ["known"]
    assert (desk.ledger(), desk.states()) == (PAID, ["allocated"])


def test_the_bank_is_the_second_person(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTERED_ALONE_MINOR", 1)
    order_id, payment_id = desk.order()
    desk.enter(TOTAL, named(payment_id))
    assert desk.bring(("T1", "26.40", named(payment_id))) == ["recognised"]
    assert (desk.state(order_id), desk.ledger(), desk.cases()) == ("paid", PAID, [("unplaced_money", "resolved")])


def test_what_the_statement_told_is_not_entered_again(desk: Desk) -> None:
    _, payment_id = desk.order()
    desk.bring(("T1", "26.40", named(payment_id)))
    with pytest.raises(entries.AlreadyTold):
        desk.enter(TOTAL, named(payment_id))
    assert desk.ledger() == PAID


def test_money_of_the_future_did_not_come_in(desk: Desk) -> None:
    with pytest.raises(entries.InTheFuture):
        desk.enter(TOTAL, paid_on=desk.today + timedelta(days=3))


# -- Late (S-35, R-D6) ------------------------------------------------------------------------------------------------


def refunding(desk: Desk) -> None:
    with desk.world.database.as_owner() as connection:
        connection.execute("UPDATE merchants_merchant SET late_money = 'refund' WHERE id = %s", [desk.shop.id])


def test_paid_in_time_and_told_late_keeps_the_order_whatever_the_policy(desk: Desk) -> None:
    """S-35: by paid_at, not by when we heard of it."""
    refunding(desk)
    order_id, payment_id = desk.order()
    in_time = desk.today
    late(desk, order_id=order_id)
    assert build.stock(desk.shop) == (10, 0)
    assert desk.bring(("T1", "26.40", named(payment_id), "EUR", in_time)) == ["allocated"]
    assert (desk.state(order_id), desk.ledger(), desk.cases()) == ("paid", PAID, [])
    assert build.stock(desk.shop) == (9, 0)


def test_paid_too_late_follows_the_policy(desk: Desk) -> None:
    refunding(desk)
    order_id, payment_id = desk.order()
    late(desk, order_id=order_id)
    too_late = desk.today + timedelta(days=1)
    assert desk.bring(("T1", "26.40", named(payment_id), "EUR", too_late)) == ["allocated"]
    assert (desk.state(order_id), desk.cases()) == ("payment_failed", [("late_money", "open")])
    assert desk.ledger() == {"receivable:transfer": TOTAL, "customer_deposits": -TOTAL}
    desk.recover()
    assert desk.world.database.rows("SELECT state, amount_minor FROM payments_refund") == [("pending", TOTAL)]


def test_two_parts_of_which_the_last_was_late_are_late(desk: Desk) -> None:
    refunding(desk)
    order_id, payment_id = desk.order()
    in_time = desk.today
    desk.bring(("T1", "20.00", named(payment_id), "EUR", in_time))
    build.work()
    late(desk, order_id=order_id)
    desk.bring(("T2", "6.40", named(payment_id), "EUR", desk.today + timedelta(days=1)))
    assert (desk.state(order_id), desk.cases()) == ("payment_failed", [("underpaid", "resolved"), ("late_money", "open")])
    desk.recover()


def test_late_money_is_honoured_by_default(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    late(desk, order_id=order_id)
    assert desk.bring(("T1", "26.40", named(payment_id), "EUR", desk.today + timedelta(days=1))) == ["allocated"]
    assert (desk.state(order_id), desk.ledger()) == ("paid", PAID)


# -- Back -------------------------------------------------------------------------------------------------------------


def test_a_refund_is_pending_until_a_person_says_that_it_was_paid_out(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    desk.bring(("T1", "26.40", named(payment_id)))
    refund_id = refund(desk, order_id, TOTAL)
    driving.all_due(desk.world.database, desk.shop, "payments")
    recovery.work_refunds()
    assert (desk.state(order_id), desk.ledger()) == ("paid", PAID)
    told = pay_out(desk, order_id, refund_id, key="k")
    assert (told["state"], pay_out(desk, order_id, refund_id, key="k")) == ("succeeded", told)
    assert (desk.payment(payment_id).refunded_minor, desk.ledger()) == (TOTAL, {})
    with pytest.raises(payouts.AlreadyPaidOut):
        pay_out(desk, order_id, refund_id)


def test_a_refund_that_could_not_be_paid_out_is_a_case_and_may_be_asked_again(desk: Desk) -> None:
    order_id, payment_id = desk.order()
    desk.bring(("T1", "26.40", named(payment_id)))
    refund_id = refund(desk, order_id, 1000)
    assert pay_out(desk, order_id, refund_id, paid=False)["state"] == "failed"
    assert (desk.ledger(), desk.cases()) == (PAID, [("refund_failed", "open")])
    again = refund(desk, order_id, 1000)
    assert pay_out(desk, order_id, again)["state"] == "succeeded"
    assert pay_out(desk, order_id, again, paid=False)["state"] == "failed"  # it came back
    assert desk.ledger() == PAID


def test_a_days_statement_adds_up(desk: Desk) -> None:
    _, payment_id = desk.order()
    desk.bring(("T1", "30.00", named(payment_id)), ("T2", "5.00", "?"))
    with reading(desk.shop.id):
        (row,) = ledger.statements(since=build.now() - timedelta(days=1), until=build.now() + timedelta(days=1))
    assert (row.provider, row.captured_minor, row.unapplied_minor, row.net_minor) == ("transfer", TOTAL, 860, 3500)


# -- The command line -------------------------------------------------------------------------------------------------


def test_the_command_line_shows_what_a_file_would_do_and_does_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_with_database", "_django"):
        monkeypatch.setattr(cli, name, lambda *_: None)
    order_id, payment_id = desk.order()
    file = tmp_path / "november.csv"
    file.write_text(desk.csv(("T1", "26.40", named(payment_id)), ("T2", "-1.00", "fee")))
    told = [str(file), "--account", f"acc_{desk.account_id.hex}", "--by", "ada"]
    dry = CliRunner().invoke(cli.app, ["import-statement", *told, "--dry-run"])
    assert (dry.exit_code, desk.state(order_id), desk.states()) == (0, "payment_pending", [])
    assert dry.output.splitlines() == [
        "line     2  allocated           26.40 EUR  T1                        A Customer",
        "1 transfers (1 allocated), 1 lines that were no money that came in.",
        "Nothing was written: this was a dry run.",
    ]
    assert CliRunner().invoke(cli.app, ["import-statement", *told]).exit_code == 0
    assert (desk.state(order_id), desk.ledger()) == ("paid", PAID)


@pytest.mark.parametrize(
    "wrong", [["--account", "acc_1"], ["--account", str(UUID(int=7))], ["--account", "OURS", "--format", "xls"]]
)
def test_the_command_line_refuses_with_one_sentence(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    for name in ("_with_database", "_django"):
        monkeypatch.setattr(cli, name, lambda *_: None)
    file = tmp_path / "november.csv"
    file.write_text(desk.csv(("T1", "26.40", "?")))
    options = [str(desk.account_id) if word == "OURS" else word for word in wrong]
    told = CliRunner().invoke(cli.app, ["import-statement", str(file), *options])
    assert (told.exit_code, desk.states()) == (1, [])
