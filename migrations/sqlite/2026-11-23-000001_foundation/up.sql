-- Identifiers are UUIDs as text; times are microseconds since 1970-01-01 UTC; documents are JSON as text.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    hashed_password TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'user' CONSTRAINT users_role_check CHECK (role IN ('user', 'admin')),
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    account_created BIGINT NOT NULL,
    last_login BIGINT
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CREATE UNIQUE INDEX users_email_key ON users (email);

-- conversation_id is where the session's last turn was said. It has no foreign key: a conversation that is
-- gone is simply not found, and the most recent one goes on instead.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT,
    ip TEXT,
    user_agent TEXT
) WITHOUT ROWID;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT,
    model TEXT,
    system TEXT,
    metadata TEXT NOT NULL DEFAULT '{}',
    ttl_seconds INTEGER CONSTRAINT conversations_ttl_seconds_check CHECK (ttl_seconds > 0),
    archived BOOLEAN NOT NULL DEFAULT FALSE,
    pinned BOOLEAN NOT NULL DEFAULT FALSE,
    leaf_turn_id TEXT,
    last_seq BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expiry_timestamp BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_activity_idx ON conversations (user_id, updated_at, id);

-- session_id has no foreign key: history outlives sessions. parent_turn_id has none either: where a parent
-- has been purged, the walk back ends.
CREATE TABLE turns (
    id TEXT NOT NULL PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    session_id TEXT,
    seq BIGINT NOT NULL,
    parent_turn_id TEXT,
    kind TEXT NOT NULL DEFAULT 'answered' CONSTRAINT turns_kind_check CHECK (kind IN ('answered', 'imported')),
    status TEXT NOT NULL
        CONSTRAINT turns_status_check CHECK (status IN ('queued', 'running', 'completed', 'incomplete', 'cancelled', 'failed')),
    incomplete_reason TEXT,
    failure TEXT,
    input TEXT,
    request_question TEXT NOT NULL,
    response TEXT,
    parts TEXT,
    image_url TEXT,
    model TEXT,
    question_tokens BIGINT NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    owner TEXT,
    entry_time BIGINT NOT NULL,
    completed_at BIGINT,
    expiry_timestamp BIGINT NOT NULL,
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
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    start_byte BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, start_byte)
) WITHOUT ROWID;

-- A claim whose turn is deleted keeps its key, so that a late retry learns that the turn is gone.
CREATE TABLE idempotency_keys (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    turn_id TEXT REFERENCES turns (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_turn_id_idx ON idempotency_keys (turn_id);

-- Which server processes are alive.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    lease_until BIGINT NOT NULL
) WITHOUT ROWID;

-- Every turn under the column names that reports have always used, with times that a person can read.
CREATE VIEW user_sessions AS
SELECT
    user_id,
    session_id,
    request_question,
    response,
    image_url AS imageurl,
    strftime('%Y-%m-%dT%H:%M:%fZ', entry_time / 1000000.0, 'unixepoch') AS entry_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', expiry_timestamp / 1000000.0, 'unixepoch') AS expiry_timestamp
FROM turns;
