//! The tables of `migrations/postgres`, as diesel needs to know them.

diesel::table! {
    users (id) {
        id -> Uuid,
        username -> Text,
        hashed_password -> Text,
        email -> Text,
        role -> Text,
        is_active -> Bool,
        account_created -> Timestamptz,
        last_login -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        conversation_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        last_seen_at -> Timestamptz,
        idle_seconds -> BigInt,
        authenticated_at -> Timestamptz,
        cookie_hash -> Nullable<Binary>,
    }
}

diesel::table! {
    conversations (id) {
        id -> Uuid,
        user_id -> Uuid,
        title -> Nullable<Text>,
        model -> Nullable<Text>,
        system -> Nullable<Text>,
        metadata -> Jsonb,
        ttl_seconds -> Nullable<Integer>,
        archived -> Bool,
        pinned -> Bool,
        leaf_turn_id -> Nullable<Uuid>,
        last_seq -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        expiry_timestamp -> Timestamptz,
    }
}

diesel::table! {
    turns (id) {
        id -> Uuid,
        conversation_id -> Uuid,
        user_id -> Uuid,
        session_id -> Nullable<Uuid>,
        seq -> BigInt,
        parent_turn_id -> Nullable<Uuid>,
        kind -> Text,
        status -> Text,
        incomplete_reason -> Nullable<Text>,
        failure -> Nullable<Text>,
        input -> Nullable<Jsonb>,
        request_question -> Text,
        response -> Nullable<Text>,
        parts -> Nullable<Jsonb>,
        image_url -> Nullable<Text>,
        model -> Nullable<Text>,
        question_tokens -> BigInt,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        owner -> Nullable<Uuid>,
        entry_time -> Timestamptz,
        completed_at -> Nullable<Timestamptz>,
        expiry_timestamp -> Timestamptz,
        metadata -> Nullable<Jsonb>,
        cancel_requested_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    idempotency_keys (user_id, key) {
        user_id -> Uuid,
        key -> Text,
        fingerprint -> Binary,
        turn_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    turn_pieces (turn_id, part_index, start_byte) {
        turn_id -> Uuid,
        part_index -> Integer,
        start_byte -> BigInt,
        text -> Text,
        part -> Nullable<Jsonb>,
    }
}

diesel::table! {
    replicas (id) {
        id -> Uuid,
        lease_until -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Binary,
        session_id -> Uuid,
        used_at -> Nullable<Timestamptz>,
        successor -> Nullable<Binary>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        user_id -> Uuid,
        name -> Text,
        hash -> Binary,
        scopes -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    tickets (hash) {
        hash -> Binary,
        user_id -> Uuid,
        is_session -> Bool,
        credential_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        actor_id -> Nullable<Uuid>,
        subject_id -> Nullable<Uuid>,
        session_id -> Nullable<Uuid>,
        object_id -> Nullable<Uuid>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        detail -> Nullable<Text>,
        count -> Integer,
    }
}

diesel::table! {
    usage (user_id, day, model) {
        user_id -> Uuid,
        day -> Date,
        model -> Text,
        turns -> BigInt,
        input_tokens -> BigInt,
        output_tokens -> BigInt,
    }
}

diesel::table! {
    erasures (user_id) {
        user_id -> Uuid,
        begun_at -> Timestamptz,
        went_on_at -> Timestamptz,
        conversations -> BigInt,
        turns -> BigInt,
        sessions -> BigInt,
        api_keys -> BigInt,
        exports -> BigInt,
    }
}

diesel::table! {
    exports (id) {
        id -> Uuid,
        user_id -> Uuid,
        owner -> Uuid,
        status -> Text,
        done -> BigInt,
        total -> BigInt,
        size_bytes -> Nullable<BigInt>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    export_chunks (export_id, number) {
        export_id -> Uuid,
        number -> Integer,
        content -> Binary,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed -> Binary,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(export_chunks -> exports (export_id));
diesel::joinable!(turns -> conversations (conversation_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    refresh_tokens,
    api_keys,
    tickets,
    audit_events,
    erasures,
    exports,
    export_chunks,
    conversations,
    turns,
    idempotency_keys,
    turn_pieces,
    replicas,
    signing_keys
);
