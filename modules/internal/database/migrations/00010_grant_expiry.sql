-- +goose Up
-- Grants that end, and the way from a subject to its objects. kind: the type of the object, what stands before its first colon.
ALTER TABLE grants ADD COLUMN expires BIGINT NOT NULL DEFAULT 0; -- 0: never
ALTER TABLE grants ADD COLUMN kind TEXT NOT NULL DEFAULT '';
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 320)
UPDATE grants SET kind = substr(object, 1, (SELECT i FROM n WHERE substr(grants.object, i, 1) = ':' ORDER BY i LIMIT 1) - 1);
DROP INDEX grants_subject;
-- All that a list of a subject's objects needs, so that it is read from the index alone.
CREATE INDEX grants_subject ON grants (subject, kind, object, relation, expires);
-- Where an object is, without its members.
CREATE INDEX grants_parent ON grants (object, subject) WHERE relation = 'parent';
CREATE INDEX grants_expires ON grants (expires) WHERE expires <> 0;

-- +goose Down
DROP INDEX grants_expires;
DROP INDEX grants_parent;
DROP INDEX grants_subject;
CREATE INDEX grants_subject ON grants (subject, relation);
ALTER TABLE grants DROP COLUMN kind;
ALTER TABLE grants DROP COLUMN expires;
