) AS i (id, user_id, session_id, conversation_id, question, question_tokens, model, metadata, owner, entry_time, ttl_seconds, max_turns, max_tokens, look_back, key, fingerprint)),
target AS MATERIALIZED (
    SELECT
        i.*,
        c.id AS target_id,
        c.leaf_turn_id,
        c.last_seq,
        i.entry_time + make_interval(secs => COALESCE(c.ttl_seconds, i.ttl_seconds)) AS expiry,
        s.conversation_id IS DISTINCT FROM c.id AS moves_session
    FROM input i
    LEFT JOIN sessions s ON s.id = i.session_id
    JOIN conversations c
        ON c.id = COALESCE(i.conversation_id, s.conversation_id) AND c.user_id = i.user_id
        AND c.expiry_timestamp > i.entry_time AND (i.conversation_id IS NOT NULL OR NOT c.archived)
    WHERE NOT EXISTS (SELECT FROM turns r WHERE r.conversation_id = c.id AND r.status = 'running')
      AND (i.key IS NULL OR NOT EXISTS (SELECT FROM idempotency_keys k WHERE k.user_id = i.user_id AND k.key = i.key))
    ORDER BY c.id
),
-- Whoever changed the conversation since it was read has changed last_seq as well: then the row is not touched.
moved AS (
    UPDATE conversations c
    SET leaf_turn_id = t.id, last_seq = t.last_seq + 1, updated_at = t.entry_time, expiry_timestamp = t.expiry
    FROM target t
    WHERE c.id = t.target_id AND c.last_seq = t.last_seq
    RETURNING t.*, c.last_seq AS seq, c.model AS conversation_model, c.system
),
accepted AS (
    INSERT INTO turns (id, conversation_id, user_id, session_id, seq, parent_turn_id, status, request_question,
                       model, metadata, question_tokens, owner, entry_time, expiry_timestamp)
    SELECT id, target_id, user_id, session_id, seq, leaf_turn_id, 'running', question,
           COALESCE(model, conversation_model), metadata, question_tokens, owner, entry_time, expiry
    FROM moved
),
followed AS (
    UPDATE sessions s
    SET conversation_id = m.target_id
    FROM moved m
    WHERE m.moves_session AND s.id = m.session_id
),
claimed AS (
    INSERT INTO idempotency_keys (user_id, key, fingerprint, turn_id, created_at)
    SELECT user_id, key, fingerprint, id, entry_time
    FROM moved
    WHERE key IS NOT NULL
)
SELECT m.id, m.target_id, m.seq, m.leaf_turn_id, m.expiry, m.conversation_model, m.system,
       past.questions, past.responses, past.tokens, past.expiries
FROM moved m
LEFT JOIN LATERAL (
    SELECT array_agg(h.request_question) AS questions,
           array_agg(h.response) AS responses,
           array_agg(h.tokens) AS tokens,
           array_agg(h.expiry_timestamp) AS expiries
    FROM (
        SELECT l.*, sum(l.tokens) OVER (ORDER BY l.seq DESC ROWS UNBOUNDED PRECEDING) AS total
        FROM (
            SELECT seq, request_question, response, expiry_timestamp,
                   LEAST(question_tokens + COALESCE(output_tokens, 0), 4294967295) AS tokens
            FROM turns
            WHERE conversation_id = m.target_id AND seq < m.seq AND seq >= m.seq - m.look_back
              AND status IN ('completed', 'incomplete', 'cancelled') AND response <> ''
              AND expiry_timestamp > m.entry_time
            ORDER BY seq DESC
            LIMIT m.max_turns
        ) l
    ) h
    WHERE h.total <= m.max_tokens
) past ON true
