SELECT request_question, response, tokens, expiry_timestamp
FROM (
    SELECT l.*, sum(l.tokens) OVER (ORDER BY l.seq DESC ROWS UNBOUNDED PRECEDING) AS total
    FROM (
        SELECT seq, request_question, response, expiry_timestamp,
               min(question_tokens + COALESCE(output_tokens, 0), 4294967295) AS tokens
        FROM turns
        WHERE conversation_id = ? AND seq < ? AND seq >= ?
          AND status IN ('completed', 'incomplete', 'cancelled') AND response <> '' AND expiry_timestamp > ?
        ORDER BY seq DESC
        LIMIT ?
    ) l
)
WHERE total <= ?
ORDER BY seq DESC
