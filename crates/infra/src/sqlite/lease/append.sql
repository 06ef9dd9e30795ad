INSERT INTO turn_pieces (turn_id, part_index, start_byte, text, part)
SELECT id, ?, ?, ?, ? FROM turns WHERE id = ? AND owner = ? AND status = 'running'
ON CONFLICT (turn_id, part_index, start_byte) DO UPDATE SET text = excluded.text
WHERE octet_length(excluded.text) > octet_length(turn_pieces.text)
