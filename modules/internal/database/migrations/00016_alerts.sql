-- +goose Up
-- What people are to be told of incidents, one row for what one channel says at once.
CREATE TABLE alerts (
	id         TEXT   PRIMARY KEY,  -- random
	channel    TEXT   NOT NULL,     -- its name in the configuration
	grouped    TEXT   NOT NULL,     -- what the incidents have in common
	state      TEXT   NOT NULL,     -- waiting, sent or dead
	level      BIGINT NOT NULL,     -- the highest of its incidents: 0 informational to 4 critical
	incidents  TEXT   NOT NULL,     -- JSON
	escalation BIGINT NOT NULL,     -- the step; 0: the first alert
	created    BIGINT NOT NULL,
	next_at    BIGINT NOT NULL,     -- when it is due, or tried again
	tries      BIGINT NOT NULL,
	sent       BIGINT NOT NULL,     -- 0: not
	detail     TEXT   NOT NULL      -- why it failed, for operators
);
CREATE INDEX alerts_due ON alerts (state, next_at);
CREATE INDEX alerts_group ON alerts (channel, grouped, state);

-- What a channel has been told of an incident, so that it is told once.
CREATE TABLE alerts_told (
	incident TEXT   NOT NULL,
	channel  TEXT   NOT NULL,
	level    BIGINT NOT NULL,
	state    TEXT   NOT NULL,       -- open or closed
	at       BIGINT NOT NULL,
	PRIMARY KEY (incident, channel)
);
CREATE INDEX alerts_told_at ON alerts_told (at);

-- Incidents that others are told of where nobody acknowledges them.
CREATE TABLE alert_escalations (
	incident TEXT   PRIMARY KEY,
	step     BIGINT NOT NULL,       -- the next one, from 1
	due      BIGINT NOT NULL
);
CREATE INDEX alert_escalations_due ON alert_escalations (due);

-- +goose Down
DROP TABLE alert_escalations;
DROP TABLE alerts_told;
DROP TABLE alerts;
