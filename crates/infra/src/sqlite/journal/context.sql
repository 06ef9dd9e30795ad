SELECT request_question, response, question_tokens + COALESCE(output_tokens, 0), expiry_timestamp
FROM turns
WHERE conversation_id = ? AND seq < ? AND seq >= ?
  AND status IN ('completed', 'incomplete', 'cancelled') AND response <> '' AND expiry_timestamp > ?
ORDER BY seq DESC
LIMIT ?
