-- Accounts that are being deleted, and what is gone of them. A row goes with its account.
CREATE TABLE erasures (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    begun_at timestamptz NOT NULL DEFAULT now(),
    went_on_at timestamptz NOT NULL DEFAULT now(),
    conversations bigint NOT NULL DEFAULT 0,
    turns bigint NOT NULL DEFAULT 0,
    sessions bigint NOT NULL DEFAULT 0,
    api_keys bigint NOT NULL DEFAULT 0,
    exports bigint NOT NULL DEFAULT 0
);

-- Copies of everything that is stored about somebody. owner is the process that writes one, or wrote it.
CREATE TABLE exports (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    owner uuid NOT NULL,
    status text NOT NULL CONSTRAINT exports_status_check CHECK (status IN ('running', 'completed', 'failed')),
    done bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL,
    size_bytes bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT exports_size_bytes_check CHECK ((status = 'completed') = (size_bytes IS NOT NULL))
);
CREATE UNIQUE INDEX exports_running_key ON exports (user_id) WHERE status = 'running';
CREATE INDEX exports_user_id_idx ON exports (user_id);
CREATE INDEX exports_expires_at_idx ON exports (expires_at);

CREATE TABLE export_chunks (
    export_id uuid NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
    number integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (export_id, number)
);

-- For the purge. Neither column changes while a session is used.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
CREATE INDEX sessions_ended_at_idx ON sessions (ended_at) WHERE ended_at IS NOT NULL;
