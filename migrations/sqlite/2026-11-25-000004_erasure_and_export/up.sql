-- Accounts that are being deleted, and what is gone of them. A row goes with its account.
CREATE TABLE erasures (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    begun_at BIGINT NOT NULL,
    went_on_at BIGINT NOT NULL,
    conversations BIGINT NOT NULL DEFAULT 0,
    turns BIGINT NOT NULL DEFAULT 0,
    sessions BIGINT NOT NULL DEFAULT 0,
    api_keys BIGINT NOT NULL DEFAULT 0,
    exports BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Copies of everything that is stored about somebody. owner is the process that writes one, or wrote it.
CREATE TABLE exports (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT exports_status_check CHECK (status IN ('running', 'completed', 'failed')),
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL,
    size_bytes BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT exports_size_bytes_check CHECK ((status = 'completed') = (size_bytes IS NOT NULL))
) WITHOUT ROWID;
CREATE UNIQUE INDEX exports_running_key ON exports (user_id) WHERE status = 'running';
CREATE INDEX exports_user_id_idx ON exports (user_id);
CREATE INDEX exports_expires_at_idx ON exports (expires_at);

-- With a rowid: the pieces are large, and a tree that is sorted by its key would hold them in its inner pages.
CREATE TABLE export_chunks (
    export_id TEXT NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (export_id, number)
);

-- For the purge. Neither column changes while a session is used.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
CREATE INDEX sessions_ended_at_idx ON sessions (ended_at) WHERE ended_at IS NOT NULL;
