-- One look at the index for each turn that has pieces, however many those are.
WITH RECURSIVE told AS (
    (SELECT turn_id FROM turn_pieces ORDER BY turn_id LIMIT 1)
    UNION ALL
    SELECT (SELECT p.turn_id FROM turn_pieces p WHERE p.turn_id > told.turn_id ORDER BY p.turn_id LIMIT 1)
    FROM told WHERE told.turn_id IS NOT NULL
)
DELETE FROM turn_pieces p
USING told JOIN turns t ON t.id = told.turn_id
WHERE t.completed_at IS NOT NULL AND p.turn_id = t.id
