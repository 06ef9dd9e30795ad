) AS i (id, user_id, session_id, conversation_id, question, question_tokens, model, owner, entry_time, ttl_seconds, context_turns, key, fingerprint)),
target AS (
    SELECT
        i.*,
        c.id AS target_id,
        c.leaf_turn_id,
        c.last_seq,
        c.model AS conversation_model,
        c.system,
        i.entry_time + make_interval(secs => COALESCE(c.ttl_seconds, i.ttl_seconds)) AS expiry
    FROM input i
    CROSS JOIN LATERAL (
        SELECT COALESCE(
            i.conversation_id,
            (SELECT last.id FROM sessions s JOIN conversations last ON last.id = s.conversation_id
             WHERE s.id = i.session_id AND last.user_id = i.user_id
               AND NOT last.archived AND last.expiry_timestamp > i.entry_time),
            (SELECT latest.id FROM conversations latest
             WHERE latest.user_id = i.user_id AND NOT latest.archived AND latest.expiry_timestamp > i.entry_time
             ORDER BY latest.updated_at DESC, latest.id DESC LIMIT 1)
        ) AS id
    ) choice
    JOIN conversations c ON c.id = choice.id AND c.user_id = i.user_id AND c.expiry_timestamp > i.entry_time
    WHERE i.key IS NULL
       OR (i.first_of_key = 1 AND NOT EXISTS (SELECT FROM idempotency_keys k WHERE k.user_id = i.user_id AND k.key = i.key))
),
accepted AS (
    INSERT INTO turns (id, conversation_id, user_id, session_id, seq, parent_turn_id, status, request_question,
                       model, question_tokens, owner, entry_time, expiry_timestamp)
    SELECT id, target_id, user_id, session_id, last_seq + 1, leaf_turn_id, 'running', question,
           COALESCE(model, conversation_model), question_tokens, owner, entry_time, expiry
    FROM target
    ORDER BY target_id
    ON CONFLICT DO NOTHING
    RETURNING id, conversation_id, session_id, seq, parent_turn_id, entry_time, expiry_timestamp
),
moved AS (
    UPDATE conversations c
    SET leaf_turn_id = a.id, last_seq = a.seq, updated_at = a.entry_time, expiry_timestamp = a.expiry_timestamp
    FROM accepted a
    WHERE c.id = a.conversation_id
),
followed AS (
    UPDATE sessions s
    SET conversation_id = a.conversation_id
    FROM accepted a
    WHERE s.id = a.session_id AND s.conversation_id IS DISTINCT FROM a.conversation_id
),
claimed AS (
    INSERT INTO idempotency_keys (user_id, key, fingerprint, turn_id, created_at)
    SELECT t.user_id, t.key, t.fingerprint, t.id, t.entry_time
    FROM accepted a JOIN target t ON t.id = a.id
    WHERE t.key IS NOT NULL
)
SELECT a.id, a.conversation_id, a.seq, a.parent_turn_id, a.expiry_timestamp, t.conversation_model, t.system,
       past.questions, past.responses, past.tokens, past.expiries
FROM accepted a
JOIN target t ON t.id = a.id
LEFT JOIN LATERAL (
    SELECT array_agg(h.request_question) AS questions,
           array_agg(h.response) AS responses,
           array_agg(h.question_tokens + COALESCE(h.output_tokens, 0)) AS tokens,
           array_agg(h.expiry_timestamp) AS expiries
    FROM (
        SELECT request_question, response, question_tokens, output_tokens, expiry_timestamp
        FROM turns
        WHERE conversation_id = t.target_id AND seq <= t.last_seq AND seq > t.last_seq - 4 * t.context_turns
          AND status IN ('completed', 'incomplete', 'cancelled') AND response <> '' AND expiry_timestamp > t.entry_time
        ORDER BY seq DESC
        LIMIT t.context_turns
    ) h
) past ON true
