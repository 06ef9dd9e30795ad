WITH dead AS (
    SELECT t.id FROM turns t
    LEFT JOIN replicas r ON r.id = t.owner AND r.lease_until > now()
    WHERE t.status = 'running' AND t.owner <> $2 AND r.id IS NULL
    ORDER BY t.id
    FOR UPDATE OF t SKIP LOCKED
),
so_far AS (
    SELECT d.id, COALESCE(string_agg(p.text, '' ORDER BY p.start_byte), '') AS response
    FROM dead d
    LEFT JOIN (
        SELECT turn_id, text, start_byte,
               sum(octet_length(text)) OVER (PARTITION BY turn_id ORDER BY start_byte) - octet_length(text) AS expected
        FROM turn_pieces WHERE turn_id IN (SELECT id FROM dead)
    ) p ON p.turn_id = d.id AND p.expected = p.start_byte
    GROUP BY d.id
),
closed AS (
    UPDATE turns t
    SET status = 'incomplete', incomplete_reason = 'server_restart', response = s.response,
        input_tokens = t.question_tokens, output_tokens = (octet_length(s.response) + 3) / 4, completed_at = $1
    FROM so_far s
    WHERE t.id = s.id
    RETURNING t.id
),
forgotten AS (
    DELETE FROM replicas WHERE lease_until < now() - interval '1 day'
),
cleared AS (
    DELETE FROM turn_pieces p USING closed WHERE p.turn_id = closed.id
)
SELECT id FROM closed
