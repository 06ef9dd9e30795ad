-- What the yardstick's three statements need: 64 conversations of 64 users, and their turns, found by time. No foreign
-- keys: what they cost would flatter whoever is measured against this.
CREATE TABLE sessions (
    session_id uuid PRIMARY KEY,
    user_id    integer NOT NULL UNIQUE,
    is_active  boolean NOT NULL DEFAULT true
);

CREATE TABLE turns (
    id               uuid PRIMARY KEY,
    user_id          integer NOT NULL,
    session_id       uuid NOT NULL,
    request_question text NOT NULL,
    response         text,
    entry_time       timestamptz NOT NULL,
    expiry_timestamp timestamptz NOT NULL
);

CREATE INDEX turns_of_session ON turns (session_id, entry_time);

INSERT INTO sessions (session_id, user_id)
SELECT lpad(n::text, 32, '0')::uuid, n FROM generate_series(1, 64) AS n;

ANALYZE sessions;
