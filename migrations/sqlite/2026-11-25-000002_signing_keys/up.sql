-- The keys that sign access tokens; sealed is worth nothing without auth.secret. A retired key stays, so that its name is
-- never given again.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('HS256', 'EdDSA')),
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
) WITHOUT ROWID;
