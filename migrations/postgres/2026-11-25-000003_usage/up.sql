-- What each user's turns took, by the UTC day on which they ended and by the model that answered, '' where none is known.
-- It is counted by the statement that ends a turn, and outlives the turns. A server of the version before counts nothing:
-- what ends on it from here on is missing.
CREATE TABLE usage (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day date NOT NULL,
    model text NOT NULL,
    turns bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    CONSTRAINT usage_pkey PRIMARY KEY (user_id, day, model)
);

-- turns.user_id has no foreign key; what nobody is there for is nobody's.
INSERT INTO usage (user_id, day, model, turns, input_tokens, output_tokens)
SELECT t.user_id, (t.completed_at AT TIME ZONE 'UTC')::date, COALESCE(t.model, ''), count(*),
       sum(t.input_tokens)::bigint, sum(COALESCE(t.output_tokens, 0))::bigint
FROM turns t
JOIN users u ON u.id = t.user_id
WHERE t.kind = 'answered' AND t.completed_at IS NOT NULL AND t.input_tokens IS NOT NULL
GROUP BY 1, 2, 3;
