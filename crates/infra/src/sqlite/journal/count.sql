INSERT INTO usage (user_id, day, model, turns, input_tokens, output_tokens)
SELECT user_id, date(completed_at / 1000000, 'unixepoch'), COALESCE(model, ''), 1, input_tokens, output_tokens
FROM turns
-- One that failed took nothing that anybody counted.
WHERE id = ? AND input_tokens IS NOT NULL
ON CONFLICT (user_id, day, model) DO UPDATE
SET turns = turns + 1, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens
