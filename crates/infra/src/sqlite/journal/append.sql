INSERT INTO turn_pieces (turn_id, start_byte, text)
SELECT id, ?, ? FROM turns WHERE id = ? AND status = 'running'
ON CONFLICT (turn_id, start_byte) DO UPDATE SET text = excluded.text
WHERE octet_length(excluded.text) > octet_length(turn_pieces.text)
