-- Sessions end when nobody uses them, know when their user last gave the password, and may belong to a browser. Sessions
-- of before keep their absolute end, and idle as long as users' sessions do by default.
CREATE TABLE new_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT,
    ip TEXT,
    user_agent TEXT,
    last_seen_at BIGINT NOT NULL,
    idle_seconds BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    cookie_hash BLOB
) WITHOUT ROWID;
INSERT INTO new_sessions
SELECT
    id, user_id, conversation_id, created_at, expires_at, ended_at, end_reason, ip, user_agent,
    CAST(unixepoch('subsec') * 1000000 AS INTEGER), 86400, CAST(unixepoch('subsec') * 1000000 AS INTEGER), NULL
FROM sessions;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE UNIQUE INDEX sessions_cookie_hash_key ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;

-- Only hashes: whoever reads this table can refresh nothing. Used ones stay as long as their session, to be known again.
CREATE TABLE refresh_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at BIGINT,
    successor BLOB
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
) WITHOUT ROWID;
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, created_at, id);

-- Good once, for a moment. credential_id is a session's or a key's.
CREATE TABLE tickets (
    hash BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    is_session BOOLEAN NOT NULL,
    credential_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tickets_expires_at_idx ON tickets (expires_at);

-- Bare ids without foreign keys: the trail stays when an account goes.
CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor_id TEXT,
    subject_id TEXT,
    session_id TEXT,
    object_id TEXT,
    ip TEXT,
    user_agent TEXT,
    detail TEXT,
    count INTEGER NOT NULL DEFAULT 1 CONSTRAINT audit_events_count_check CHECK (count > 0)
) WITHOUT ROWID;
CREATE INDEX audit_events_at_idx ON audit_events (at, id);
CREATE INDEX audit_events_actor_id_idx ON audit_events (actor_id, at, id);
CREATE INDEX audit_events_subject_id_idx ON audit_events (subject_id, at, id);
CREATE INDEX audit_events_client_idx ON audit_events (at) WHERE ip IS NOT NULL OR user_agent IS NOT NULL;

-- Rows are added and never changed, but for a count that grows and a client that is forgotten.
-- INSERT OR REPLACE would take a row out without a word to the trigger on DELETE, so a second row of an id is ignored.
CREATE TRIGGER audit_events_keep_first BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(IGNORE);
END;
CREATE TRIGGER audit_events_keep BEFORE DELETE ON audit_events BEGIN
    SELECT RAISE(ABORT, 'audit events are kept as they are');
END;
CREATE TRIGGER audit_events_keep_as_is BEFORE UPDATE ON audit_events
WHEN (NEW.id, NEW.at, NEW.kind) <> (OLD.id, OLD.at, OLD.kind)
    OR NEW.actor_id IS NOT OLD.actor_id
    OR NEW.subject_id IS NOT OLD.subject_id
    OR NEW.session_id IS NOT OLD.session_id
    OR NEW.object_id IS NOT OLD.object_id
    OR NEW.detail IS NOT OLD.detail
    OR NEW.count < OLD.count
    OR (NEW.ip IS NOT NULL AND NEW.ip IS NOT OLD.ip)
    OR (NEW.user_agent IS NOT NULL AND NEW.user_agent IS NOT OLD.user_agent)
BEGIN
    SELECT RAISE(ABORT, 'audit events are kept as they are');
END;
