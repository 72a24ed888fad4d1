//! Checks of webhooks, their secrets, and the delivery log.

use super::checks::{Check, Looks, check};

const WEBHOOKS: &str = "SELECT count(*) AS number FROM webhooks";
const SECRETS: &str = "SELECT count(*) AS number FROM webhook_secrets";
const DELIVERIES: &str = "SELECT count(*) AS number FROM deliveries";

pub(super) const CHECKS: [Check; 4] = [
    check(
        "webhooks are at a place of the feed, and lead somewhere",
        WEBHOOKS,
        Looks::Alike(
            "SELECT 'webhook ' || id || ' ' || what AS line
             FROM (SELECT id,
                          CASE WHEN position > (SELECT last_sequence FROM counters)
                                   THEN 'is behind the last event, at ' || position
                               WHEN position < 0 OR attempts < 0 OR generation < 0
                                   THEN 'has a number below zero'
                               WHEN url NOT LIKE 'http://_%' AND url NOT LIKE 'https://_%'
                                   THEN 'leads nowhere'
                          END AS what
                   FROM webhooks) AS w
             WHERE what IS NOT NULL",
        ),
    ),
    check(
        "each webhook has one secret that lasts",
        WEBHOOKS,
        Looks::Alike(
            "SELECT 'webhook ' || id || ' has ' || n || ' secrets that last' AS line
             FROM (SELECT w.id, w.deleted_at_ms, count(s.webhook_id) AS n
                   FROM webhooks AS w
                   LEFT JOIN webhook_secrets AS s ON s.webhook_id = w.id AND s.until_ms IS NULL
                   GROUP BY w.id, w.deleted_at_ms) AS c
             WHERE n <> CASE WHEN deleted_at_ms IS NULL THEN 1 ELSE 0 END",
        ),
    ),
    check(
        "each secret of a webhook can sign, and is that of a webhook",
        SECRETS,
        Looks::Alike(
            "SELECT 'a secret is that of webhook ' || s.webhook_id || ', which does not exist'
                    AS line
             FROM webhook_secrets AS s
             WHERE NOT EXISTS (SELECT 1 FROM webhooks AS w WHERE w.id = s.webhook_id)
             UNION ALL
             SELECT 'a secret of webhook ' || s.webhook_id || ' has ' || length(s.secret)
                    || ' bytes, instead of 24 to 64'
             FROM webhook_secrets AS s WHERE length(s.secret) NOT BETWEEN 24 AND 64",
        ),
    ),
    check(
        "deliveries tell of events that there are, to webhooks that there are",
        DELIVERIES,
        Looks::Alike(
            "SELECT 'delivery ' || id || ' ' || what AS line
             FROM (SELECT d.id,
                          CASE WHEN w.id IS NULL THEN 'is to webhook ' || d.webhook_id
                                                      || ', which does not exist'
                               WHEN e.sequence IS NULL THEN 'tells of event ' || d.sequence
                                                            || ', which does not exist'
                               WHEN e.kind <> d.kind THEN 'tells of event ' || d.sequence
                                                          || ' as ' || d.kind
                               WHEN d.status NOT IN ('pending', 'succeeded', 'failed')
                                   THEN 'has a status that is none'
                               WHEN d.attempts < 1 OR d.duration_ms < 0
                                   THEN 'was made without an attempt'
                               WHEN d.status = 'pending' AND d.next_attempt_ms IS NULL
                                   THEN 'waits for nothing'
                          END AS what
                   FROM deliveries AS d
                   LEFT JOIN webhooks AS w ON w.id = d.webhook_id
                   LEFT JOIN events AS e ON e.sequence = d.sequence) AS c
             WHERE what IS NOT NULL",
        ),
    ),
];
