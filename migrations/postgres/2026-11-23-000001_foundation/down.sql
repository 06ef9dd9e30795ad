DROP VIEW user_sessions;
DROP TABLE replicas;
DROP TABLE idempotency_keys;
DROP TABLE turn_pieces;
DROP TABLE turns;
DROP TABLE conversations;
DROP TABLE sessions;
DROP TABLE users;
