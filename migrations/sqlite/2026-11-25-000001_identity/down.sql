DROP TABLE audit_events;
DROP TABLE tickets;
DROP TABLE api_keys;
DROP TABLE refresh_tokens;
CREATE TABLE old_sessions (
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
INSERT INTO old_sessions
SELECT id, user_id, conversation_id, created_at, expires_at, ended_at, end_reason, ip, user_agent FROM sessions;
DROP TABLE sessions;
ALTER TABLE old_sessions RENAME TO sessions;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
