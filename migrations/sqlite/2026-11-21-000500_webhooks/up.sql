-- Whom to tell of events. A row whose `deleted_at_ms` is set is gone for everybody; it stays until
-- the log of its deliveries is thrown away.
CREATE TABLE webhooks (
    id              TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    -- The patterns of its events, such as order.*, with blanks between them.
    events          TEXT    NOT NULL,
    description     TEXT,
    -- Why nothing is delivered: 'operator' or 'gone'; NULL while it is.
    disabled        TEXT    CHECK (disabled IN ('operator', 'gone')),
    created_at_ms   BIGINT  NOT NULL,
    updated_at_ms   BIGINT  NOT NULL,
    deleted_at_ms   BIGINT,
    -- The sequence up to which events were delivered, given up, or not asked for.
    position        BIGINT  NOT NULL,
    -- How often the event behind it was tried in vain, and when it is tried again.
    attempts        INTEGER NOT NULL,
    next_attempt_ms BIGINT  NOT NULL,
    -- Rises with each change that who delivers must not overwrite.
    generation      BIGINT  NOT NULL,
    -- The process that delivers, as long as it has said so last; then when another last did.
    lease_owner     TEXT,
    lease_until_ms  BIGINT  NOT NULL
);

-- What signs: the newest, whose `until_ms` is NULL, and those that it has replaced. They have to be
-- read to sign with, so they are not hashed.
CREATE TABLE webhook_secrets (
    webhook_id TEXT   NOT NULL,
    secret     BLOB   NOT NULL,
    until_ms   BIGINT,
    PRIMARY KEY (webhook_id, secret)
);

-- What became of each event that was sent: one row, however often it was tried.
CREATE TABLE deliveries (
    id              INTEGER NOT NULL PRIMARY KEY,
    webhook_id      TEXT    NOT NULL,
    sequence        BIGINT  NOT NULL,
    kind            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    attempts        INTEGER NOT NULL,
    -- Of the last attempt: what was answered, or else what went wrong, and how long it took.
    http_status     INTEGER,
    error           TEXT,
    duration_ms     BIGINT  NOT NULL,
    created_at_ms   BIGINT  NOT NULL,
    updated_at_ms   BIGINT  NOT NULL,
    next_attempt_ms BIGINT
);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook_id, status, id);
