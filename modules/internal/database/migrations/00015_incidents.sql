-- +goose Up
-- Findings that are worked as one.
CREATE TABLE incidents (
	id           TEXT   PRIMARY KEY,  -- random
	state        TEXT   NOT NULL,     -- open, acknowledged or closed
	level        BIGINT NOT NULL,     -- the highest of its findings: 0 informational to 4 critical
	title        TEXT   NOT NULL,     -- of the finding with that level which came first
	first_at     BIGINT NOT NULL,     -- of the events
	last_at      BIGINT NOT NULL,
	opened       BIGINT NOT NULL,
	acknowledged BIGINT NOT NULL,     -- 0: not
	closed       BIGINT NOT NULL,     -- 0: not
	owner        TEXT   NOT NULL,     -- who acknowledged it
	closer       TEXT   NOT NULL,     -- who closed it
	findings     BIGINT NOT NULL,     -- how many, also those that are not kept
	merged       TEXT   NOT NULL      -- the incident that it became part of; '': none
);
CREATE INDEX incidents_state ON incidents (state, last_at);
CREATE INDEX incidents_opened ON incidents (opened);

CREATE TABLE incident_subjects (
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	kind     TEXT   NOT NULL,
	subject  TEXT   NOT NULL,
	last_at  BIGINT NOT NULL,
	PRIMARY KEY (incident, kind, subject)
);
CREATE INDEX incident_subjects_subject ON incident_subjects (kind, subject, last_at);

CREATE TABLE incident_findings (
	id       TEXT   PRIMARY KEY,      -- the finding's
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	at       BIGINT NOT NULL,         -- of its last event
	finding  TEXT   NOT NULL          -- JSON
);
CREATE INDEX incident_findings_incident ON incident_findings (incident, at);

CREATE TABLE incident_notes (
	id       TEXT   PRIMARY KEY,      -- random
	incident TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
	at       BIGINT NOT NULL,
	author   TEXT   NOT NULL,
	text     TEXT   NOT NULL
);
CREATE INDEX incident_notes_incident ON incident_notes (incident, at);

-- +goose Down
DROP TABLE incident_notes;
DROP TABLE incident_findings;
DROP TABLE incident_subjects;
DROP TABLE incidents;
