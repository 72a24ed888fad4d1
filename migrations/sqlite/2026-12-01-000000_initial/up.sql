-- Times are milliseconds since 1970 in UTC, fees are hundredths, `services` is a JSON array of numbers.

CREATE TABLE policy (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    window_ms    BIGINT  NOT NULL CHECK (window_ms BETWEEN 1 AND 31622400000),
    scope        TEXT    NOT NULL CHECK (scope IN ('global', 'service')),
    edit_lock_ms BIGINT  CHECK (edit_lock_ms > 0)
);
INSERT INTO policy (id, window_ms, scope) VALUES (1, 10800000, 'global');

-- The highest numbers ever given out. A row of its own, because every write updates it.
CREATE TABLE counters (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last_sequence   BIGINT  NOT NULL CHECK (last_sequence >= 0),
    last_service_id BIGINT  NOT NULL CHECK (last_service_id BETWEEN 0 AND 9007199254740991)
);
INSERT INTO counters (id, last_sequence, last_service_id) VALUES (1, 0, 0);

CREATE TABLE services (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
    name     TEXT   NOT NULL,
    -- The name in Unicode lower case, which must be unique.
    name_key TEXT   NOT NULL UNIQUE
);

-- Histories still name them, so the server does not assign these ids again.
CREATE TABLE deleted_services (
    id INTEGER NOT NULL PRIMARY KEY
);

CREATE TABLE orders (
    id            TEXT   NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    datetime_ms   BIGINT NOT NULL CHECK (datetime_ms BETWEEN -62135596800000 AND 253402300799999),
    total_fee     BIGINT NOT NULL CHECK (total_fee BETWEEN 0 AND 99999999999999),
    services      TEXT   NOT NULL,
    version       BIGINT NOT NULL CHECK (version >= 1),
    -- Orders of one group are exempt from the rule among themselves.
    grp           BIGINT NOT NULL CHECK (grp >= 1),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX orders_by_datetime ON orders (datetime_ms, id);
CREATE INDEX orders_by_created_at ON orders (created_at_ms, id);

-- Which orders use a service: for the foreign key and for the list filter. There is no foreign key to
-- `orders`, as there is none from `order_slots`: the writer keeps these rows and orders in agreement.
-- `datetime_ms` and `created_at_ms` are the order's, so that a page of a rare service is found as
-- fast as one of a common service.
CREATE TABLE order_services (
    service_id    BIGINT NOT NULL REFERENCES services (id) ON DELETE RESTRICT,
    datetime_ms   BIGINT NOT NULL,
    order_id      TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (service_id, datetime_ms, order_id)
) WITHOUT ROWID;
CREATE INDEX order_services_by_created_at ON order_services (service_id, created_at_ms, order_id);

-- The slots that orders hold: [start_ms, end_ms) in a calendar. Scope 0 is the calendar of all orders,
-- any other scope is a service's. Core computes slots, and nothing else does.
-- The columns of the key come first: SQLite before 3.41 reports false damage otherwise.
CREATE TABLE order_slots (
    scope    BIGINT NOT NULL CHECK (scope >= 0),
    start_ms BIGINT NOT NULL,
    order_id TEXT   NOT NULL,
    end_ms   BIGINT NOT NULL CHECK (end_ms > start_ms),
    grp      BIGINT NOT NULL,
    PRIMARY KEY (scope, start_ms, order_id)
) WITHOUT ROWID;

-- How long the longest slot is that each scope ever had. The triggers below keep it, and look back by
-- it: a slot that starts earlier than that is over, however many slots are between.
CREATE TABLE slot_lengths (
    scope      INTEGER NOT NULL PRIMARY KEY,
    longest_ms BIGINT  NOT NULL CHECK (longest_ms > 0)
);
CREATE TRIGGER slot_lengths_only_grow BEFORE UPDATE ON slot_lengths
WHEN NEW.scope <> OLD.scope OR NEW.longest_ms < OLD.longest_ms
BEGIN
    SELECT RAISE(ABORT, 'slot_lengths_only_grow');
END;
CREATE TRIGGER slot_lengths_stay BEFORE DELETE ON slot_lengths
WHEN EXISTS (SELECT 1 FROM order_slots WHERE scope = OLD.scope)
BEGIN
    SELECT RAISE(ABORT, 'slot_lengths_stay');
END;

-- The backstop: no two slots of one scope and of different groups overlap.
CREATE TRIGGER order_slots_no_overlap_on_insert BEFORE INSERT ON order_slots
BEGIN
    SELECT RAISE(ABORT, 'order_slots_no_overlap') WHERE EXISTS (
        SELECT 1 FROM order_slots
        WHERE scope = NEW.scope
          AND start_ms > NEW.start_ms
                         - (SELECT longest_ms FROM slot_lengths WHERE scope = NEW.scope)
          AND start_ms < NEW.end_ms
          AND end_ms > NEW.start_ms
          AND grp <> NEW.grp
    );
    UPDATE slot_lengths SET longest_ms = NEW.end_ms - NEW.start_ms
    WHERE scope = NEW.scope AND longest_ms < NEW.end_ms - NEW.start_ms;
    INSERT INTO slot_lengths (scope, longest_ms) SELECT NEW.scope, NEW.end_ms - NEW.start_ms
    WHERE NOT EXISTS (SELECT 1 FROM slot_lengths WHERE scope = NEW.scope);
END;
CREATE TRIGGER order_slots_no_overlap_on_update BEFORE UPDATE ON order_slots
BEGIN
    SELECT RAISE(ABORT, 'order_slots_no_overlap') WHERE EXISTS (
        SELECT 1 FROM order_slots
        WHERE scope = NEW.scope
          AND start_ms > NEW.start_ms
                         - (SELECT longest_ms FROM slot_lengths WHERE scope = NEW.scope)
          AND start_ms < NEW.end_ms
          AND end_ms > NEW.start_ms
          AND grp <> NEW.grp
          AND NOT (scope = OLD.scope AND start_ms = OLD.start_ms AND order_id = OLD.order_id)
    );
    UPDATE slot_lengths SET longest_ms = NEW.end_ms - NEW.start_ms
    WHERE scope = NEW.scope AND longest_ms < NEW.end_ms - NEW.start_ms;
    INSERT INTO slot_lengths (scope, longest_ms) SELECT NEW.scope, NEW.end_ms - NEW.start_ms
    WHERE NOT EXISTS (SELECT 1 FROM slot_lengths WHERE scope = NEW.scope);
END;

-- Every change to an order, kept for ever. A row holds the order as the change left it; for a
-- deletion, as it was before.
CREATE TABLE events (
    sequence      INTEGER NOT NULL PRIMARY KEY,
    order_id      TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    kind          TEXT   NOT NULL CHECK (kind IN ('created', 'updated', 'deleted', 'restored')),
    time_ms       BIGINT NOT NULL,
    actor         TEXT   NOT NULL,
    datetime_ms   BIGINT NOT NULL,
    total_fee     BIGINT NOT NULL,
    services      TEXT   NOT NULL,
    grp           BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    UNIQUE (order_id, version)
);

-- Responses to requests with an idempotency key, to be sent again when the request is repeated.
CREATE TABLE idempotency_keys (
    caller      TEXT     NOT NULL,
    key         TEXT     NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- Identifies the whole request.
    fingerprint TEXT     NOT NULL,
    status      SMALLINT NOT NULL CHECK (status BETWEEN 200 AND 299),
    location    TEXT,
    etag        TEXT,
    body        BLOB     NOT NULL,
    -- From this time on the key may be used again.
    expires_ms  BIGINT   NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_ms);

-- API keys. A revoked key stays, so that its changes keep their author.
CREATE TABLE api_keys (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('reader', 'writer', 'admin')),
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    last_used_ms  BIGINT,
    revoked_at_ms BIGINT
);

-- The SHA-256 of each key's secret. A key has two while it is rotated.
CREATE TABLE api_key_secrets (
    hash     BLOB   NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id   TEXT   NOT NULL REFERENCES api_keys (id),
    -- From this time on the secret is invalid; NULL for the newest.
    until_ms BIGINT
);
CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key_id);

-- `version` rises with each change to the keys, so that a process only has to look at one row.
CREATE TABLE api_key_state (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version  BIGINT  NOT NULL,
    -- 1 once any key has existed: from then on every request needs one.
    required INTEGER NOT NULL CHECK (required IN (0, 1)),
    -- The sessions of the console are sealed with it. It opens nothing without one of them.
    session_secret BLOB NOT NULL CHECK (length(session_secret) = 32)
);
INSERT INTO api_key_state (id, version, required, session_secret)
    VALUES (1, 0, 0, randomblob(32));

-- The feed of events starts after this sequence. The rows themselves stay, because histories,
-- restoring and versions need them.
CREATE TABLE event_feed (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    trimmed_through BIGINT  NOT NULL CHECK (trimmed_through >= 0),
    -- A random id. A restore replaces it, because followers may know events that no longer exist.
    feed            TEXT    NOT NULL CHECK (length(feed) = 32)
);
INSERT INTO event_feed (id, trimmed_through, feed) VALUES (1, 0, lower(hex(randomblob(16))));

-- Sequences that a restore removed. They are not used again.
CREATE TABLE removed_events (
    first_sequence BIGINT NOT NULL PRIMARY KEY,
    last_sequence  BIGINT NOT NULL CHECK (last_sequence >= first_sequence)
);

-- Webhooks. A row whose `deleted_at_ms` is set is deleted; it stays until the log of its deliveries is
-- removed.
CREATE TABLE webhooks (
    id              TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    -- The patterns of its events, such as order.*, separated by blanks.
    events          TEXT    NOT NULL,
    description     TEXT,
    -- Why nothing is delivered: 'operator' or 'gone'; NULL while the webhook is enabled.
    disabled        TEXT    CHECK (disabled IN ('operator', 'gone')),
    created_at_ms   BIGINT  NOT NULL,
    updated_at_ms   BIGINT  NOT NULL,
    deleted_at_ms   BIGINT,
    -- The sequence up to which events were delivered, given up, or not subscribed to.
    position        BIGINT  NOT NULL,
    -- How many attempts for the next event failed, and when the next attempt is due.
    attempts        INTEGER NOT NULL,
    next_attempt_ms BIGINT  NOT NULL,
    -- Rises with each change that a delivery in progress must not overwrite.
    generation      BIGINT  NOT NULL,
    -- The process that delivers, until the lease ends.
    lease_owner     TEXT,
    lease_until_ms  BIGINT  NOT NULL
);

-- Signing secrets: the newest, whose `until_ms` is NULL, and those that it replaces. They are not
-- hashed, because signing needs them.
CREATE TABLE webhook_secrets (
    webhook_id TEXT   NOT NULL,
    secret     BLOB   NOT NULL,
    until_ms   BIGINT,
    PRIMARY KEY (webhook_id, secret)
);

-- The delivery of each event: one row, whatever the number of attempts.
CREATE TABLE deliveries (
    id              INTEGER NOT NULL PRIMARY KEY,
    webhook_id      TEXT    NOT NULL,
    sequence        BIGINT  NOT NULL,
    kind            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    attempts        INTEGER NOT NULL,
    -- The last attempt: the response status or else the error, and how long it took.
    http_status     INTEGER,
    error           TEXT,
    duration_ms     BIGINT  NOT NULL,
    created_at_ms   BIGINT  NOT NULL,
    updated_at_ms   BIGINT  NOT NULL,
    next_attempt_ms BIGINT
);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook_id, status, id);

-- Sessions of the console that were ended by signing out. A copy of their cookie is invalid.
CREATE TABLE ended_sessions (
    -- The id of a key, or 'environment'.
    holder  TEXT   NOT NULL,
    -- The session; empty for all sessions of the holder that last until end_ms at most.
    session TEXT   NOT NULL,
    -- When the session would have ended. After that the row can be removed.
    end_ms  BIGINT NOT NULL,
    PRIMARY KEY (holder, session)
);

-- Who changed something besides orders, and who signed in. An entry is written in the transaction of
-- its change. Only the newest sign-ins are kept.
CREATE TABLE audit (
    id         INTEGER NOT NULL PRIMARY KEY,
    time_ms    BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    -- The id of what was changed; NULL where there is only one.
    target     TEXT,
    -- NULL for a command.
    request_id TEXT
);
CREATE INDEX audit_by_action ON audit (action, id);

-- How many requests the rule refused, by quarter of an hour.
CREATE TABLE refusals (
    start_ms BIGINT NOT NULL PRIMARY KEY CHECK (start_ms % 900000 = 0),
    number   BIGINT NOT NULL CHECK (number > 0)
);
