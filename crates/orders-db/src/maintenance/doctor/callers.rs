//! Checks of what belongs to callers: keys and stored idempotency responses.

use super::checks::{Check, Looks, ONE, check};

const KEYS: &str = "SELECT count(*) AS number FROM api_keys";
const SECRETS: &str = "SELECT count(*) AS number FROM api_key_secrets";
const RESPONSES: &str = "SELECT count(*) AS number FROM idempotency_keys";

pub(super) const CHECKS: [Check; 4] = [
    check(
        "answers kept for idempotency keys end within a day",
        RESPONSES,
        Looks::Apart {
            // An hour more than a day: clocks may have been set since.
            sqlite: "SELECT 'the answer to a key of ' || caller || ' is odd' AS line
                     FROM idempotency_keys
                     WHERE expires_ms > unixepoch() * 1000 + 90000000",
            postgres: "SELECT 'the answer to a key of ' || caller || ' is odd' AS line
                       FROM idempotency_keys
                       WHERE expires_ms
                                 > extract(epoch FROM clock_timestamp()) * 1000 + 90000000",
        },
    ),
    check(
        "answers kept for idempotency keys can be given again",
        RESPONSES,
        Looks::Alike(
            "SELECT 'the answer to a key of ' || caller || ' cannot be given: its ' || what AS line
             FROM (SELECT caller,
                          CASE WHEN caller = '' THEN 'caller is nobody'
                               WHEN length(key) NOT BETWEEN 1 AND 255 THEN 'key is none'
                               WHEN length(fingerprint) <> 36 THEN 'fingerprint is none'
                               WHEN status NOT BETWEEN 200 AND 299 THEN 'status is no success'
                               WHEN status = 201 AND location IS NULL THEN 'location is missing'
                               WHEN location NOT LIKE '/%' THEN 'location is none'
                               WHEN etag NOT LIKE '\"%\"' THEN 'ETag is none'
                          END AS what
                   FROM idempotency_keys) AS a
             WHERE what IS NOT NULL",
        ),
    ),
    check(
        "each key that is not revoked has one secret that lasts",
        KEYS,
        Looks::Alike(
            "SELECT 'key ' || id || ' has ' || n || ' secrets that last' AS line
             FROM (SELECT k.id, k.revoked_at_ms, count(s.key_id) AS n
                   FROM api_keys AS k
                   LEFT JOIN api_key_secrets AS s ON s.key_id = k.id AND s.until_ms IS NULL
                   GROUP BY k.id, k.revoked_at_ms) AS c
             WHERE n <> CASE WHEN revoked_at_ms IS NULL THEN 1 ELSE 0 END
             UNION ALL
             SELECT 'there are keys, but none is required' FROM api_key_state AS st
             WHERE st.required = 0 AND EXISTS (SELECT 1 FROM api_keys)",
        ),
    ),
    check(
        "each secret is the hash of one, and that of a key",
        SECRETS,
        Looks::Alike(
            "SELECT 'a secret is that of key ' || s.key_id || ', which does not exist' AS line
             FROM api_key_secrets AS s
             WHERE NOT EXISTS (SELECT 1 FROM api_keys AS k WHERE k.id = s.key_id)
             UNION ALL
             SELECT 'a secret of key ' || s.key_id || ' has ' || length(s.hash)
                    || ' bytes, which no hash has'
             FROM api_key_secrets AS s WHERE length(s.hash) <> 32",
        ),
    ),
];

/// Checks the mark up to which the feed is trimmed.
pub(super) const FEED: Check = check(
    "the feed is trimmed up to an event that there is",
    ONE,
    Looks::Alike(
        "SELECT 'the feed is trimmed behind its end, at ' || f.trimmed_through AS line
         FROM event_feed AS f
         WHERE f.trimmed_through > (SELECT last_sequence FROM counters)
            OR f.trimmed_through < 0",
    ),
);
