-- What each user's turns took, by the UTC day on which they ended (YYYY-MM-DD) and by the model that answered, '' where
-- none is known. It is counted by the transaction that ends a turn, and outlives the turns.
CREATE TABLE usage (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    turns BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (user_id, day, model)
) WITHOUT ROWID;

-- turns.user_id has no foreign key; what nobody is there for is nobody's.
INSERT INTO usage (user_id, day, model, turns, input_tokens, output_tokens)
SELECT t.user_id, date(t.completed_at / 1000000, 'unixepoch'), COALESCE(t.model, ''), count(*),
       sum(t.input_tokens), sum(COALESCE(t.output_tokens, 0))
FROM turns t
JOIN users u ON u.id = t.user_id
WHERE t.kind = 'answered' AND t.completed_at IS NOT NULL AND t.input_tokens IS NOT NULL
GROUP BY 1, 2, 3;
