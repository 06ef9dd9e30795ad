SELECT t.id, t.owner, t.question_tokens
FROM turns t
LEFT JOIN replicas r ON r.id = t.owner AND r.lease_until > now()
WHERE t.status = 'running' AND t.owner <> $1 AND r.id IS NULL
ORDER BY t.id
FOR UPDATE OF t SKIP LOCKED
