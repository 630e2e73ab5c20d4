-- The gateway's own books. One file; every fact of one request is committed together.

CREATE TABLE IF NOT EXISTS accounts (
    secret_key TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    livemode INTEGER NOT NULL
);

-- Everything that has an id on the wire. `body` is what is shown, `private` is what only the gateway knows.
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    type TEXT,
    payment_intent TEXT,
    charge TEXT,
    source TEXT,
    payout TEXT,
    body TEXT NOT NULL,
    private TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS objects_listed ON objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS objects_payment_intent ON objects (payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_charge ON objects (charge) WHERE charge IS NOT NULL;

-- Events on their way to an endpoint. A row is due until it is delivered, dropped or given up.
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    variant TEXT NOT NULL DEFAULT 'genuine',
    skew_s INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'due',
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    last_status TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);

CREATE TABLE IF NOT EXISTS idempotency_keys (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;

-- What happens later of its own accord: a session expires, a slow payment settles.
CREATE TABLE IF NOT EXISTS alarms (
    object TEXT NOT NULL,
    action TEXT NOT NULL,
    due_at REAL NOT NULL,
    PRIMARY KEY (object, action)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alarms_due ON alarms (due_at);

CREATE TABLE IF NOT EXISTS direct_payments (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;

-- `payment` is the key of the charge that is returned.
CREATE TABLE IF NOT EXISTS direct_refunds (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    payment TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS direct_refunds_payment ON direct_refunds (account, payment);

CREATE TABLE IF NOT EXISTS counters (
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
