) AS i (id, owner, status, incomplete_reason, failure, response, parts, image_url, model, input_tokens, output_tokens, completed_at)),
-- A turn that has an owner and no end is running. To say status = 'running' would invite a scan of all that run.
done AS (
    UPDATE turns t
    SET status = i.status, incomplete_reason = i.incomplete_reason, failure = i.failure, response = i.response,
        parts = i.parts, image_url = i.image_url, model = COALESCE(i.model, t.model), input_tokens = i.input_tokens,
        output_tokens = i.output_tokens, completed_at = i.completed_at
    FROM input i
    WHERE t.id = i.id AND t.owner = i.owner AND t.completed_at IS NULL
    -- What gave nothing may be asked again.
    RETURNING t.id, t.status = 'failed' OR (t.status = 'cancelled' AND t.response = '' AND t.parts IS NULL) AS gave_nothing,
        t.user_id, t.model, t.input_tokens, t.output_tokens, t.completed_at
),
counted AS (
    INSERT INTO usage AS u (user_id, day, model, turns, input_tokens, output_tokens)
    SELECT user_id, (completed_at AT TIME ZONE 'UTC')::date, COALESCE(model, ''), count(*),
           sum(input_tokens)::bigint, sum(output_tokens)::bigint
    FROM done
    -- One that failed took nothing that anybody counted.
    WHERE input_tokens IS NOT NULL
    GROUP BY 1, 2, 3
    -- Replicas that end turns of the same users at once wait for one another, and never in a circle.
    ORDER BY 1, 2, 3
    ON CONFLICT (user_id, day, model) DO UPDATE
    SET turns = u.turns + EXCLUDED.turns, input_tokens = u.input_tokens + EXCLUDED.input_tokens,
        output_tokens = u.output_tokens + EXCLUDED.output_tokens
),
released AS (
    DELETE FROM idempotency_keys k USING done WHERE k.turn_id = done.id AND done.gave_nothing
),
cleared AS (
    DELETE FROM turn_pieces p USING done WHERE p.turn_id = done.id
)
SELECT id FROM done
