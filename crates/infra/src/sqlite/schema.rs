//! The tables of `migrations/sqlite`, as diesel needs to know them.

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        hashed_password -> Text,
        email -> Text,
        role -> Text,
        is_active -> Bool,
        account_created -> BigInt,
        last_login -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        conversation_id -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        last_seen_at -> BigInt,
        idle_seconds -> BigInt,
        authenticated_at -> BigInt,
        cookie_hash -> Nullable<Binary>,
    }
}

diesel::table! {
    conversations (id) {
        id -> Text,
        user_id -> Text,
        title -> Nullable<Text>,
        model -> Nullable<Text>,
        system -> Nullable<Text>,
        metadata -> Text,
        ttl_seconds -> Nullable<Integer>,
        archived -> Bool,
        pinned -> Bool,
        leaf_turn_id -> Nullable<Text>,
        last_seq -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        expiry_timestamp -> BigInt,
    }
}

diesel::table! {
    turns (id) {
        id -> Text,
        conversation_id -> Text,
        user_id -> Text,
        session_id -> Nullable<Text>,
        seq -> BigInt,
        parent_turn_id -> Nullable<Text>,
        kind -> Text,
        status -> Text,
        incomplete_reason -> Nullable<Text>,
        failure -> Nullable<Text>,
        input -> Nullable<Text>,
        request_question -> Text,
        response -> Nullable<Text>,
        parts -> Nullable<Text>,
        image_url -> Nullable<Text>,
        model -> Nullable<Text>,
        question_tokens -> BigInt,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        owner -> Nullable<Text>,
        entry_time -> BigInt,
        completed_at -> Nullable<BigInt>,
        expiry_timestamp -> BigInt,
        metadata -> Nullable<Text>,
        cancel_requested_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency_keys (user_id, key) {
        user_id -> Text,
        key -> Text,
        fingerprint -> Binary,
        turn_id -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    turn_pieces (turn_id, part_index, start_byte) {
        turn_id -> Text,
        part_index -> Integer,
        start_byte -> BigInt,
        text -> Text,
        part -> Nullable<Text>,
    }
}

diesel::table! {
    replicas (id) {
        id -> Text,
        lease_until -> BigInt,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Binary,
        session_id -> Text,
        used_at -> Nullable<BigInt>,
        successor -> Nullable<Binary>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        hash -> Binary,
        scopes -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    tickets (hash) {
        hash -> Binary,
        user_id -> Text,
        is_session -> Bool,
        credential_id -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Text,
        at -> BigInt,
        kind -> Text,
        actor_id -> Nullable<Text>,
        subject_id -> Nullable<Text>,
        session_id -> Nullable<Text>,
        object_id -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        detail -> Nullable<Text>,
        count -> Integer,
    }
}

diesel::table! {
    usage (user_id, day, model) {
        user_id -> Text,
        day -> Date,
        model -> Text,
        turns -> BigInt,
        input_tokens -> BigInt,
        output_tokens -> BigInt,
    }
}

diesel::table! {
    erasures (user_id) {
        user_id -> Text,
        begun_at -> BigInt,
        went_on_at -> BigInt,
        conversations -> BigInt,
        turns -> BigInt,
        sessions -> BigInt,
        api_keys -> BigInt,
        exports -> BigInt,
    }
}

diesel::table! {
    exports (id) {
        id -> Text,
        user_id -> Text,
        owner -> Text,
        status -> Text,
        done -> BigInt,
        total -> BigInt,
        size_bytes -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    export_chunks (export_id, number) {
        export_id -> Text,
        number -> Integer,
        content -> Binary,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed -> Binary,
        created_at -> BigInt,
        retired_at -> Nullable<BigInt>,
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
