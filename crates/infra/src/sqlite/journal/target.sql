SELECT c.id, c.model, c.system, c.ttl_seconds, c.leaf_turn_id, c.last_seq,
       (SELECT r.id FROM turns r WHERE r.conversation_id = c.id AND r.status = 'running') AS running,
       EXISTS (SELECT 1 FROM sessions s WHERE s.id = ? AND s.conversation_id IS NOT c.id) AS moves_session,
       EXISTS (SELECT 1 FROM turns t WHERE t.id = ?) AS is_known
FROM conversations c
WHERE c.id = COALESCE(
        ?,
        (SELECT last.id FROM sessions s JOIN conversations last ON last.id = s.conversation_id
         WHERE s.id = ? AND last.user_id = ? AND NOT last.archived AND last.expiry_timestamp > ?),
        (SELECT latest.id FROM conversations latest
         WHERE latest.user_id = ? AND NOT latest.archived AND latest.expiry_timestamp > ?
         ORDER BY latest.updated_at DESC, latest.id DESC LIMIT 1)
      )
  AND c.user_id = ? AND c.expiry_timestamp > ?
