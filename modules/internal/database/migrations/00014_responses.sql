-- +goose Up
-- What is done to a subject for a while.
CREATE TABLE measures (
	subject_kind TEXT   NOT NULL,  -- client, user or session
	subject      TEXT   NOT NULL,
	kind         TEXT   NOT NULL,  -- challenge, throttle, raise_paranoia, require_second_factor or close_sockets
	created      BIGINT NOT NULL,
	expires      BIGINT NOT NULL,
	response     TEXT   NOT NULL,  -- the id of the response that it belongs to; '': none
	PRIMARY KEY (subject_kind, subject, kind)
);
CREATE INDEX measures_expires ON measures (expires);

-- What was done, is proposed, or waits for a person, because of a finding or an operator's command.
CREATE TABLE responses (
	id           TEXT   PRIMARY KEY,      -- random
	action       TEXT   NOT NULL,         -- a measure's kind, or ban, end_sessions, lock_account, webhook
	subject_kind TEXT   NOT NULL,
	subject      TEXT   NOT NULL,
	state        TEXT   NOT NULL,         -- proposed, held, applied, ended, undone, failed or dismissed
	mode         TEXT   NOT NULL,         -- automatic or operator
	by_whom      TEXT   NOT NULL,         -- who applied it or said so last: monitor, an operator's id, or command
	rule         TEXT   NOT NULL,         -- the finding's; '': none
	finding      TEXT   NOT NULL,
	incident     TEXT   NOT NULL,
	reason       TEXT   NOT NULL,         -- why: the rule's title, or what the operator wrote
	created      BIGINT NOT NULL,
	lasts        BIGINT NOT NULL,         -- microseconds; 0: it has no end
	applied      BIGINT NOT NULL,         -- 0: not
	expires      BIGINT NOT NULL,         -- 0: never
	closed       BIGINT NOT NULL,         -- when it ended, was undone or dismissed; 0: not
	detail       TEXT   NOT NULL          -- why it failed or was held, for operators
);
CREATE INDEX responses_created ON responses (created);
CREATE INDEX responses_state ON responses (state, created);
CREATE INDEX responses_subject ON responses (subject_kind, subject, action);
CREATE INDEX responses_expires ON responses (expires) WHERE expires <> 0;

-- +goose Down
DROP TABLE responses;
DROP TABLE measures;
