//! The tables, as Diesel sees them, the same for both databases. `migrations/` creates them.

diesel::table! {
    policy (id) {
        id -> Integer,
        window_ms -> BigInt,
        scope -> Text,
        edit_lock_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    counters (id) {
        id -> Integer,
        last_sequence -> BigInt,
        last_service_id -> BigInt,
    }
}

diesel::table! {
    services (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
    }
}

diesel::table! {
    deleted_services (id) {
        id -> BigInt,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        datetime_ms -> BigInt,
        total_fee -> BigInt,
        services -> Text,
        version -> BigInt,
        grp -> BigInt,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
    }
}

diesel::table! {
    order_services (service_id, datetime_ms, order_id) {
        service_id -> BigInt,
        datetime_ms -> BigInt,
        order_id -> Text,
        created_at_ms -> BigInt,
    }
}

diesel::table! {
    order_slots (scope, start_ms, order_id) {
        scope -> BigInt,
        start_ms -> BigInt,
        order_id -> Text,
        end_ms -> BigInt,
        grp -> BigInt,
    }
}

diesel::table! {
    events (sequence) {
        sequence -> BigInt,
        order_id -> Text,
        version -> BigInt,
        kind -> Text,
        time_ms -> BigInt,
        actor -> Text,
        datetime_ms -> BigInt,
        total_fee -> BigInt,
        services -> Text,
        grp -> BigInt,
        created_at_ms -> BigInt,
    }
}

diesel::table! {
    event_feed (id) {
        id -> Integer,
        trimmed_through -> BigInt,
        feed -> Text,
    }
}

diesel::table! {
    removed_events (first_sequence) {
        first_sequence -> BigInt,
        last_sequence -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Text,
        status -> SmallInt,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Binary,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        name -> Text,
        role -> Text,
        created_at_ms -> BigInt,
        expires_at_ms -> Nullable<BigInt>,
        last_used_ms -> Nullable<BigInt>,
        revoked_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_key_secrets (hash) {
        hash -> Binary,
        key_id -> Text,
        until_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_key_state (id) {
        id -> Integer,
        version -> BigInt,
        required -> Integer,
        session_secret -> Binary,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Text,
        url -> Text,
        events -> Text,
        description -> Nullable<Text>,
        disabled -> Nullable<Text>,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
        deleted_at_ms -> Nullable<BigInt>,
        position -> BigInt,
        attempts -> Integer,
        next_attempt_ms -> BigInt,
        generation -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until_ms -> BigInt,
    }
}

diesel::table! {
    webhook_secrets (webhook_id, secret) {
        webhook_id -> Text,
        secret -> Binary,
        until_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    deliveries (id) {
        id -> BigInt,
        webhook_id -> Text,
        sequence -> BigInt,
        kind -> Text,
        status -> Text,
        attempts -> Integer,
        http_status -> Nullable<Integer>,
        error -> Nullable<Text>,
        duration_ms -> BigInt,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
        next_attempt_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    ended_sessions (holder, session) {
        holder -> Text,
        session -> Text,
        end_ms -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        time_ms -> BigInt,
        actor -> Text,
        action -> Text,
        target -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    refusals (start_ms) {
        start_ms -> BigInt,
        number -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(order_services, orders);
diesel::allow_tables_to_appear_in_same_query!(counters, policy);
