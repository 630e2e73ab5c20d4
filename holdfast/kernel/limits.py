"""Every limit, timeout, batch and retry of the house, with the reason for its figure."""

from datetime import timedelta

# -- Amounts and sizes ------------------------------------------------------------------------------------------------
#: Stripe takes at most eight digits for most currencies; twelve leave room for rupiah and pesos and stay far from bigint.
MAX_AMOUNT_MINOR = 999_999_999_999
#: A line's quantity: a typing error of 10 000 pieces should not empty a warehouse.
MAX_QUANTITY = 999
#: Lines of a cart: a quote walks all of them under one lock.
MAX_CART_LINES = 100
#: Body of an API request, in bytes: the largest is a checkout with an address, about 2 kB.
MAX_BODY_BYTES = 64 * 1024
#: A bank's statement in the body of a request: leaves room for what stands around it. Larger files come by the command line.
MAX_STATEMENT_CHARS = 60_000
#: Body of a webhook, in bytes: Stripe's largest events are about 100 kB.
MAX_WEBHOOK_BYTES = 1024 * 1024
#: Length of an Idempotency-Key: what Stripe takes.
MAX_KEY_LENGTH = 255
#: Rows of one page of a list.
MAX_PAGE = 100

# -- Time a customer has ----------------------------------------------------------------------------------------------
#: A customer pays within this time; stock is reserved for as long. Stripe's sessions live at least 30 minutes.
PAYMENT_WINDOW = timedelta(minutes=31)
#: After the window the provider is asked to close; when it does not answer within this grace, stock returns all the same.
CLOSE_GRACE = timedelta(minutes=15)
#: A bank transfer is paid within this time unless the account says otherwise, and stock is reserved for as long: two bank days,
#: a weekend, and a day for the merchant to bring the statement.
TRANSFER_WINDOW = timedelta(days=5)
#: How long a price snapshot in a cart is honoured unless the merchant says otherwise.
PRICE_HONOURED = timedelta(minutes=60)
#: A cart nobody touches for this long is abandoned.
CART_TTL = timedelta(days=30)

# -- Codes of promotions ----------------------------------------------------------------------------------------------
#: Codes tried from one cart within the window before the next has to wait: a person mistypes a few times.
CODE_TRIES = 10
#: The same from one address, behind which a whole office may sit.
CODE_TRIES_OF_ADDRESS = 60
CODE_WINDOW = timedelta(minutes=10)
#: Rows of windows that are over, deleted by each try: faster than new ones come.
CODE_SWEEP = 10

# -- People of the merchant -------------------------------------------------------------------------------------------
#: A login to the console ends after this: a working day.
STAFF_SESSION = timedelta(hours=12)
#: Rows of one page of a list: two screens.
STAFF_PAGE = 50
#: Rows that a filter without an index looks through at once: some 50 ms. "Look further" goes on from there.
STAFF_WINDOW = 20_000
#: Rows of one kind in the story of one order; an order that has more says so.
STAFF_STORY = 300
#: Bytes of a payload shown in a story, and on a page of its own: Stripe's events are some 5 kB, the largest 100 kB.
STAFF_GLANCE_BYTES = 16 * 1024
STAFF_PAYLOAD_BYTES = 256 * 1024

# -- Locks and transactions -------------------------------------------------------------------------------------------
#: Waiting for a row lock longer than this is answered with a clear "try again" instead of a queue of stuck requests.
LOCK_TIMEOUT_MS = 3_000
#: No statement of ours needs this long; one that does is a defect and must not hold locks.
STATEMENT_TIMEOUT_MS = 15_000
#: A process that dies in the middle of a transaction without closing its socket lets go of its locks after this.
IDLE_IN_TRANSACTION_MS = 20_000

# -- Idempotency ------------------------------------------------------------------------------------------------------
#: Keys are kept this long; published in the API's description.
KEY_TTL = timedelta(days=7)
#: While a request holds its key this long, a second one gets 409; after it the first is taken for dead and is resumed.
KEY_LEASE = timedelta(seconds=30)

# -- Asking providers -------------------------------------------------------------------------------------------------
#: Seconds to connect and to answer: a customer waits, so no longer; what comes later is found by recovery.
PROVIDER_CONNECT_S = 2.0
PROVIDER_READ_S = 8.0
#: Tries in one request after the first: the official SDK repeats with the same key on connection errors and 5xx.
PROVIDER_RETRIES = 1
#: Direct gateway: tries and first pause; doubled each time. Three tries against 30 % failures leave 2.7 %.
DIRECT_TRIES = 3
DIRECT_BACKOFF_S = 0.2
#: Stripe forgets keys after 24 h; an older operation is looked up instead of asked again.
KEY_SAFE_AGE = timedelta(hours=23)
#: A request that was sent may still arrive at the provider this much later: until then, nothing there proves nothing.
REQUEST_MAY_BE_ON_ITS_WAY = timedelta(minutes=5)
#: A payment in doubt that someone looks at is asked about at most this often.
REFRESH_EVERY = timedelta(seconds=10)

#: A provider's books are read this often, again from this long before the last time (clocks differ, and entries come late), and
#: applied this many at a time.
BOOKS_EVERY = timedelta(hours=1)
BOOKS_OVERLAP = timedelta(hours=2)
BOOKS_PAGE = 50

# -- Bank transfers ---------------------------------------------------------------------------------------------------
#: Money that one person alone may enter by hand for one payment, in minor units (500.00 of a currency with cents); beyond it a
#: second person confirms. A bank's statement needs nobody.
ENTERED_ALONE_MINOR = 50_000
#: A bank's statement, in bytes: a busy month of a small shop is some 2 MB of OFX. By the API it is bound by MAX_BODY_BYTES.
MAX_STATEMENT_BYTES = 4 * 1024 * 1024
#: An entry made by hand and the bank's line about the same transfer are dated at most this far apart (a weekend and a holiday).
SAME_TRANSFER_WITHIN = timedelta(days=5)

# -- Worker loops -----------------------------------------------------------------------------------------------------
#: Rows claimed at once: large enough to save round trips, small enough that a lease covers the batch.
BATCH = 20
#: Events applied in one transaction: round trips are shared, and the rows are locked for a few hundredths of a second.
EVENT_BATCH = 32
#: Threads that apply events: while the database works for one, the other prepares. A third only waits for the first two.
EVENT_THREADS = 2
#: The same where each row asks somebody outside and may wait for seconds.
ASKING_BATCH = 4
#: A claimed row is due again after this unless it was settled. Short, so that what a dead worker held is soon done by
#: another; a batch that takes longer is at worst begun twice, which the locks and keys make harmless.
LEASE = timedelta(seconds=20)
#: Pause of an idle loop, in seconds; grows to the longest while nothing is due.
IDLE_MIN_S = 0.05
IDLE_MAX_S = 1.0
#: Somebody is waiting for an event to be applied: look more often.
EVENTS_IDLE_MAX_S = 0.2
#: Sweeps are in no hurry.
HOUSEKEEPING_EVERY_S = 60.0
#: How long a stopping worker waits for the rows in hand: a question to a provider ends within its timeouts.
STOP_GRACE_S = 25.0
#: An operation's answer normally comes by the request that asked; recovery steps in after this.
RECOVERY_AFTER = timedelta(seconds=20)
#: Tries of an event before it is parked for people: about nine hours with the schedule below.
EVENT_TRIES = 15
#: Deaths of the worker on one event before it is parked: a poison pill must not loop.
EVENT_DEATHS = 3
#: Tries of a message before it is parked for people: nine hours of a mail server that is down.
MESSAGE_TRIES = 15
#: Tries of a fulfilment before it is parked for people: four minutes, because a customer waits for a download.
FULFILMENT_TRIES = 8
#: First pause after a failure and the longest; doubled each time.
BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_LONGEST = timedelta(hours=6)
#: Schedule of asking about a payment without an answer: after these ages, then hourly for ever.
POLL_AFTER = tuple(timedelta(seconds=s) for s in (30, 60, 120, 300, 600, 1800, 3600))

# -- Webhooks ---------------------------------------------------------------------------------------------------------
#: Signed time may differ from ours by this much, both ways.
WEBHOOK_TOLERANCE = timedelta(seconds=300)
#: Rows written by one flush of the receiver: natural batching, what has gathered while the last flush ran.
RECEIVER_BATCH = 64
#: Events waiting in the receiver before it answers 503: a few seconds of a storm.
RECEIVER_QUEUE = 4_096


def backoff(attempts: int) -> timedelta:
    """The pause after the n-th failure: 2 s, 4 s, 8 s … 6 h."""
    return min(BACKOFF_FIRST * (2 ** min(max(attempts - 1, 0), 20)), BACKOFF_LONGEST)


def poll_after(attempts: int) -> timedelta:
    """The pause before the n-th question (from 0) about a payment without an answer."""
    return POLL_AFTER[min(attempts, len(POLL_AFTER) - 1)]
