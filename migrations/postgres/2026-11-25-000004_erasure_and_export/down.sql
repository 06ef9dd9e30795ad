DROP INDEX sessions_ended_at_idx;
DROP INDEX sessions_expires_at_idx;
DROP TABLE export_chunks;
DROP TABLE exports;
DROP TABLE erasures;
