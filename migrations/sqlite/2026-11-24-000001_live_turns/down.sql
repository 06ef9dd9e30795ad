-- Text after a part comes after a gap then; whatever reads it stops there.
CREATE TABLE old_turn_pieces (
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    start_byte BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, start_byte)
) WITHOUT ROWID;
INSERT INTO old_turn_pieces SELECT turn_id, start_byte, text FROM turn_pieces WHERE part_index = 0 AND part IS NULL;
DROP TABLE turn_pieces;
ALTER TABLE old_turn_pieces RENAME TO turn_pieces;
DROP INDEX turns_cancel_requested_idx;
ALTER TABLE turns DROP COLUMN metadata;
ALTER TABLE turns DROP COLUMN cancel_requested_at;
