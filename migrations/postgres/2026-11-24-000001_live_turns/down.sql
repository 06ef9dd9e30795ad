-- Text after a part comes after a gap then; whatever reads it stops there.
DELETE FROM turn_pieces WHERE part_index > 0 OR part IS NOT NULL;
ALTER TABLE turn_pieces DROP CONSTRAINT turn_pieces_pkey;
ALTER TABLE turn_pieces ADD CONSTRAINT turn_pieces_pkey PRIMARY KEY (turn_id, start_byte);
ALTER TABLE turn_pieces DROP COLUMN part_index, DROP COLUMN part;
DROP INDEX turns_cancel_requested_idx;
ALTER TABLE turns DROP COLUMN metadata, DROP COLUMN cancel_requested_at;
