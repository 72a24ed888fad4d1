//! Checks by one query each. A query returns a line for each fault.

/// One check.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// The query that counts the checked rows.
    pub(super) count: &'static str,
    pub(super) looks: Looks,
    /// Whether it reads the services within the rows of orders.
    pub(super) reads_services: bool,
}

/// The query of a check, without a limit.
pub(super) enum Looks {
    Alike(&'static str),
    Apart { sqlite: &'static str, postgres: &'static str },
}

const ORDERS: &str = "SELECT count(*) AS number FROM orders";
const LENGTHS: &str = "SELECT count(DISTINCT scope) AS number FROM order_slots";
const USES: &str = "SELECT count(*) AS number FROM order_services";
const EVENTS: &str = "SELECT count(*) AS number FROM events";
pub(super) const ONE: &str = "SELECT CAST(1 AS BIGINT) AS number";

pub(super) const fn check(name: &'static str, count: &'static str, looks: Looks) -> Check {
    Check { name, count, looks, reads_services: false }
}

const fn of_services(check: Check) -> Check {
    Check { reads_services: true, ..check }
}

pub(super) const CHECKS: [Check; 11] = [
    check(
        "the database itself refuses what must never be",
        ONE,
        Looks::Apart {
            sqlite: "SELECT 'the trigger ' || name || ' is gone' AS line FROM (
                         SELECT 'order_slots_no_overlap_on_insert' AS name
                         UNION ALL SELECT 'order_slots_no_overlap_on_update'
                         UNION ALL SELECT 'slot_lengths_only_grow'
                         UNION ALL SELECT 'slot_lengths_stay') AS wanted
                     WHERE NOT EXISTS (SELECT 1 FROM sqlite_master AS m
                                       WHERE m.type = 'trigger' AND m.name = wanted.name)",
            postgres: "SELECT 'the constraint order_slots_no_overlap is gone' AS line
                       WHERE NOT EXISTS (SELECT 1 FROM pg_constraint
                                         WHERE conname = 'order_slots_no_overlap'
                                           AND conrelid = 'order_slots'::regclass)",
        },
    ),
    check(
        "the longest slot of each calendar is known",
        LENGTHS,
        Looks::Apart {
            sqlite: "SELECT 'calendar ' || s.scope || ' has a slot of ' || s.longest_ms
                            || ' ms, longer than is known' AS line
                     FROM (SELECT scope, max(end_ms - start_ms) AS longest_ms
                           FROM order_slots GROUP BY scope) AS s
                     LEFT JOIN slot_lengths AS l ON l.scope = s.scope
                     WHERE l.longest_ms IS NULL OR l.longest_ms < s.longest_ms",
            // Its constraint needs no bound.
            postgres: "SELECT '' AS line WHERE false",
        },
    ),
    check(
        "there is one policy and one row of counters",
        ONE,
        Looks::Alike(
            "SELECT 'there are ' || n || ' rows in ' || name AS line FROM (
                 SELECT 'policy' AS name, count(*) AS n FROM policy
                 UNION ALL SELECT 'counters', count(*) FROM counters
                 UNION ALL SELECT 'event_feed', count(*) FROM event_feed
                 UNION ALL SELECT 'api_key_state', count(*) FROM api_key_state) AS c
             WHERE n <> 1",
        ),
    ),
    of_services(check(
        "every service of an order is noted",
        ORDERS,
        Looks::Apart {
            sqlite:
                "SELECT 'order ' || o.id || ' is not noted with its service ' || j.value AS line
                     FROM orders AS o, json_each(o.services) AS j
                     WHERE NOT EXISTS (
                         SELECT 1 FROM order_services AS u
                         WHERE u.service_id = j.value AND u.datetime_ms = o.datetime_ms
                           AND u.order_id = o.id AND u.created_at_ms = o.created_at_ms)",
            postgres: "SELECT 'order ' || o.id || ' is not noted with its service ' || j.value
                              AS line
                       FROM orders AS o, json_array_elements_text(o.services::json) AS j
                       WHERE NOT EXISTS (
                           SELECT 1 FROM order_services AS u
                           WHERE u.service_id = j.value::bigint AND u.datetime_ms = o.datetime_ms
                             AND u.order_id = o.id AND u.created_at_ms = o.created_at_ms)",
        },
    )),
    of_services(check(
        "every noted use of a service is that of an order",
        USES,
        Looks::Apart {
            sqlite: "SELECT 'service ' || u.service_id || ' is noted for order ' || u.order_id
                            || ', which does not have it so' AS line
                     FROM order_services AS u LEFT JOIN orders AS o ON o.id = u.order_id
                     WHERE o.id IS NULL OR o.datetime_ms <> u.datetime_ms
                        OR o.created_at_ms <> u.created_at_ms
                        OR NOT EXISTS (SELECT 1 FROM json_each(o.services) AS j
                                       WHERE j.value = u.service_id)",
            postgres: "SELECT 'service ' || u.service_id || ' is noted for order ' || u.order_id
                              || ', which does not have it so' AS line
                       FROM order_services AS u LEFT JOIN orders AS o ON o.id = u.order_id
                       WHERE o.id IS NULL OR o.datetime_ms <> u.datetime_ms
                          OR o.created_at_ms <> u.created_at_ms
                          OR NOT EXISTS (SELECT 1
                                         FROM json_array_elements_text(o.services::json) AS j
                                         WHERE j.value::bigint = u.service_id)",
        },
    )),
    check(
        "every service that is used exists",
        USES,
        Looks::Alike(
            "SELECT 'order ' || u.order_id || ' has service ' || u.service_id
                    || ', which does not exist' AS line
             FROM order_services AS u
             WHERE NOT EXISTS (SELECT 1 FROM services AS s WHERE s.id = u.service_id)",
        ),
    ),
    check(
        "histories lead to the orders there are",
        EVENTS,
        Looks::Alike(
            "SELECT 'order ' || e.order_id || ' is not as event ' || e.sequence || ' ('
                    || e.kind || ') has left it' AS line
             FROM (SELECT events.*, lead(version) OVER (PARTITION BY order_id ORDER BY version)
                          AS next_version
                   FROM events) AS e
             LEFT JOIN orders AS o ON o.id = e.order_id
             WHERE e.next_version IS NULL AND (
                 (e.kind = 'deleted' AND o.id IS NOT NULL)
                 OR (e.kind <> 'deleted' AND (
                     o.id IS NULL OR o.version <> e.version OR o.datetime_ms <> e.datetime_ms
                     OR o.total_fee <> e.total_fee OR o.services <> e.services OR o.grp <> e.grp
                     OR o.created_at_ms <> e.created_at_ms OR o.updated_at_ms <> e.time_ms)))",
        ),
    ),
    check(
        "every order has a history",
        ORDERS,
        Looks::Alike(
            "SELECT 'order ' || o.id || ' has no event of version ' || o.version AS line
             FROM orders AS o
             WHERE NOT EXISTS (SELECT 1 FROM events AS e
                               WHERE e.order_id = o.id AND e.version = o.version)",
        ),
    ),
    check(
        "versions follow each other, and so do creations and deletions",
        EVENTS,
        Looks::Alike(
            "SELECT 'event ' || sequence || ' (' || kind || ', version ' || version
                    || ') of order ' || order_id || ' does not follow what was before' AS line
             FROM (SELECT sequence, order_id, version, kind,
                          lag(version) OVER w AS before_version,
                          lag(kind) OVER w AS before_kind,
                          lag(sequence) OVER w AS before_sequence
                   FROM events WINDOW w AS (PARTITION BY order_id ORDER BY version)) AS e
             WHERE before_sequence > sequence
                OR (before_kind IS NULL AND kind <> 'created')
                OR (before_kind = 'deleted' AND kind NOT IN ('created', 'restored'))
                OR (before_kind <> 'deleted' AND kind IN ('created', 'restored'))
                -- What is imported under the id of a deleted order may have a higher version.
                OR (before_version IS NOT NULL AND version <> before_version + 1
                    AND kind <> 'created')",
        ),
    ),
    check(
        "sequences have no gap, and the last is known",
        EVENTS,
        Looks::Alike(
            "SELECT 'there are ' || n || ' events, of sequences up to ' || highest
                    || '; the last is noted as ' || last_sequence AS line
             FROM (SELECT count(*) AS n, coalesce(max(sequence), 0) AS highest FROM events) AS e,
                  counters
             WHERE n + (SELECT coalesce(sum(r.last_sequence - r.first_sequence + 1), 0)
                        FROM removed_events AS r) <> last_sequence
                OR highest > last_sequence",
        ),
    ),
    check(
        "no number was given out that is not noted",
        ONE,
        Looks::Alike(
            "SELECT 'there is a group ' || max(o.grp) || ' above the last sequence' AS line
             FROM orders AS o HAVING max(o.grp) > (SELECT last_sequence FROM counters)",
        ),
    ),
];
