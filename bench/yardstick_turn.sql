-- pgbench: the least SQL that one durable turn needs, each statement in a commit of its own. The session and the last
-- seven turns are read, the question is stored before an engine would be asked, the answer after.
\set client random(1, 64)

SELECT s.user_id, context.request_question, context.response
FROM sessions s
LEFT JOIN LATERAL (
    SELECT t.request_question, t.response FROM turns t
    WHERE t.session_id = s.session_id ORDER BY t.entry_time DESC LIMIT 7
) context ON true
WHERE s.session_id = lpad(:client::text, 32, '0')::uuid AND s.is_active;

INSERT INTO turns (id, user_id, session_id, request_question, entry_time, expiry_timestamp)
VALUES (gen_random_uuid(), :client, lpad(:client::text, 32, '0')::uuid,
        'What did I ask you a moment ago, and what is next?', now(), now() + interval '60 days')
RETURNING id \gset

UPDATE turns SET response = 'You asked me a moment ago what comes next, and now you ask it again.'
WHERE id = :id::uuid;
