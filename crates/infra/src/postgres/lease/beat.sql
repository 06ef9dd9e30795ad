WITH renewed AS (
    INSERT INTO replicas (id, lease_until)
    SELECT $1, now() + $2 WHERE $2 IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET lease_until = EXCLUDED.lease_until
),
-- That a turn runs is read off its missing end, as in finish.sql.
appended AS (
    INSERT INTO turn_pieces (turn_id, part_index, start_byte, text, part)
    SELECT i.turn_id, i.part_index, i.start_byte, i.text, i.part
    FROM unnest($3, $4, $5, $6, $7) AS i (turn_id, part_index, start_byte, text, part)
    JOIN turns t ON t.id = i.turn_id AND t.owner = $1 AND t.completed_at IS NULL
    ON CONFLICT (turn_id, part_index, start_byte) DO UPDATE SET text = EXCLUDED.text
    WHERE octet_length(EXCLUDED.text) > octet_length(turn_pieces.text)
)
SELECT t.id, false AS is_credential
FROM turns t
WHERE t.owner = $1 AND t.status = 'running' AND t.cancel_requested_at IS NOT NULL
UNION ALL
-- Somebody took this process for dead, and closed it.
SELECT DISTINCT i.id, false
FROM unnest($3) AS i (id)
LEFT JOIN turns t ON t.id = i.id AND t.owner = $1 AND t.completed_at IS NULL
WHERE t.id IS NULL
UNION ALL
-- A credential is over unless it is a live session or a live key, of a user who may do something.
SELECT i.id, true
FROM unnest($8) AS i (id)
LEFT JOIN sessions s
    ON s.id = i.id
    AND s.ended_at IS NULL
    AND s.expires_at > now()
    AND s.last_seen_at + s.idle_seconds * interval '1 second' > now()
LEFT JOIN api_keys k ON k.id = i.id AND k.revoked_at IS NULL AND k.expires_at > now()
LEFT JOIN users u ON u.id = coalesce(s.user_id, k.user_id) AND u.is_active
WHERE u.id IS NULL
