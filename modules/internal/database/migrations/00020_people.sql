-- +goose Up
-- For tables of people, sessions and tokens in another order than by name.
CREATE INDEX accounts_seen ON accounts (last_auth_at, id) WHERE kind = 'person';
CREATE INDEX accounts_created ON accounts (created_at, id) WHERE kind = 'person';
CREATE INDEX sessions_living ON sessions (created_at, id) WHERE ended_at = 0;
CREATE INDEX tokens_living ON tokens (created_at, id) WHERE ended_at = 0;

-- Who held what at one moment, and what a reviewer said of each. No names stand here: they are looked up, and an erased person has none any more.
CREATE TABLE reviews (
	id        TEXT   PRIMARY KEY,     -- random
	title     TEXT   NOT NULL,
	state     TEXT   NOT NULL,        -- open, signed or cancelled
	scope     TEXT   NOT NULL,        -- kinds of lines, separated by commas
	stale     BIGINT NOT NULL,        -- microseconds without a use after which something is stale
	at        BIGINT NOT NULL,        -- of the snapshot
	by_whom   TEXT   NOT NULL,
	due       BIGINT NOT NULL,        -- 0: no day was set
	lines     BIGINT NOT NULL,
	closed    BIGINT NOT NULL,        -- when it was signed or cancelled; 0: not
	signer    TEXT   NOT NULL,
	statement TEXT   NOT NULL,        -- what the signer wrote
	digest    TEXT   NOT NULL,        -- SHA-256 of all of it, in hex; '': not signed
	version   BIGINT NOT NULL
);
CREATE INDEX reviews_at ON reviews (at, id);

CREATE TABLE review_lines (
	review    TEXT   NOT NULL REFERENCES reviews (id) ON DELETE CASCADE,
	n         BIGINT NOT NULL,        -- from 1
	kind      TEXT   NOT NULL,        -- role, grant, token or key
	account   TEXT   NOT NULL,        -- whose; '': nobody's here, then subject says it
	subject   TEXT   NOT NULL,        -- "*", an object, or another issuer's name
	what      TEXT   NOT NULL,        -- the role; the relation and object; the token's or key's id
	detail    TEXT   NOT NULL,        -- scopes
	since     BIGINT NOT NULL,        -- 0: unknown
	used      BIGINT NOT NULL,        -- 0: never, or unknown
	stale     TEXT   NOT NULL,        -- why it is; '': it is not
	decision  TEXT   NOT NULL,        -- keep, revoke or ''
	by_whom   TEXT   NOT NULL,
	decided   BIGINT NOT NULL,
	note      TEXT   NOT NULL,
	done      BIGINT NOT NULL,        -- when what was to be revoked was; 0: not
	version   BIGINT NOT NULL,
	PRIMARY KEY (review, n)
);
CREATE INDEX review_lines_account ON review_lines (account);

-- What may go wrong, fed by what the gateway sees.
CREATE TABLE risks (
	id         TEXT   PRIMARY KEY,    -- random
	cause      TEXT   NOT NULL UNIQUE,-- what it is of: source and key, so that one cause is one risk
	source     TEXT   NOT NULL,       -- incident, control, route or person
	title      TEXT   NOT NULL,
	detail     TEXT   NOT NULL,
	mend       TEXT   NOT NULL,       -- how it goes away
	link       TEXT   NOT NULL,       -- where it is seen, within the console
	likelihood BIGINT NOT NULL,       -- 1 to 5
	impact     BIGINT NOT NULL,       -- 1 to 5
	assessed   BIGINT NOT NULL,       -- when a person said so; 0: the machine's guess
	owner      TEXT   NOT NULL,
	treatment  TEXT   NOT NULL,       -- undecided, mitigate, accept, transfer or avoid
	due        BIGINT NOT NULL,       -- 0: no day was set
	accepted   BIGINT NOT NULL,       -- until when it is accepted; 0: it is not
	state      TEXT   NOT NULL,       -- open or closed
	times      BIGINT NOT NULL,       -- how often the cause was there, where it counts
	opened     BIGINT NOT NULL,
	seen       BIGINT NOT NULL,       -- when the cause was last there
	closed     BIGINT NOT NULL,       -- 0: not
	version    BIGINT NOT NULL
);
CREATE INDEX risks_state ON risks (state, likelihood, impact);

CREATE TABLE risk_history (
	id      TEXT   PRIMARY KEY,       -- random
	risk    TEXT   NOT NULL REFERENCES risks (id) ON DELETE CASCADE,
	at      BIGINT NOT NULL,
	by_whom TEXT   NOT NULL,          -- an id, operator, or monitor
	what    TEXT   NOT NULL,
	text    TEXT   NOT NULL
);
CREATE INDEX risk_history_risk ON risk_history (risk, at);

-- +goose Down
DROP TABLE risk_history;
DROP TABLE risks;
DROP TABLE review_lines;
DROP TABLE reviews;
DROP INDEX tokens_living;
DROP INDEX sessions_living;
DROP INDEX accounts_created;
DROP INDEX accounts_seen;
