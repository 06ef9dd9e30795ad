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
    RETURNING t.id, t.status = 'failed' OR (t.status = 'cancelled' AND t.response = '' AND t.parts IS NULL) AS gave_nothing
),
released AS (
    DELETE FROM idempotency_keys k USING done WHERE k.turn_id = done.id AND done.gave_nothing
),
cleared AS (
    DELETE FROM turn_pieces p USING done WHERE p.turn_id = done.id
)
SELECT id FROM done
