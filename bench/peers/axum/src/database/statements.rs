//! The statements. Each is one round trip and one transaction. 10 800 000 is the minimum gap in ms.

/// Stores the order unless there is a neighbour. The constraint decides between concurrent creates.
/// One row: the conflicting order, or nulls if the order is stored. No row: a concurrent create won.
pub(super) const CREATE: &str = "
    WITH conflict AS MATERIALIZED (
        SELECT order_id, start_ms FROM order_slots
        WHERE scope = 0 AND start_ms > $2::bigint - 10800000 AND start_ms < $2 + 10800000
        ORDER BY abs(start_ms - $2) LIMIT 1
    ), slot AS (
        INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id)
        SELECT 0, $2, $2 + 10800000, nextval('peer_number'), $1
        WHERE NOT EXISTS (SELECT FROM conflict)
        ON CONFLICT DO NOTHING RETURNING grp
    ), new_order AS (
        INSERT INTO orders (id, datetime_ms, total_fee, services, version, grp, created_at_ms,
                            updated_at_ms)
        SELECT $1, $2, $3::bigint, $4::text, 1, grp, $6::bigint, $6 FROM slot
    ), used AS (
        INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms)
        SELECT unnest($5::bigint[]), $2, $1, $6 FROM slot
    ), event AS (
        INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
                            total_fee, services, grp, created_at_ms)
        SELECT grp, $1, 1, 'created', $6, 'anonymous', $2, $3, $4, grp, $6 FROM slot
    )
    SELECT NULL::text, NULL::bigint FROM slot
    UNION ALL SELECT order_id, start_ms FROM conflict";

/// Applies to the version that was read. Returns no row if the version has changed.
pub(super) const REPLACE: &str = "
    WITH old AS (
        SELECT grp, created_at_ms FROM orders
        WHERE id = $1 AND version = $7::bigint FOR UPDATE
    ), slot AS (
        UPDATE order_slots SET start_ms = $2::bigint, end_ms = $2 + 10800000
        FROM old WHERE scope = 0 AND start_ms = $8::bigint AND order_id = $1
    ), new_order AS (
        UPDATE orders SET datetime_ms = $2, total_fee = $3::bigint, services = $4::text,
                          version = version + 1, updated_at_ms = $6::bigint
        FROM old WHERE id = $1
    ), unused AS (
        DELETE FROM order_services USING old
        WHERE service_id = ANY ($9::bigint[]) AND datetime_ms = $8 AND order_id = $1
          AND (datetime_ms <> $2 OR service_id <> ALL ($5::bigint[]))
    ), used AS (
        INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms)
        SELECT unnest($5), $2, $1, created_at_ms FROM old ON CONFLICT DO NOTHING
    ), event AS (
        INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
                            total_fee, services, grp, created_at_ms)
        SELECT nextval('peer_number'), $1, $7 + 1, 'updated', $6, 'anonymous', $2, $3, $4, grp,
               created_at_ms FROM old
    )
    SELECT 1 FROM old";

pub(super) const FIND: &str = "
    SELECT id, datetime_ms, total_fee, services, version, created_at_ms, updated_at_ms
    FROM orders WHERE id = $1";

pub(super) const PAGE: &str = "
    SELECT id, datetime_ms, total_fee, services, version, created_at_ms, updated_at_ms
    FROM orders WHERE datetime_ms >= $1 ORDER BY datetime_ms, id LIMIT $2";

/// The order that conflicts with a move.
pub(super) const IN_THE_WAY: &str = "
    SELECT order_id, start_ms FROM order_slots
    WHERE scope = 0 AND order_id <> $2 AND start_ms > $1 - $3::bigint AND start_ms < $1 + $3
    ORDER BY abs(start_ms - $1) LIMIT 1";
