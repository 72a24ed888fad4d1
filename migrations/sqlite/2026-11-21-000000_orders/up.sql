-- Instants are epoch milliseconds in UTC, fees are hundredths, `services` is a JSON array of numbers.

CREATE TABLE policy (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    window_ms    BIGINT  NOT NULL CHECK (window_ms BETWEEN 1 AND 31622400000),
    scope        TEXT    NOT NULL CHECK (scope IN ('global', 'service')),
    edit_lock_ms BIGINT  CHECK (edit_lock_ms > 0)
);
INSERT INTO policy (id, window_ms, scope) VALUES (1, 10800000, 'global');

-- The highest numbers ever given out. A row of its own, since every write touches it.
CREATE TABLE counters (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last_sequence   BIGINT  NOT NULL CHECK (last_sequence >= 0),
    last_service_id BIGINT  NOT NULL CHECK (last_service_id BETWEEN 0 AND 9007199254740991)
);
INSERT INTO counters (id, last_sequence, last_service_id) VALUES (1, 0, 0);

CREATE TABLE services (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
    name     TEXT   NOT NULL,
    -- The name in Unicode lower case: what must be unique.
    name_key TEXT   NOT NULL UNIQUE
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

-- Which orders use a service: for the foreign key and for the list filter. Without a foreign key
-- to `orders`, like `order_slots`: that these rows and orders agree is kept by the writer.
CREATE TABLE order_services (
    service_id  BIGINT NOT NULL REFERENCES services (id) ON DELETE RESTRICT,
    datetime_ms BIGINT NOT NULL,
    order_id    TEXT   NOT NULL,
    PRIMARY KEY (service_id, datetime_ms, order_id)
) WITHOUT ROWID;

-- The stretch that each order holds, in each calendar it is in: scope 0 is the calendar of all
-- orders, any other scope is a service's.
CREATE TABLE order_slots (
    scope    BIGINT NOT NULL CHECK (scope >= 0),
    start_ms BIGINT NOT NULL,
    end_ms   BIGINT NOT NULL CHECK (end_ms > start_ms),
    grp      BIGINT NOT NULL,
    order_id TEXT   NOT NULL,
    PRIMARY KEY (scope, start_ms, order_id)
) WITHOUT ROWID;

-- The backstop: no two slots of one scope, of different groups, overlap. That every slot is as
-- long as the policy's window is what lets the check look at one window to each side only.
CREATE TRIGGER order_slots_no_overlap_on_insert BEFORE INSERT ON order_slots
BEGIN
    SELECT RAISE(ABORT, 'order_slots_length')
    WHERE NEW.end_ms - NEW.start_ms <> (SELECT window_ms FROM policy);
    SELECT RAISE(ABORT, 'order_slots_no_overlap') WHERE EXISTS (
        SELECT 1 FROM order_slots
        WHERE scope = NEW.scope
          AND start_ms > NEW.start_ms - (NEW.end_ms - NEW.start_ms)
          AND start_ms < NEW.end_ms
          AND grp <> NEW.grp
    );
END;
CREATE TRIGGER order_slots_no_overlap_on_update BEFORE UPDATE ON order_slots
BEGIN
    SELECT RAISE(ABORT, 'order_slots_length')
    WHERE NEW.end_ms - NEW.start_ms <> (SELECT window_ms FROM policy);
    SELECT RAISE(ABORT, 'order_slots_no_overlap') WHERE EXISTS (
        SELECT 1 FROM order_slots
        WHERE scope = NEW.scope
          AND start_ms > NEW.start_ms - (NEW.end_ms - NEW.start_ms)
          AND start_ms < NEW.end_ms
          AND grp <> NEW.grp
          AND NOT (scope = OLD.scope AND start_ms = OLD.start_ms AND order_id = OLD.order_id)
    );
END;

-- Every change to an order, for ever. The order as the change left it; of a deletion, as it was.
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
