SELECT f.id, t.id IS NOT NULL AS is_there, t.completed_at IS NOT NULL AS has_ended,
       p.part_index, p.start_byte, p.text, p.part
FROM unnest($1, $2, $3) AS f (id, parts, start)
LEFT JOIN turns t ON t.id = f.id
-- A piece counts by where it ends: one that was known may have grown.
LEFT JOIN turn_pieces p
    ON p.turn_id = t.id AND t.completed_at IS NULL
    AND (p.part_index + (p.part IS NOT NULL)::int, p.start_byte + octet_length(p.text)) > (f.parts, f.start)
ORDER BY f.id, p.part_index, p.start_byte
