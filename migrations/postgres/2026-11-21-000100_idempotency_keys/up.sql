-- The answers to requests that carried an idempotency key, to be given again to whoever repeats one.
CREATE TABLE idempotency_keys (
    caller      TEXT     COLLATE "C" NOT NULL,
    key         TEXT     COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- What the whole request comes down to.
    fingerprint TEXT     COLLATE "C" NOT NULL,
    status      SMALLINT NOT NULL CHECK (status BETWEEN 200 AND 299),
    location    TEXT,
    etag        TEXT,
    body        BYTEA    NOT NULL,
    -- From when on the key may be used anew.
    expires_ms  BIGINT   NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_ms);
