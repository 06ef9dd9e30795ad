CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text NOT NULL,
    hashed_password text NOT NULL,
    email text NOT NULL,
    role text NOT NULL DEFAULT 'user' CONSTRAINT users_role_check CHECK (role IN ('user', 'admin')),
    is_active boolean NOT NULL DEFAULT true,
    account_created timestamptz NOT NULL,
    last_login timestamptz
);
CREATE UNIQUE INDEX users_username_key ON users (lower(username COLLATE "C"));
CREATE UNIQUE INDEX users_email_key ON users (email);

-- conversation_id is where the session's last turn was said. It has no foreign key: a conversation that is
-- gone is simply not found, and the most recent one goes on instead.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    ip text,
    user_agent text
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text,
    model text,
    system text,
    metadata jsonb NOT NULL DEFAULT '{}',
    ttl_seconds integer CONSTRAINT conversations_ttl_seconds_check CHECK (ttl_seconds > 0),
    archived boolean NOT NULL DEFAULT false,
    pinned boolean NOT NULL DEFAULT false,
    leaf_turn_id uuid,
    last_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expiry_timestamp timestamptz NOT NULL
);
CREATE INDEX conversations_activity_idx ON conversations (user_id, updated_at, id);

-- session_id has no foreign key: history outlives sessions. parent_turn_id has none either: where a parent
-- has been purged, the walk back ends.
CREATE TABLE turns (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    session_id uuid,
    seq bigint NOT NULL,
    parent_turn_id uuid,
    kind text NOT NULL DEFAULT 'answered' CONSTRAINT turns_kind_check CHECK (kind IN ('answered', 'imported')),
    status text NOT NULL
        CONSTRAINT turns_status_check CHECK (status IN ('queued', 'running', 'completed', 'incomplete', 'cancelled', 'failed')),
    incomplete_reason text,
    failure text,
    input jsonb,
    request_question text NOT NULL,
    response text,
    parts jsonb,
    image_url text,
    model text,
    question_tokens bigint NOT NULL,
    input_tokens bigint,
    output_tokens bigint,
    owner uuid,
    entry_time timestamptz NOT NULL,
    completed_at timestamptz,
    expiry_timestamp timestamptz NOT NULL,
    CONSTRAINT turns_seq_key UNIQUE (conversation_id, seq),
    -- Who runs a turn, or ran it; nobody runs one that is queued.
    CONSTRAINT turns_owner_check CHECK (CASE status WHEN 'running' THEN owner IS NOT NULL WHEN 'queued' THEN owner IS NULL ELSE true END),
    CONSTRAINT turns_completed_at_check CHECK ((status IN ('queued', 'running')) = (completed_at IS NULL)),
    CONSTRAINT turns_incomplete_reason_check CHECK ((status = 'incomplete') = (incomplete_reason IS NOT NULL)),
    CONSTRAINT turns_failure_check CHECK ((status = 'failed') = (failure IS NOT NULL))
);
CREATE UNIQUE INDEX turns_running_key ON turns (conversation_id) WHERE status = 'running';
CREATE INDEX turns_parent_turn_id_idx ON turns (parent_turn_id);

-- The text of a running turn as far as it has come; start_byte counts UTF-8 bytes from the answer's start.
CREATE TABLE turn_pieces (
    turn_id uuid NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    start_byte bigint NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (turn_id, start_byte)
);

-- A claim whose turn is deleted keeps its key, so that a late retry learns that the turn is gone.
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    turn_id uuid REFERENCES turns (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_turn_id_idx ON idempotency_keys (turn_id);

-- Which server processes are alive.
CREATE TABLE replicas (
    id uuid PRIMARY KEY,
    lease_until timestamptz NOT NULL
);

-- Every turn under the column names that reports have always used.
CREATE VIEW user_sessions AS
SELECT user_id, session_id, request_question, response, image_url AS imageurl, entry_time, expiry_timestamp
FROM turns;
