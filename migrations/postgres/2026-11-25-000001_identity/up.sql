-- Sessions end when nobody uses them, know when their user last gave the password, and may belong to a browser. Sessions
-- of before keep their absolute end, and idle as long as users' sessions do by default.
ALTER TABLE sessions
    ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN idle_seconds bigint NOT NULL DEFAULT 86400,
    ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN cookie_hash bytea;
CREATE UNIQUE INDEX sessions_cookie_hash_key ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;

-- Only hashes: whoever reads this table can refresh nothing. Used ones stay as long as their session, to be known again.
CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at timestamptz,
    successor bytea
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, created_at, id);

-- Good once, for a moment. credential_id is a session's or a key's.
CREATE TABLE tickets (
    hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    is_session boolean NOT NULL,
    credential_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_expires_at_idx ON tickets (expires_at);

-- Bare ids without foreign keys: the trail stays when an account goes.
CREATE TABLE audit_events (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor_id uuid,
    subject_id uuid,
    session_id uuid,
    object_id uuid,
    ip text,
    user_agent text,
    detail text,
    count integer NOT NULL DEFAULT 1 CONSTRAINT audit_events_count_check CHECK (count > 0)
);
CREATE INDEX audit_events_at_idx ON audit_events (at, id);
CREATE INDEX audit_events_actor_id_idx ON audit_events (actor_id, at, id);
CREATE INDEX audit_events_subject_id_idx ON audit_events (subject_id, at, id);
CREATE INDEX audit_events_client_idx ON audit_events (at) WHERE ip IS NOT NULL OR user_agent IS NOT NULL;

-- Rows are added and never changed, but for a count that grows and a client that is forgotten.
CREATE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.at, NEW.kind, NEW.actor_id, NEW.subject_id, NEW.session_id, NEW.object_id, NEW.detail)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.at, OLD.kind, OLD.actor_id, OLD.subject_id, OLD.session_id, OLD.object_id, OLD.detail)
        AND NEW.count >= OLD.count
        AND (NEW.ip IS NULL OR NEW.ip = OLD.ip)
        AND (NEW.user_agent IS NULL OR NEW.user_agent = OLD.user_agent)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit events are kept as they are';
END
$$;
CREATE TRIGGER audit_events_keep BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION keep_audit_events();
CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events();
