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

-- Mercado Pago's. `owner` is the preference of a payment, or the payment of a refund or chargeback.
CREATE TABLE IF NOT EXISTS mp_objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    reference TEXT,
    owner TEXT,
    body TEXT NOT NULL,
    private TEXT NOT NULL DEFAULT '{}',
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS mp_objects_listed ON mp_objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS mp_objects_reference ON mp_objects (account, kind, reference) WHERE reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS mp_objects_owner ON mp_objects (owner) WHERE owner IS NOT NULL;

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

-- The bank that speaks API Pix. A receiver is a client; `body` is what is shown.
CREATE TABLE IF NOT EXISTS pix_clients (
    client_id TEXT PRIMARY KEY,
    secret_sha256 TEXT NOT NULL,
    account TEXT NOT NULL UNIQUE
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS pix_tokens (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    scope TEXT NOT NULL,
    ends_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS pix_keys (
    chave TEXT PRIMARY KEY,
    account TEXT NOT NULL
) WITHOUT ROWID;

-- `secret` is the end of the charge's location; `earlier` are its revisions before this one.
CREATE TABLE IF NOT EXISTS pix_charges (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    txid TEXT NOT NULL,
    created REAL NOT NULL,
    status TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    earlier TEXT NOT NULL DEFAULT '[]',
    UNIQUE (account, txid)
);
CREATE INDEX IF NOT EXISTS pix_charges_txid ON pix_charges (txid);

CREATE TABLE IF NOT EXISTS pix_received (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    e2eid TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    txid TEXT,
    settled_at REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS pix_received_listed ON pix_received (account, settled_at);
CREATE INDEX IF NOT EXISTS pix_received_txid ON pix_received (account, txid);

CREATE TABLE IF NOT EXISTS pix_returns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    e2eid TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (e2eid, id)
);
