-- The keys that sign access tokens; sealed is worth nothing without auth.secret. A retired key stays, so that its name is
-- never given again.
CREATE TABLE signing_keys (
    kid text COLLATE "C" PRIMARY KEY,
    algorithm text NOT NULL CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('HS256', 'EdDSA')),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
