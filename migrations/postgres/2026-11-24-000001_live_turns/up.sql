-- The asker's notes on a turn, and since when its owner wants it to stop. The index holds only what nobody has stopped
-- yet, which is next to nothing.
ALTER TABLE turns ADD COLUMN metadata jsonb, ADD COLUMN cancel_requested_at timestamptz;
CREATE INDEX turns_cancel_requested_idx ON turns (owner) WHERE cancel_requested_at IS NOT NULL AND status = 'running';

-- An answer may have parts that are more than text: part_index counts those before a piece, part is one of them. A server
-- of the version before cannot store pieces from here on; it says so in its log, and stores its answers when they end.
ALTER TABLE turn_pieces ADD COLUMN part_index integer NOT NULL DEFAULT 0, ADD COLUMN part jsonb;
ALTER TABLE turn_pieces DROP CONSTRAINT turn_pieces_pkey;
ALTER TABLE turn_pieces ADD CONSTRAINT turn_pieces_pkey PRIMARY KEY (turn_id, part_index, start_byte);
