-- +goose Up
-- What people do with an incident.
ALTER TABLE incidents ADD COLUMN version    BIGINT NOT NULL DEFAULT 1;  -- counts what people changed, so that nobody overwrites what they have not seen
ALTER TABLE incidents ADD COLUMN source     TEXT   NOT NULL DEFAULT 'detection'; -- or report: people told of it before a machine did
ALTER TABLE incidents ADD COLUMN verdict    TEXT   NOT NULL DEFAULT ''; -- true or false: whether it was one; '': nobody has said
ALTER TABLE incidents ADD COLUMN tags       TEXT   NOT NULL DEFAULT ''; -- ' a b '
ALTER TABLE incidents ADD COLUMN contained  BIGINT NOT NULL DEFAULT 0;  -- 0: not
ALTER TABLE incidents ADD COLUMN remediated BIGINT NOT NULL DEFAULT 0;  -- 0: not
ALTER TABLE incidents ADD COLUMN recovery   TEXT   NOT NULL DEFAULT ''; -- how things came back to what they were
ALTER TABLE incidents ADD COLUMN lessons    TEXT   NOT NULL DEFAULT ''; -- what is to be learned of it
-- What was acknowledged is triaged; the column of that time keeps its name.
UPDATE incidents SET state = 'triaged' WHERE state = 'acknowledged';
CREATE INDEX incidents_closed ON incidents (closed);

-- What attackers do, as MITRE ATT&CK names it.
CREATE TABLE incident_techniques (
	incident  TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	technique TEXT NOT NULL,        -- T1110.003
	parent    TEXT NOT NULL,        -- T1110
	PRIMARY KEY (incident, technique)
);
CREATE INDEX incident_techniques_parent ON incident_techniques (parent, technique);

-- Which rules found it, also where their findings are not kept: what a verdict says of each rule. Incidents of before this table have none.
CREATE TABLE incident_rules (
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	rule     TEXT   NOT NULL,
	title    TEXT   NOT NULL,
	findings BIGINT NOT NULL,
	last_at  BIGINT NOT NULL,
	verdict  TEXT   NOT NULL,       -- true or false; '': as the incident's
	PRIMARY KEY (incident, rule)
);
CREATE INDEX incident_rules_rule ON incident_rules (rule, last_at);

-- What people changed, by whom.
CREATE TABLE incident_changes (
	id       TEXT   PRIMARY KEY,    -- random
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	version  BIGINT NOT NULL,       -- of the incident since then; of what makes no version, the one that was there
	at       BIGINT NOT NULL,
	who      TEXT   NOT NULL,
	field    TEXT   NOT NULL,       -- state, assignee, verdict, tags, recovery, lessons, step, merged, report
	about    TEXT   NOT NULL,       -- the rule of a verdict, the step of a playbook, the incident that was merged, the kind of a report
	before   TEXT   NOT NULL,
	after    TEXT   NOT NULL
);
CREATE INDEX incident_changes_incident ON incident_changes (incident, at);
CREATE INDEX incident_changes_field ON incident_changes (field, at);

-- Steps of playbooks that are done.
CREATE TABLE incident_steps (
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	playbook TEXT   NOT NULL,
	step     TEXT   NOT NULL,
	at       BIGINT NOT NULL,
	who      TEXT   NOT NULL,
	PRIMARY KEY (incident, playbook, step)
);

-- Events as they were written, so that they outlast the files that they were in.
CREATE TABLE incident_evidence (
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	event    TEXT   NOT NULL,       -- event.id
	at       BIGINT NOT NULL,
	line     BYTEA  NOT NULL,       -- encrypted
	PRIMARY KEY (incident, event)
);

-- +goose Down
DROP TABLE incident_evidence;
DROP TABLE incident_steps;
DROP TABLE incident_changes;
DROP TABLE incident_rules;
DROP TABLE incident_techniques;
DROP INDEX incidents_closed;
UPDATE incidents SET state = 'acknowledged' WHERE state IN ('triaged', 'contained', 'remediated');
ALTER TABLE incidents DROP COLUMN lessons;
ALTER TABLE incidents DROP COLUMN recovery;
ALTER TABLE incidents DROP COLUMN remediated;
ALTER TABLE incidents DROP COLUMN contained;
ALTER TABLE incidents DROP COLUMN tags;
ALTER TABLE incidents DROP COLUMN verdict;
ALTER TABLE incidents DROP COLUMN source;
ALTER TABLE incidents DROP COLUMN version;
