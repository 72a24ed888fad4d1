-- API keys. A key stays when it is revoked, so that whose changes those were can be told.
CREATE TABLE api_keys (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('reader', 'writer', 'admin')),
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    last_used_ms  BIGINT,
    revoked_at_ms BIGINT
);

-- What stands for the secrets of keys: the SHA-256 of each. While a key is rotated it has two.
CREATE TABLE api_key_secrets (
    hash     BYTEA  NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id   TEXT   COLLATE "C" NOT NULL REFERENCES api_keys (id),
    -- From when on it is of no use; NULL for the newest.
    until_ms BIGINT
);
CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key_id);

-- Rises with each change to the keys, so that every process learns of it by looking at one row.
CREATE TABLE api_key_state (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version  BIGINT  NOT NULL,
    -- 1 once any key has existed: from then on nobody gets in without one.
    required INTEGER NOT NULL CHECK (required IN (0, 1))
);
INSERT INTO api_key_state (id, version, required) VALUES (1, 0, 0);
