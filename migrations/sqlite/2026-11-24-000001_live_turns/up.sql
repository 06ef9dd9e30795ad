-- The asker's notes on a turn, and since when its owner wants it to stop. The index holds only what nobody has stopped
-- yet, which is next to nothing.
ALTER TABLE turns ADD COLUMN metadata TEXT;
ALTER TABLE turns ADD COLUMN cancel_requested_at BIGINT;
CREATE INDEX turns_cancel_requested_idx ON turns (owner) WHERE cancel_requested_at IS NOT NULL AND status = 'running';

-- An answer may have parts that are more than text: part_index counts those before a piece, part is one of them.
CREATE TABLE new_turn_pieces (
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    part_index INTEGER NOT NULL,
    start_byte BIGINT NOT NULL,
    text TEXT NOT NULL,
    part TEXT,
    PRIMARY KEY (turn_id, part_index, start_byte)
) WITHOUT ROWID;
INSERT INTO new_turn_pieces (turn_id, part_index, start_byte, text) SELECT turn_id, 0, start_byte, text FROM turn_pieces;
DROP TABLE turn_pieces;
ALTER TABLE new_turn_pieces RENAME TO turn_pieces;
