"""THE LIST: the laws of the house as named queries that return the rows which break them.

Five readers: `holdfast check`, the console, a metric, the fixture that runs after every database test, and the judge of the storm.
Each query returns (merchant_id, id, what) and takes `%(since)s`: rows older than that may be left out on a large database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connections, transaction

from holdfast.kernel import limits


@dataclass(frozen=True)
class Invariant:
    """One law: its name, what it says, and the query for the rows that break it."""

    name: str
    says: str
    sql: str


@dataclass(frozen=True)
class Violation:
    """A row that breaks a law."""

    invariant: str
    merchant_id: UUID
    id: str
    what: str


#: The same, and those whose money went back.
PAID_ONCE = "('paid', 'fulfillment_pending', 'partially_fulfilled', 'fulfilled', 'partially_refunded', 'closed', 'refunded', 'cancelled_with_refund')"
PAID = "('paid', 'fulfillment_pending', 'partially_fulfilled', 'fulfilled', 'partially_refunded', 'closed')"
#: Longer than any schedule of asking: an operation that was due so long ago is asked by nobody.
OVERDUE = "interval '15 minutes'"

LIST = (
    Invariant(
        "journal_balances",
        "The debits of every journal entry equal its credits, per currency.",
        """SELECT e.merchant_id, e.id::text, 'debits minus credits: ' || coalesce(sum(p.debit_minor - p.credit_minor), 0)
           FROM ledger_entry e LEFT JOIN ledger_posting p ON p.entry_id = e.id WHERE e.recorded_at >= %(since)s
           GROUP BY e.merchant_id, e.id, p.currency HAVING coalesce(sum(p.debit_minor - p.credit_minor), 1) <> 0""",
    ),
    Invariant(
        "captured_equals_facts",
        "What a payment says was captured is the sum of the captures the provider confirmed.",
        """SELECT p.merchant_id, p.id::text, p.captured_minor || ' recorded, ' || coalesce(f.n, 0) || ' confirmed'
           FROM payments_payment p
           LEFT JOIN (SELECT payment_id, sum(amount_minor) n FROM payments_fact WHERE kind = 'capture' GROUP BY 1) f ON f.payment_id = p.id
           WHERE p.created_at >= %(since)s AND p.captured_minor <> coalesce(f.n, 0)""",
    ),
    Invariant(
        "ledger_equals_facts",
        "For every payment, the ledger's receivable from the provider is what it confirmed: taken and returned, less given back "
        "and kept.",
        """SELECT p.merchant_id, p.id::text, coalesce(l.n, 0) || ' in the ledger, ' || coalesce(f.n, 0) || ' confirmed'
           FROM payments_payment p
           LEFT JOIN (SELECT payment_id, sum(most) n FROM (
                        SELECT payment_id, object_id, currency, max(amount_minor) most FROM payments_fact
                        WHERE kind IN ('capture', 'unapplied') GROUP BY 1, 2, 3
                        UNION ALL
                        SELECT payment_id, object_id, kind, CASE WHEN kind IN ('refund', 'withdrawn', 'fee') THEN -amount_minor
                               ELSE amount_minor END FROM payments_fact
                        WHERE kind IN ('refund', 'refund_failed', 'withdrawn', 'reinstated', 'fee')) o GROUP BY 1) f ON f.payment_id = p.id
           LEFT JOIN (SELECT e.payment_id, sum(g.debit_minor - g.credit_minor) n FROM ledger_entry e
                      JOIN ledger_posting g ON g.entry_id = e.id AND g.account LIKE 'receivable:%%' GROUP BY 1) l ON l.payment_id = p.id
           WHERE p.created_at >= %(since)s AND coalesce(l.n, 0) <> coalesce(f.n, 0)""",
    ),
    Invariant(
        "paid_order_has_its_money",
        "A paid order has captured payments of exactly its total, less what was not captured; one of nothing its settlement of zero.",
        f"""SELECT o.merchant_id, o.id::text, o.state || ' with ' || coalesce(p.n, 0) || ' of ' || o.total_minor + coalesce(a.n, 0)
           FROM orders_order o
           LEFT JOIN (SELECT order_id, sum(captured_minor) n FROM payments_payment
                      WHERE state = 'captured' AND surplus_at IS NULL GROUP BY 1) p ON p.order_id = o.id
           LEFT JOIN (SELECT order_id, sum(amount_minor) n FROM orders_adjustment GROUP BY 1) a ON a.order_id = o.id
           WHERE o.placed_at >= %(since)s AND o.state IN {PAID_ONCE} AND p.n IS DISTINCT FROM o.total_minor + coalesce(a.n, 0)""",
    ),
    Invariant(
        "refunded_equals_facts",
        "What a payment says went back, or is held by disputes, is the sum of what the provider confirmed.",
        """SELECT p.merchant_id, p.id::text, p.refunded_minor || ' refunded and ' || p.disputed_minor || ' disputed, confirmed '
                  || coalesce(f.back, 0) || ' and ' || coalesce(d.held, 0)
           FROM payments_payment p
           LEFT JOIN (SELECT payment_id, sum(CASE kind WHEN 'refund' THEN amount_minor ELSE -amount_minor END) back
                      FROM payments_fact WHERE kind IN ('refund', 'refund_failed') GROUP BY 1) f ON f.payment_id = p.id
           LEFT JOIN (SELECT payment_id, sum(greatest(held, 0)) held FROM (
                        SELECT payment_id, object_id, sum(CASE kind WHEN 'withdrawn' THEN amount_minor ELSE -amount_minor END) held
                        FROM payments_fact WHERE kind IN ('withdrawn', 'reinstated') GROUP BY 1, 2) o GROUP BY 1) d
             ON d.payment_id = p.id
           WHERE p.created_at >= %(since)s AND (p.refunded_minor, p.disputed_minor) <> (coalesce(f.back, 0), coalesce(d.held, 0))""",
    ),
    Invariant(
        "refunds_equal_facts",
        "A refund that succeeded has its fact; one that did not, or bounced, has none that stands.",
        """SELECT r.merchant_id, r.id::text, r.state || ' with ' || coalesce(f.n, 0) || ' confirmed of ' || r.amount_minor
           FROM payments_refund r
           LEFT JOIN (SELECT account_id, object_id, sum(CASE kind WHEN 'refund' THEN amount_minor ELSE -amount_minor END) n
                      FROM payments_fact WHERE kind IN ('refund', 'refund_failed') GROUP BY 1, 2) f
             ON f.account_id = r.account_id AND f.object_id = r.provider_id
           WHERE r.created_at >= %(since)s
             AND coalesce(f.n, 0) <> CASE r.state WHEN 'succeeded' THEN r.amount_minor ELSE 0 END""",
    ),
    Invariant(
        "refunds_within_captured",
        "No more goes back than came in, unless a case says so.",
        """SELECT p.merchant_id, p.id::text, p.refunded_minor || ' refunded and ' || p.disputed_minor || ' disputed of ' || p.captured_minor
           FROM payments_payment p
           WHERE p.created_at >= %(since)s AND p.refunded_minor + p.disputed_minor > p.captured_minor
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.payment_id = p.id AND c.kind IN ('refund_excess', 'dispute'))""",
    ),
    Invariant(
        "refunds_are_asked_about",
        "A refund that is not finished is asked about: by its operation, or on the schedule.",
        f"""SELECT r.merchant_id, r.id::text, r.state || ' and nobody asks' FROM payments_refund r
           WHERE r.created_at >= %(since)s AND r.state IN ('intended', 'not_sent', 'unknown', 'pending') AND r.due_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM payments_operation o WHERE o.refund_id = r.id AND o.due_at IS NOT NULL)
           UNION ALL
           SELECT merchant_id, id::text, state || ', to be asked about at ' || due_at FROM payments_refund
           WHERE due_at + {OVERDUE} < holdfast_now()""",
    ),
    Invariant(
        "surplus_money_goes_back",
        "Money that its order had no place for is refunded, is being refunded, is disputed, or a person was told that it cannot be.",
        """SELECT p.merchant_id, p.id::text, p.captured_minor || ' captured and ' || coalesce(r.n, 0) || ' on its way back'
           FROM payments_payment p
           LEFT JOIN (SELECT payment_id, sum(amount_minor) n FROM payments_refund WHERE state <> 'failed' GROUP BY 1) r
             ON r.payment_id = p.id
           WHERE p.created_at >= %(since)s AND p.surplus_at IS NOT NULL AND coalesce(r.n, 0) + p.disputed_minor < p.captured_minor
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.payment_id = p.id AND c.kind = 'refund_failed')""",
    ),
    Invariant(
        "lost_disputes_are_written_off",
        "What a lost dispute holds is written off, and nothing of another.",
        """SELECT d.merchant_id, d.id::text, d.state || ' with ' || d.lost_minor || ' written off of ' || coalesce(f.held, 0)
           FROM payments_dispute d
           LEFT JOIN (SELECT account_id, object_id, greatest(sum(CASE kind WHEN 'withdrawn' THEN amount_minor ELSE -amount_minor END), 0) held
                      FROM payments_fact WHERE kind IN ('withdrawn', 'reinstated') GROUP BY 1, 2) f
             ON f.account_id = d.account_id AND f.object_id = d.provider_id
           WHERE d.created_at >= %(since)s AND d.lost_minor <> CASE d.state WHEN 'lost' THEN coalesce(f.held, 0) ELSE 0 END""",
    ),
    Invariant(
        "deposits_are_explained",
        "What an order owes as deposits is the surplus money that has not gone back, less what went back beyond what came in.",
        """SELECT o.merchant_id, o.id::text, coalesce(l.n, 0) || ' in deposits, ' || coalesce(m.kept, 0) - m.excess || ' explained'
           FROM orders_order o
           JOIN (SELECT p.order_id,
                   sum(p.captured_minor - p.refunded_minor - coalesce(d.lost, 0)) FILTER (WHERE p.surplus_at IS NOT NULL) kept,
                   greatest(sum(p.refunded_minor + coalesce(d.lost, 0) - p.captured_minor)
                            FILTER (WHERE p.surplus_at IS NULL), 0) excess
                 FROM payments_payment p
                 LEFT JOIN (SELECT payment_id, sum(lost_minor) lost FROM payments_dispute GROUP BY 1) d ON d.payment_id = p.id
                 GROUP BY 1) m ON m.order_id = o.id
           LEFT JOIN (SELECT e.order_id, sum(g.credit_minor - g.debit_minor) n FROM ledger_entry e
                      JOIN ledger_posting g ON g.entry_id = e.id AND g.account = 'customer_deposits' GROUP BY 1) l
             ON l.order_id = o.id
           WHERE o.placed_at >= %(since)s AND coalesce(l.n, 0) <> coalesce(m.kept, 0) - m.excess""",
    ),
    Invariant(
        "nothing_is_settled_for_nothing",
        "Only an order that costs nothing is settled without a provider, and nobody else is asked for its money.",
        """SELECT p.merchant_id, p.id::text, p.provider || ' for an order over ' || o.total_minor
           FROM payments_payment p JOIN orders_order o ON o.id = p.order_id
           WHERE p.created_at >= %(since)s AND (p.provider = 'none') <> (o.total_minor = 0)""",
    ),
    Invariant(
        "money_has_its_order",
        "Every captured payment has an order that is paid or refunded, or a case.",
        f"""SELECT p.merchant_id, p.id::text, p.captured_minor || ' captured, order is ' || o.state
           FROM payments_payment p JOIN orders_order o ON o.id = p.order_id
           WHERE p.created_at >= %(since)s AND p.state = 'captured' AND o.state NOT IN {PAID}
             AND o.state NOT IN ('refunded', 'cancelled_with_refund')
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.payment_id = p.id)""",
    ),
    Invariant(
        "second_money_has_a_case",
        "An order is paid by one payment; money beyond it, or after the order's end, is surplus and has a case.",
        """SELECT o.merchant_id, o.id::text, 'paid by ' || count(*) || ' payments'
           FROM orders_order o JOIN payments_payment p ON p.order_id = o.id AND p.state = 'captured' AND p.surplus_at IS NULL
           WHERE o.placed_at >= %(since)s GROUP BY o.merchant_id, o.id HAVING count(*) > 1
           UNION ALL
           SELECT p.merchant_id, p.id::text, p.captured_minor || ' ' || p.currency || ' of surplus' FROM payments_payment p
           WHERE p.created_at >= %(since)s AND p.surplus_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.payment_id = p.id AND c.kind IN ('double_money', 'late_money'))""",
    ),
    Invariant(
        "unapplied_money_has_a_case",
        "Money that fits nothing we asked for waits in a case.",
        """SELECT f.merchant_id, f.id::text, f.amount_minor || ' ' || f.currency FROM payments_fact f
           WHERE f.learned_at >= %(since)s AND f.kind = 'unapplied'
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.payment_id = f.payment_id AND c.kind = 'amount_conflict')""",
    ),
    Invariant(
        "paid_order_is_in_the_ledger",
        "A paid order was posted as a sale of exactly what was captured for it, once.",
        f"""SELECT o.merchant_id, o.id::text, coalesce(s.n, 0) || ' posted of ' || o.total_minor + coalesce(a.n, 0)
           FROM orders_order o
           LEFT JOIN (SELECT order_id, sum(amount_minor) n FROM orders_adjustment GROUP BY 1) a ON a.order_id = o.id
           LEFT JOIN (SELECT e.order_id, sum(g.debit_minor) n FROM ledger_entry e JOIN ledger_posting g ON g.entry_id = e.id
                      WHERE e.kind = 'sale' GROUP BY 1) s ON s.order_id = o.id
           WHERE o.placed_at >= %(since)s AND (o.state IN {PAID_ONCE} OR s.n IS NOT NULL)
             AND coalesce(s.n, 0) <> o.total_minor + coalesce(a.n, 0)""",
    ),
    Invariant(
        "receipts_are_within",
        "What a receipt paid for and what of it was sent back is never more than came in; what is said to be all is all.",
        """SELECT r.merchant_id, r.id::text, r.state || ': ' || coalesce(a.n, 0) || ' allocated and ' || r.returned_minor || ' returned of '
                  || r.amount_minor
           FROM receipts_receipt r
           LEFT JOIN (SELECT receipt_id, sum(amount_minor) n FROM receipts_allocation GROUP BY 1) a ON a.receipt_id = r.id
           WHERE r.created_at >= %(since)s AND (coalesce(a.n, 0) + r.returned_minor > r.amount_minor
             OR (r.state = 'allocated' AND coalesce(a.n, 0) <> r.amount_minor)
             OR (r.state = 'returned' AND coalesce(a.n, 0) + r.returned_minor <> r.amount_minor)
             OR (r.state IN ('unconfirmed', 'rejected', 'unmatched', 'ignored') AND coalesce(a.n, 0) + r.returned_minor > 0))""",
    ),
    Invariant(
        "receipts_are_decided",
        "Every receipt is allocated, or a named person ended it, or a case asks about it; one that waits for a second person too.",
        """SELECT r.merchant_id, r.id::text, r.state || ' and nobody is asked' FROM receipts_receipt r
           WHERE r.created_at >= %(since)s AND r.state NOT IN ('allocated', 'ignored', 'returned', 'rejected')
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.state = 'open' AND c.cause = replace(r.id::text, '-', '')
                             AND c.kind = CASE r.state WHEN 'matched' THEN 'underpaid' WHEN 'excess' THEN 'overpaid'
                                          ELSE 'unplaced_money' END)
           UNION ALL
           SELECT r.merchant_id, r.id::text, r.state || ' by nobody' FROM receipts_receipt r
           WHERE r.created_at >= %(since)s AND r.state IN ('ignored', 'returned', 'rejected')
             AND coalesce(r.moved->>'actor', 'system') IN ('', 'system')""",
    ),
    Invariant(
        "transfers_are_paid_by_receipts",
        "What a transfer says was captured is what receipts were allocated to it.",
        """SELECT f.merchant_id, f.payment_id::text, f.amount_minor || ' captured, ' || coalesce(a.n, 0) || ' allocated'
           FROM payments_fact f JOIN payments_payment p ON p.id = f.payment_id AND p.provider = 'transfer'
           LEFT JOIN (SELECT payment_id, sum(amount_minor) n FROM receipts_allocation GROUP BY 1) a
             ON f.object_id = 'transfer:' || replace(a.payment_id::text, '-', '')
           WHERE f.learned_at >= %(since)s AND f.kind IN ('capture', 'unapplied') AND f.amount_minor <> coalesce(a.n, 0)
           UNION ALL
           SELECT a.merchant_id, a.payment_id::text, sum(a.amount_minor) || ' allocated and not captured' FROM receipts_allocation a
           WHERE a.at >= %(since)s AND NOT EXISTS (
             SELECT 1 FROM payments_fact f WHERE f.kind = 'capture' AND f.object_id = 'transfer:' || replace(a.payment_id::text, '-', ''))
           GROUP BY a.merchant_id, a.payment_id""",
    ),
    Invariant(
        "receipts_are_in_the_ledger",
        "What the ledger keeps apart of a receipt is what of it paid for nothing and was neither sent back nor ignored.",
        """SELECT r.merchant_id, r.id::text, coalesce(l.n, 0) || ' in the ledger of ' || r.amount_minor
           FROM receipts_receipt r
           LEFT JOIN (SELECT receipt_id, sum(amount_minor) n FROM receipts_allocation GROUP BY 1) a ON a.receipt_id = r.id
           LEFT JOIN (SELECT split_part(e.cause, ':', 1) receipt, sum(g.debit_minor - g.credit_minor) n
                      FROM ledger_entry e JOIN ledger_posting g ON g.entry_id = e.id AND g.account = 'receivable:transfer'
                      WHERE e.kind IN ('receipt', 'receipt_allocated', 'receipt_returned', 'receipt_ignored') GROUP BY 1) l
             ON l.receipt = replace(r.id::text, '-', '')
           WHERE r.created_at >= %(since)s AND coalesce(l.n, 0) <> CASE
             WHEN r.state IN ('unconfirmed', 'rejected', 'ignored') THEN 0
             ELSE r.amount_minor - r.returned_minor - coalesce(a.n, 0) END""",
    ),
    Invariant(
        "stock_equals_movements",
        "What is on hand is the sum of its movements.",
        """SELECT s.merchant_id, s.id::text, s.on_hand || ' on hand, ' || coalesce(m.n, 0) || ' moved'
           FROM inventory_stock s LEFT JOIN (SELECT stock_id, sum(delta) n FROM inventory_movement GROUP BY 1) m ON m.stock_id = s.id
           WHERE s.on_hand <> coalesce(m.n, 0)""",
    ),
    Invariant(
        "reserved_equals_reservations",
        "What is reserved is the sum of the held reservations, and never beyond what is there.",
        """SELECT s.merchant_id, s.id::text, s.reserved || ' reserved, ' || coalesce(r.n, 0) || ' held, ' || s.on_hand || ' on hand'
           FROM inventory_stock s
           LEFT JOIN (SELECT stock_id, sum(quantity) n FROM inventory_reservation WHERE state = 'held' GROUP BY 1) r ON r.stock_id = s.id
           WHERE s.reserved <> coalesce(r.n, 0) OR s.reserved > s.on_hand""",
    ),
    Invariant(
        "reservations_follow_orders",
        "Reservations are held while an order can be paid, committed once it is paid, and let go otherwise.",
        """SELECT r.merchant_id, r.id::text, r.state || ' for an order that is ' || o.state
           FROM inventory_reservation r JOIN orders_order o ON o.id = r.order_id
           WHERE r.created_at >= %(since)s AND r.state <> CASE
             WHEN o.state IN ('draft', 'payment_pending', 'payment_authorized', 'capture_failed') THEN 'held'
             WHEN o.state IN ('payment_failed', 'expired', 'cancelled') THEN r.state
             ELSE 'committed' END
             AND NOT (r.state = 'restocked' AND o.state IN ('partially_refunded', 'refunded', 'cancelled_with_refund', 'closed'))
           UNION ALL
           SELECT r.merchant_id, r.id::text, 'still held for an order that is ' || o.state
           FROM inventory_reservation r JOIN orders_order o ON o.id = r.order_id
           WHERE r.state = 'held' AND o.state IN ('payment_failed', 'expired', 'cancelled')""",
    ),
    Invariant(
        "promotions_are_counted",
        "A counted promotion's counters are the sums of its redemptions, and never beyond its limits, in all or of one customer.",
        """SELECT p.merchant_id, p.id::text, p.reserved || ' reserved and ' || p.redeemed || ' redeemed, rows say '
                  || coalesce(r.reserved, 0) || ' and ' || coalesce(r.redeemed, 0)
           FROM promotions_promotion p
           LEFT JOIN (SELECT promotion_id, sum(reserved) reserved, sum(redeemed) redeemed, max(reserved + redeemed) most FROM (
                        SELECT promotion_id, count(*) FILTER (WHERE state = 'reserved') reserved,
                               count(*) FILTER (WHERE state = 'redeemed') redeemed
                        FROM promotions_redemption WHERE counted GROUP BY promotion_id, customer_key) c GROUP BY 1) r
             ON r.promotion_id = p.id
           WHERE (p.reserved, p.redeemed) <> (coalesce(r.reserved, 0), coalesce(r.redeemed, 0))
              OR p.reserved + p.redeemed > p.total_limit OR r.most > p.customer_limit""",
    ),
    Invariant(
        "redemptions_follow_orders",
        "Redemptions are reserved while an order can be paid, redeemed once it is paid, and released otherwise.",
        """SELECT r.merchant_id, r.id::text, r.state || ' for an order that is ' || o.state
           FROM promotions_redemption r JOIN orders_order o ON o.id = r.order_id
           WHERE r.created_at >= %(since)s AND r.state <> CASE
             WHEN o.state IN ('draft', 'payment_pending', 'payment_authorized', 'capture_failed') THEN 'reserved'
             WHEN o.state IN ('payment_failed', 'expired', 'cancelled') THEN 'released'
             ELSE 'redeemed' END""",
    ),
    Invariant(
        "discounts_have_redemptions",
        "Every promotion in an order's snapshot has its redemption, which gives the same, and there is no other.",
        """SELECT o.merchant_id, o.id::text, 'the snapshot gives ' || s.gave || ', the redemptions ' || coalesce(r.gave, '{}')
           FROM orders_order o
           LEFT JOIN LATERAL (SELECT coalesce(array_agg(p->>'key' || ' ' || (p->>'gave_minor') ORDER BY p->>'key'), '{}')::text gave
                              FROM jsonb_array_elements(o.snapshot->'promotions') p) s ON true
           LEFT JOIN (SELECT order_id, array_agg(replace(promotion_id::text, '-', '') || ' ' || gave_minor
                                                 ORDER BY promotion_id)::text gave
                      FROM promotions_redemption GROUP BY 1) r ON r.order_id = o.id
           WHERE o.placed_at >= %(since)s AND s.gave <> coalesce(r.gave, '{}')""",
    ),
    Invariant(
        "lines_sum_to_total",
        "The lines of an order, its shipping and its fees sum to its total, and the snapshot says the same.",
        """SELECT o.merchant_id, o.id::text, 'total ' || o.total_minor || ', snapshot ' || (o.snapshot->'totals'->>'total_minor')
           FROM orders_order o LEFT JOIN (SELECT order_id, sum(total_minor) n, count(*) rows FROM orders_orderline GROUP BY 1) l ON l.order_id = o.id
           WHERE o.placed_at >= %(since)s AND (
             o.total_minor <> (o.snapshot->'totals'->>'total_minor')::bigint
             OR o.total_minor <> (o.snapshot->'totals'->>'net_minor')::bigint + (o.snapshot->'totals'->>'tax_minor')::bigint
                                 + (o.snapshot->'totals'->>'shipping_net_minor')::bigint
                                 + coalesce((o.snapshot->'totals'->>'fees_net_minor')::bigint, 0)
             OR jsonb_array_length(o.snapshot->'lines') <> coalesce(l.rows, 0)
             OR (o.cart_id IS NOT NULL
                 AND coalesce(l.n, 0) + coalesce((o.snapshot->>'shipping_total_minor')::bigint, 0)
                     + coalesce((o.snapshot->>'fees_total_minor')::bigint, 0) <> o.total_minor))""",
    ),
    Invariant(
        "pending_order_has_an_attempt",
        "An order that waits for payment has an attempt in flight, or the expiry loop will look at it.",
        """SELECT o.merchant_id, o.id::text, 'nobody is paying it and nobody will look' FROM orders_order o
           WHERE o.placed_at >= %(since)s AND o.state = 'payment_pending' AND o.due_at IS NULL""",
    ),
    Invariant(
        "pending_order_is_not_overdue",
        "No order waits for payment long after its window and the grace.",
        f"""SELECT o.merchant_id, o.id::text, 'expired at ' || o.expires_at FROM orders_order o
           WHERE o.state = 'payment_pending'
             AND o.expires_at + interval '{int(limits.CLOSE_GRACE.total_seconds())} seconds' + {OVERDUE} < holdfast_now()""",
    ),
    Invariant(
        "operations_are_answered",
        "No operation without an outcome is forgotten or long overdue.",
        f"""SELECT merchant_id, id::text, kind || ' is ' || state || ', due ' || coalesce(due_at::text, 'never')
           FROM payments_operation WHERE intended_at >= %(since)s AND state IN ('intended', 'unknown', 'not_sent')
             AND (due_at IS NULL OR due_at + {OVERDUE} < holdfast_now())""",
    ),
    Invariant(
        "attempts_are_asked_about",
        "A payment that may still move is asked about: by its opening operation, or on the schedule.",
        f"""SELECT p.merchant_id, p.id::text, p.state || ' and nobody asks' FROM payments_payment p
           WHERE p.created_at >= %(since)s AND p.state IN ('created', 'open', 'authorized', 'unknown') AND p.due_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM payments_operation o WHERE o.payment_id = p.id AND o.due_at IS NOT NULL)
           UNION ALL
           SELECT merchant_id, id::text, state || ', to be asked about at ' || due_at FROM payments_payment
           WHERE due_at + {OVERDUE} < holdfast_now()""",
    ),
    Invariant(
        "events_are_applied",
        "No stored event is forgotten or long overdue.",
        f"""SELECT merchant_id, id::text, type || ' is ' || state || ', due ' || coalesce(due_at::text, 'never') FROM inbox_event
           WHERE received_at >= %(since)s AND state IN ('received', 'waiting')
             AND (due_at IS NULL OR due_at + {OVERDUE} < holdfast_now())""",
    ),
    Invariant(
        "events_have_deliveries_and_payloads",
        "Every event arrived at least once, and its raw body is there while retention lasts.",
        """SELECT e.merchant_id, e.id::text, e.type FROM inbox_event e WHERE e.received_at >= %(since)s AND (
             NOT EXISTS (SELECT 1 FROM inbox_delivery d
                         WHERE d.account_id = e.account_id AND d.provider_event_id = e.provider_event_id)
             OR (e.state IN ('received', 'waiting') AND NOT EXISTS (SELECT 1 FROM db_payload p WHERE p.id = e.payload_id)))""",
    ),
    Invariant(
        "parked_has_a_case",
        "What was parked waits in a case.",
        """SELECT merchant_id, id::text, 'event' FROM inbox_event e WHERE state = 'parked'
             AND NOT EXISTS (SELECT 1 FROM cases_case c WHERE c.kind = 'parked' AND c.cause = 'event:' || replace(e.id::text, '-', ''))
           UNION ALL
           SELECT merchant_id, id::text, 'fulfilment' FROM fulfilment_fulfilment f WHERE state = 'parked'
             AND NOT EXISTS (SELECT 1 FROM cases_case c
                             WHERE c.kind = 'parked' AND c.cause = 'fulfilment:' || replace(f.id::text, '-', ''))
           UNION ALL
           SELECT merchant_id, id::text, 'message' FROM outbox_message m WHERE state = 'parked'
             AND NOT EXISTS (SELECT 1 FROM cases_case c
                             WHERE c.kind = 'parked' AND c.cause = 'message:' || replace(m.id::text, '-', ''))""",
    ),
    Invariant(
        "nothing_handed_over_unpaid",
        "Nothing is handed over for an order that is not durably paid.",
        f"""SELECT h.merchant_id, h.id::text, 'order is ' || o.state FROM fulfilment_handover h
           JOIN fulfilment_fulfilment f ON f.id = h.fulfilment_id JOIN orders_order o ON o.id = f.order_id
           WHERE h.at >= %(since)s AND o.state NOT IN {PAID} AND o.state NOT IN ('refunded', 'cancelled_with_refund')""",
    ),
    Invariant(
        "paid_order_is_being_fulfilled",
        "A paid order with something to hand over has its fulfilments; one that says fulfilled has handed over every unit.",
        f"""SELECT o.merchant_id, o.id::text, 'paid without a fulfilment' FROM orders_order o
           WHERE o.placed_at >= %(since)s AND o.state IN ('paid', 'fulfillment_pending', 'partially_fulfilled', 'fulfilled')
             AND EXISTS (SELECT 1 FROM orders_orderline l WHERE l.order_id = o.id AND l.kind IN ('good', 'digital', 'booking'))
             AND NOT EXISTS (SELECT 1 FROM fulfilment_fulfilment f WHERE f.order_id = o.id)
           UNION ALL
           SELECT merchant_id, id::text, way || ' was due at ' || due_at FROM fulfilment_fulfilment
           WHERE state = 'pending' AND due_at + {OVERDUE} < holdfast_now()
           UNION ALL
           SELECT l.merchant_id, l.id::text, 'fulfilled with ' || coalesce(h.n, 0) || ' and ' || coalesce(w.n, 0) || ' withdrawn of ' || l.quantity
           FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id AND l.kind IN ('good', 'digital', 'booking')
           LEFT JOIN (SELECT order_line_id, sum(quantity) n FROM fulfilment_handover GROUP BY 1) h ON h.order_line_id = l.id
           LEFT JOIN (SELECT order_line_id, sum(quantity) n FROM fulfilment_withdrawal GROUP BY 1) w ON w.order_line_id = l.id
           WHERE o.placed_at >= %(since)s AND o.state = 'fulfilled' AND coalesce(h.n, 0) + coalesce(w.n, 0) <> l.quantity""",
    ),
    Invariant(
        "handed_over_within_order",
        "No more is handed over than was ordered and not refunded before.",
        """SELECT l.merchant_id, l.id::text, sum(h.quantity) || ' of ' || l.quantity
           FROM orders_orderline l
           JOIN (SELECT order_line_id, quantity, at FROM fulfilment_handover
                 UNION ALL SELECT order_line_id, quantity, at FROM fulfilment_withdrawal) h ON h.order_line_id = l.id
           WHERE h.at >= %(since)s GROUP BY l.merchant_id, l.id, l.quantity HAVING sum(h.quantity) > l.quantity""",
    ),
    Invariant(
        "history_matches_state",
        "The last move in the history of a thing is where it stands, and each move began where the one before ended.",
        """WITH things AS (
             SELECT merchant_id, 'order' subject, id, state FROM orders_order WHERE placed_at >= %(since)s UNION ALL
             SELECT merchant_id, 'payment', id, state FROM payments_payment WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'reservation', id, state FROM inventory_reservation WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'redemption', id, state FROM promotions_redemption WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'fulfilment', id, state FROM fulfilment_fulfilment WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'case', id, state FROM cases_case WHERE opened_at >= %(since)s UNION ALL
             SELECT merchant_id, 'refund', id, state FROM payments_refund WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'dispute', id, state FROM payments_dispute WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'receipt', id, state FROM receipts_receipt WHERE created_at >= %(since)s UNION ALL
             SELECT merchant_id, 'cart', id, state FROM carts_cart WHERE created_at >= %(since)s),
           moves AS (
             SELECT t.subject_id, t.source, t.target,
               lag(t.target) OVER w AS before, row_number() OVER w AS n, lead(t.id) OVER w AS next
             FROM db_transition t WINDOW w AS (PARTITION BY t.subject_id ORDER BY t.id))
           SELECT s.merchant_id, s.id::text, s.subject || ' is ' || s.state || ', history ends at ' || coalesce(m.target, 'nothing')
           FROM things s LEFT JOIN moves m ON m.subject_id = s.id AND m.next IS NULL WHERE m.target IS DISTINCT FROM s.state
           UNION ALL
           SELECT s.merchant_id, s.id::text, s.subject || ': a move from ' || coalesce(m.source, 'nothing') || ' after ' || m.before
           FROM things s JOIN moves m ON m.subject_id = s.id WHERE m.source IS DISTINCT FROM m.before""",
    ),
    Invariant(
        "order_has_frozen_cart",
        "The cart of an order is locked, and a locked cart has its order: its own, or that of the cart it was copied from.",
        """SELECT o.merchant_id, o.id::text, 'its cart is ' || c.state FROM orders_order o JOIN carts_cart c ON c.id = o.cart_id
           WHERE o.placed_at >= %(since)s AND c.state <> 'locked'
           UNION ALL
           SELECT c.merchant_id, c.id::text, 'locked without an order' FROM carts_cart c
           WHERE c.created_at >= %(since)s AND c.state = 'locked'
             AND NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.cart_id IN (c.id, c.copy_of_id))""",
    ),
    Invariant(
        "merged_cart_went_somewhere",
        "A merged cart is empty and says where its lines went; no other cart says so.",
        """SELECT c.merchant_id, c.id::text, c.state || ' into ' || coalesce(c.merged_into_id::text, 'nothing') FROM carts_cart c
           WHERE c.created_at >= %(since)s AND ((c.state = 'merged') <> (c.merged_into_id IS NOT NULL)
             OR (c.state = 'merged' AND EXISTS (SELECT 1 FROM carts_cartline l WHERE l.cart_id = c.id)))""",
    ),
    Invariant(
        "answers_are_stored_once",
        "A key whose subject is a payment that has an outcome has its answer.",
        """SELECT k.merchant_id, k.id::text, 'payment is ' || p.state FROM idempotency_key k JOIN payments_payment p ON p.id = k.subject_id
           WHERE k.created_at >= %(since)s AND k.status IS NULL AND p.state NOT IN ('created', 'unknown')""",
    ),
    Invariant(
        "paid_order_tells_its_customer",
        "A paid order with a contact has exactly one confirmation.",
        f"""SELECT o.merchant_id, o.id::text, count(m.id) || ' confirmations' FROM orders_order o
           LEFT JOIN outbox_message m ON m.order_id = o.id AND m.topic = 'order_paid'
           WHERE o.placed_at >= %(since)s AND o.contact_id IS NOT NULL AND o.state IN {PAID}
           GROUP BY o.merchant_id, o.id HAVING count(m.id) <> 1""",
    ),
    Invariant(
        "messages_are_sent",
        "No message is forgotten or long overdue.",
        f"""SELECT merchant_id, id::text, topic || ', due ' || coalesce(due_at::text, 'never') FROM outbox_message
           WHERE created_at >= %(since)s AND state = 'pending' AND (due_at IS NULL OR due_at + {OVERDUE} < holdfast_now())""",
    ),
)

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def check(*, since: datetime = BEGINNING, using: str = "check") -> list[Violation]:
    """All rows that break a law, read in one REPEATABLE READ snapshot by a role that sees every merchant and changes nothing."""
    return list(_violations(since, using))


def _violations(since: datetime, using: str) -> Iterator[Violation]:
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for law in LIST:
            cursor.execute(law.sql, {"since": since})
            for merchant_id, row_id, what in cursor.fetchall():
                yield Violation(law.name, merchant_id, row_id, str(what))
