WITH dead AS (
    SELECT t.id FROM turns t
    WHERE t.status = 'running' AND t.owner <> ?3
      AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = t.owner AND r.lease_until > ?2)
)
UPDATE turns
SET status = 'incomplete',
    incomplete_reason = 'server_restart',
    response = so_far.response,
    input_tokens = question_tokens,
    output_tokens = (octet_length(so_far.response) + 3) / 4,
    completed_at = ?1
FROM (
    SELECT d.id, COALESCE(group_concat(p.text, '' ORDER BY p.start_byte), '') AS response
    FROM dead d
    LEFT JOIN (
        SELECT turn_id, text, start_byte,
               sum(octet_length(text)) OVER (PARTITION BY turn_id ORDER BY start_byte) - octet_length(text) AS expected
        FROM turn_pieces
        WHERE turn_id IN (SELECT id FROM dead)
    ) p ON p.turn_id = d.id AND p.expected = p.start_byte
    GROUP BY d.id
) AS so_far
WHERE turns.id = so_far.id
RETURNING turns.id AS id
